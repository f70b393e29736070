"""What a Langevin model holds in memory, and what every model of that equation does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.factors import copies, scan_points, times
from langevin_sgd.models.langevin.config import LangevinEquation, LangevinModel
from langevin_sgd.models.memory import Factor, Held, total

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
    together = launch(study, name)
    d = len(model.potential.variables)
    parts = [
        *states(study, name),
        *_records("the energies and displacements of replicas x times", 16.0, (replicas, record), points, together),
        Held(
            "the recorded positions of replicas x times",
            8.0 * (2 * d + 2),
            (replicas, record, together),
            on_device=True,
        ),
    ]
    if model.first_passage is not None:
        parts += _records("the first passages", 16.0, (replicas,), points, together)
    for variable, (_, _, bins) in model.histogram.items():
        number = Factor((*at, "histogram", variable), "bins", bins, _USUAL_BINS)
        parts += _records("the histograms of times x bins", 8.0, (record, number), points, together)
        parts.append(Held("the histograms under way", 16.0, (record, number, together)))
    return parts


def _records(what: str, size: float, factors: tuple[Factor, ...], points: Factor, together: Factor) -> list[Held]:
    """What is kept of every point, and of those of one launch twice more while they become a block of the store."""
    kept = Held(what, size * copies(points), (*factors, points), kept=True)
    return [kept] if points.value == 1 else [kept, Held(f"{what} of one launch", 2.0 * size, (*factors, together))]


def launch(study: Study, name: str) -> Factor:
    """The points that are under way at once; no key makes them more, for there are more launches then."""
    points = scan_points(study, name).value
    together = min(points, points_at_once(study, name)) if points > 1 else points
    return Factor((), "points of a launch", together, together)


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
            (ensemble(study, name), launch(study, name)), on_device=True,
        )
    ]  # fmt: skip
