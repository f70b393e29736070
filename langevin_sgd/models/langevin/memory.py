"""What a Langevin model holds in memory, and what every model of that equation does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.factors import copies, launch_points, scan_points, times
from langevin_sgd.models.langevin.config import LangevinEquation, LangevinModel
from langevin_sgd.models.memory import Factor, Held, of_launch, total

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_USUAL_BINS = 1_000

AT_ONCE = 1 << 29
"""Bytes of the points of one launch."""

UPDATES = 1 << 29
"""Updates of one coordinate in one launch, a few seconds' worth."""


def held(study: Study, name: str) -> list[Held]:
    """Of one launch the states of replicas x points and the positions of replicas x times x coordinates; of all points
    the records of replicas x times and the histograms of times x bins, of a launch while its points are put together.
    """
    model = study.models[name]
    assert isinstance(model, LangevinModel)
    at: KeyPath = ("models", name)
    replicas, points, record = ensemble(study, name), scan_points(study, name), times(at, model.record_times)
    together, count = launch_points(study, name), copies(points)
    d = len(model.potential.variables)
    parts = [
        *states(study, name),
        Held(
            "the energies and displacements of replicas x times",
            16.0,
            (replicas, record, points),
            kept=True,
            copies=count,
        ),
        Held(
            "the recorded positions of replicas x times",
            8.0 * (2 * d + 2),
            (replicas, record, together),
            on_device=True,
        ),
    ]
    if model.first_passage is not None:
        parts.append(Held("the first passages", 16.0, (replicas, points), kept=True, copies=count))
    for variable, (_, _, bins) in model.histogram.items():
        number = Factor((*at, "histogram", variable), "bins", bins, _USUAL_BINS)
        parts.append(Held("the histograms of times x bins", 8.0, (record, number, points), kept=True, copies=count))
        parts.append(Held("the histograms under way", 16.0, (record, number, together)))
    return [*parts, *of_launch(parts, points, together)]


def points_at_once(study: Study, name: str) -> int:
    """The points that go through one launch: as many as `AT_ONCE` bytes hold and `UPDATES` updates of walkers move."""
    model = study.models[name]
    assert isinstance(model, LangevinEquation)
    of_one = total(model.held(study.changed({}), name))
    updates = model.steps * model.replicas * len(model.landscape.variables)
    return max(1, min(int(AT_ONCE / of_one), UPDATES // updates))


def ensemble(study: Study, name: str) -> Factor:
    """The replicas of one point."""
    model = study.models[name]
    assert isinstance(model, LangevinEquation)
    return Factor(
        ("models", name, "replicas"), "replicas", model.replicas, type(model).model_fields["replicas"].default
    )


def states(study: Study, name: str) -> list[Held]:
    """Where all trajectories of one launch stand, and what the kernel is given of each."""
    model = study.models[name]
    assert isinstance(model, LangevinEquation)
    d = len(model.landscape.variables)
    scanned = 3 * len(lineage.scanned(study, name))  # their values, a trajectory each, as given and as coefficients
    return [
        Held(
            "the states of replicas x coordinates", 8.0 * (8 * d + 6 + scanned),
            (ensemble(study, name), launch_points(study, name)), on_device=True,
        )
    ]  # fmt: skip
