"""The steps at which a network is recorded, and how often it is evaluated, as far as its config tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network.trained import Trained
from langevin_sgd.observables.schedule import distinct_log_spaced_steps, log_spaced_steps
from langevin_sgd.training.recording.plan import plan

if TYPE_CHECKING:
    from langevin_sgd.models.network.config import NetworkModel


def recorded_steps(model: Trained, steps: int) -> NDArray[np.int64]:
    """The steps of the record: as many whatever their number if all points of a scan are to have the same shape."""
    if model.training_time is None:
        return log_spaced_steps(steps, model.record_times)
    if steps < model.record_times:
        raise FaultWithin(
            ("training_time",),
            f"{model.training_time:g} is {steps} steps, fewer than the {model.record_times} recorded times; raise it, "
            "or lower record_times",
        )
    return distinct_log_spaced_steps(steps, model.record_times)


def looks(model: NetworkModel, sgd: Sgd) -> dict[str, int]:
    """How many times are recorded and evaluated after the start: with data of unknown size at each of them."""
    record = recorded_steps(model, model.length(sgd))
    size = _samples_of_an_evaluation(model)
    if size is None:
        asked = model.recording.evaluations
        evaluated = record.size - 1 if asked is None else min(asked, record.size - 1)
    else:
        found = plan(
            model.recording,
            record,
            batch_size=sgd.batch_size,
            samples=size,
            operations=2 * (model.parameters() or 1),
            training=model.precision,
            alike=model.start != "independent",
            window=model.has_stationary_window() and model.curvature is None and model.recording.window == "loss",
        )
        evaluated = found.evaluated.size - 1
    return {"record_times": record.size - 1, "evaluations": evaluated}


def fewer(model: NetworkModel, work: dict[str, int]) -> dict[str, Any]:
    """Keys of the same network with so many of them."""
    told = model.recording.model_dump(exclude_none=True) | {"evaluations": work["evaluations"]}
    return {"record_times": max(2, *(work[what] for what in ("record_times", "evaluations"))), "recording": told}


def _samples_of_an_evaluation(model: NetworkModel) -> int | None:
    training, shape = model.data.training_samples(), model.data.shape()
    if training is None:
        return None
    test = 0 if shape is None else round(model.data.test_fraction * shape.samples)
    most = model.recording.samples
    return training + test if most is None else min(most, training) + min(most, test)
