"""A finished walk on the line through two minima: its process, and what the line, the shares and the config say again.

The exact chain takes the gradient of every sample, which is not stored: its times must be those of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from langevin_sgd.estimators.stationary import Array
from langevin_sgd.laws import Point, temperatures
from langevin_sgd.laws.recomputed import Found, Recomputed, follow, run_with
from langevin_sgd.models.interpolation.line_process import LineProcess
from langevin_sgd.training.interpolation import landmarks

_SLOPE_BOUND = 0.05  # of the largest slope: by differences of the energy on the stored grid


@dataclass(frozen=True)
class StoredLine:
    """The line as far as a run holds it."""

    position: Array
    energy: Array
    gradient: Array
    noise: Array


def process(point: Point) -> LineProcess:
    """SGD on the stored line."""
    assert point.sgd is not None
    sgd, line = point.model.at(point.sgd), _line(point)
    return LineProcess(line, landmarks(line), sgd.learning_rate, sgd.batch_size, point.values("x_edge"))


def follows(point: Point) -> Found:
    """Thermal energy, times and what the line itself must satisfy."""
    assert point.sgd is not None
    sgd, walk = point.model.at(point.sgd), process(point)
    line, marks = walk.line, walk.marks
    of = "line_energy, line_gradient, line_noise and the config"
    steps = point.data["step"].values
    first, last = point.model.window
    begin = int(steps[-1] * first / last)
    found: dict[str, Recomputed] = {
        "occupancy_window": Recomputed(np.array([begin, steps[-1]]) * sgd.learning_rate, "step and the config"),
        **run_with(sgd),
        **follow(temperatures.variables(2.0 * walk.thermal_energy, sgd.momentum), of),
        "time": Recomputed(sgd.learning_rate * steps, "step"),
        "effective_time": Recomputed(sgd.learning_rate * steps / (1.0 - sgd.momentum), "step"),
        "line_position": Recomputed(line.position, "the config"),
        "minimum_on_line": Recomputed(line.position[list(marks.minima)], of),
        "barrier_on_line": Recomputed(walk.split, of),
    }
    if "chain" in point.data["law"].values:
        chain = float(point.data["relaxation_time_law"].sel(law="chain"))
        found["relaxation_time"] = Recomputed(chain, "relaxation_time_law")
    return {**found, **_slope(_line(point)), **_shares(point)}


def _line(point: Point) -> StoredLine:
    first, last = point.model.range
    position = np.linspace(float(first), float(last), int(point.model.points))
    return StoredLine(position, point.values("line_energy"), point.values("line_gradient"), point.values("line_noise"))


def _shares(point: Point) -> Found:
    """Errors of shares of independent replicas; the first start has half of them, rounded down."""
    replicas = int(point.data.sizes["replica"])
    sizes = np.array([replicas // 2, replicas - replicas // 2])[:, None, None]
    found = {}
    for name, size in (("occupancy_from", sizes), ("occupancy", np.array(replicas))):
        share = point.values(name)
        found[f"{name}_stderr"] = Recomputed(np.sqrt(np.maximum(share * (1.0 - share), 0.0) / size), name)
    return found


def _slope(line: StoredLine) -> Found:
    """The gradient by differences, where it is none of the energy that is stored."""
    slope = np.gradient(line.energy, line.position, edge_order=2)
    scale = float(np.sqrt(np.mean(slope**2)))
    differs = float(np.sqrt(np.mean((slope - line.gradient) ** 2))) > _SLOPE_BOUND * scale
    return {"line_gradient": Recomputed(slope if differs else line.gradient, "line_energy")}
