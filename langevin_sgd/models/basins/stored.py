"""A finished basins model: its process, and what the landscape, the noise and the config say again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.laws import Point
from langevin_sgd.laws.recomputed import Found, Recomputed, follow
from langevin_sgd.models.basins import prepared as basins
from langevin_sgd.models.basins.answers import Answers
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.models.langevin.stored import follows as walk_follows


def process(point: Point) -> Answers | None:
    """What the laws answer of the process on the measured cells; None if the config asks for no laws."""
    if not point.model.laws:
        return None
    assert point.sgd is not None
    ran = basins.process_of(point.model, point.sgd, _scheme(point))
    sides = ("x_edge", "y_edge")[: min(ran.landscape.dimension, 2)]
    edges = tuple(point.values(side) for side in sides if "x_edge" in point.data.variables)
    cores = basins.cores_of(ran)
    return Answers(ran, edges, None if cores is None else cores.energies)


def follows(point: Point) -> Found:
    """What it ran with, its times, the errors of its shares and the cells of its density."""
    assert point.sgd is not None
    ready = basins.prepare(point.model, point.sgd, _scheme(point))
    found = dict(walk_follows(point))
    ran, observer = ready.process, ready.observer
    window = ran.time_step * np.array([point.model.first_of_window, point.model.steps])
    found["occupancy_window"] = Recomputed(window, "the config")
    values: dict[str, ArrayLike] = {}
    of_one = point.model.replicas / len(ready.starts)
    for name, replicas in (("occupancy_from", of_one), ("occupancy", point.model.replicas)):
        share = point.values(name)
        found[f"{name}_stderr"] = Recomputed(
            np.sqrt(np.maximum(share * (1.0 - share), 0.0) / max(replicas - 1, 1)), name
        )
    if observer.edges:
        values["x_edge"] = observer.edges[0]
        values["y_edge"] = observer.edges[1] if observer.plane else np.array([0.0, 1.0])
    return {**found, **follow(values, "the landscape, the noise and the step of the config")}


def _scheme(point: Point) -> str:
    assert point.sgd is not None  # a config that the kind takes has one, or the model its own
    return langevin.scheme_of([(point.model, point.sgd)])
