"""A finished walk in a given landscape: its step, temperature and times, as its config says them again."""

from __future__ import annotations

from langevin_sgd.laws import Point, temperatures
from langevin_sgd.laws.recomputed import Found, follow, run_with, times
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.observables.schedule import log_spaced_steps


def follows(point: Point) -> Found:
    """What it ran with, the recorded times and the temperatures."""
    model, sgd = point.model, point.sgd
    assert sgd is not None
    step = sgd.learning_rate if model.time_step is None else model.time_step
    found = {
        **run_with(sgd, time_step=step),
        **times(log_spaced_steps(model.steps, model.record_times), time_step=step, momentum=sgd.momentum),
    }
    given = langevin.temperature(model, sgd)
    return found if given is None else {**found, **follow(temperatures.variables(given, sgd.momentum), "the config")}
