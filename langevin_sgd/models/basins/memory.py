"""What a basins model holds in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.factors import launch_points, scan_points, times
from langevin_sgd.models.langevin.memory import ensemble, states
from langevin_sgd.models.memory import Factor, Held

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_MOST_NUMBERS = 1 << 24  # recorded in one segment, however many looks there are


def held(study: Study, name: str) -> list[Held]:
    """Of one launch states of replicas x points, counts of replicas x basins, and one segment of looks at positions."""
    model = study.models[name]
    assert isinstance(model, BasinsModel)
    replicas, points, record = (
        ensemble(study, name),
        scan_points(study, name),
        times(("models", name), model.record_times),
    )
    d, basins = len(model.landscape.variables), len(model.known_labels()) or 2
    together = launch_points(study, name)
    looks = record.value + model.samples
    numbers = replicas.value * together.value * d
    segment = min(looks, max(1.0, _MOST_NUMBERS // numbers))
    plane = (5 if d == 2 else 0) + (4 * d if model.one_well else 0)
    look = Factor((), "looks", segment, segment)  # no key makes it larger: there are more segments
    return [
        *states(study, name),
        Held("the counts of replicas x basins", 16.0 * (basins**2 + 2 * basins + 2 + plane), (replicas, together)),
        Held("the looks at all positions", 8.0 * d, (replicas, together, look)),
        Held("the looks of one point", 8.0 * (6 * d + 6), (replicas, look)),
        Held("the occupancies", 64.0 * basins, (record, points), kept=True),
    ]
