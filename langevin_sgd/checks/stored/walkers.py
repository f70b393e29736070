"""Walkers in a given landscape: their step, temperature and times, and every law of their basins."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.checks.stored.recomputed import Found, Point, Recomputed, follow, run_with, times
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws import temperatures
from langevin_sgd.models.basins import run as basins
from langevin_sgd.models.basins.laws import predictions
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.observables.schedule import log_spaced_steps


def walkers(point: Point) -> Found:
    """Of the `langevin` kind, which knows no laws of its own."""
    model, sgd = point.model, _sgd(point)
    step = sgd.learning_rate if model.time_step is None else model.time_step
    return _shared(point, step)


def in_basins(point: Point) -> Found:
    """Of the `basins` kind: the laws are solved again for the landscape, the noise and the scheme of the config."""
    scheme = langevin.scheme_of([(model, sgd) for model, sgd in point.others if sgd is not None])
    ready = basins.prepare(point.model, _sgd(point), scheme, {})
    process, observer = ready.process, ready.observer
    found = dict(_shared(point, process.time_step))
    window = process.time_step * np.array([point.model.first_of_window, point.model.steps])
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
    if point.model.laws:
        cores = None if observer.cores is None else observer.cores.energies
        values |= predictions(process, observer.edges, cores)
    return {**found, **follow(values, "the landscape, the noise and the step of the config")}


def _shared(point: Point, step: float) -> Found:
    model, sgd = point.model, _sgd(point)
    found = {
        **run_with(sgd, time_step=step),
        **times(log_spaced_steps(model.steps, model.record_times), time_step=step, momentum=sgd.momentum),
    }
    given = langevin.temperature(model, sgd)
    return found if given is None else {**found, **follow(temperatures.variables(given, sgd.momentum), "the config")}


def _sgd(point: Point) -> Sgd:
    assert point.sgd is not None
    return point.sgd
