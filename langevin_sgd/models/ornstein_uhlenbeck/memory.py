"""What an Ornstein-Uhlenbeck model holds in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.factors import DIMENSION, copies, launch_points, parameters, samples, scan_points, times
from langevin_sgd.models.memory import Factor, Held, of_launch, total
from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

AT_ONCE = 1 << 28
"""Bytes that the points of one launch may hold."""
JUMPED = 1 << 26
"""Coordinates of replicas that the jumps of one launch may move: a few seconds' work."""

_USUAL_REPLICAS = OrnsteinUhlenbeckModel.model_fields["replicas"].default


def held(study: Study, name: str) -> list[Held]:
    """Positions and moments of replicas x modes, records of replicas x times, matrices of modes x modes.

    H and C may come from a network whose size is not known yet; then only what does not depend on it.
    """
    model = study.models[name]
    assert isinstance(model, OrnsteinUhlenbeckModel)
    at: KeyPath = ("models", name)
    replicas = Factor((*at, "replicas"), "replicas", model.replicas, _USUAL_REPLICAS)
    points = scan_points(study, name)
    record, sample = times(at, model.record_times), samples(at, model, lineage.steps(study, name))
    together = launch_points(study, name)
    count = copies(points)
    parts = [
        Held(
            "the energies and displacements of replicas x times",
            16.0,
            (replicas, record, points),
            kept=True,
            copies=count,
        ),
        Held("the energies in the stationary window", 8.0, (replicas, sample, points), kept=True, copies=count),
        Held("the sampled steps", 32.0, (sample,)),
    ]
    modes = _modes(study, at, model)
    if modes is None:
        return [*parts, *of_launch(parts, points, together)]
    inertial = model.dynamics == "discrete" and lineage.sgd(study, name).momentum > 0
    jumps = 4 * 32.0 if inertial else 16.0  # those kept for gaps that come again
    parts += [
        Held("the mode moments of replicas x modes", 16.0, (replicas, modes, points), kept=True, copies=count),
        Held("the positions of replicas x modes", 8.0 * (11 if inertial else 9), (replicas, modes, together)),
        Held("Hessian, noise covariance and laws, of modes x modes", 64.0 + jumps, (modes, modes)),
        Held("the transients of times x modes", 40.0, (record, modes)),
        Held("the transients of samples x modes", 40.0, (sample, modes)),
        *([] if model.needs() else [Held("the eigenvectors", 8.0, (modes, modes, points), kept=True, copies=count)]),
    ]
    return [*parts, *of_launch(parts, points, together)]


def points_at_once(study: Study, name: str) -> int:
    """The points that go through one launch: as many as `AT_ONCE` bytes hold and move `JUMPED` coordinates."""
    model, alone = study.models[name], study.changed({})
    assert isinstance(model, OrnsteinUhlenbeckModel)
    modes = model.hessian.size(study.models)
    if modes is None:
        return 1
    jumps = sum(model.work(alone, name).values())
    of_one = total(held(alone, name))
    return max(1, min(int(AT_ONCE / of_one), JUMPED // (model.replicas * modes * jumps)))


def _modes(study: Study, at: KeyPath, model: OrnsteinUhlenbeckModel) -> Factor | None:
    size, source = model.hessian.size(study.models), model.hessian.source()
    if size is None:
        return None
    if source is None:
        return Factor((*at, "hessian"), "modes", size, DIMENSION)
    return parameters(("models", source, study.models[source].SIZE_KEY), size)
