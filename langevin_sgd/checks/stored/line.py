"""SGD on the line through two minima: the diffusions are solved again on the stored line.

The exact chain takes the gradient of every sample, which is not stored: of it the shares of the basins must add up, and
the times must be those of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from langevin_sgd.checks.stored.recomputed import Found, Point, Recomputed, follow, run_with
from langevin_sgd.estimators.stationary import Array
from langevin_sgd.laws import temperatures
from langevin_sgd.models.interpolation import laws as interpolation_laws
from langevin_sgd.training.interpolation import landmarks

_SLOPE_BOUND = 0.05  # of the largest slope: by differences of the energy on the stored grid


@dataclass(frozen=True)
class StoredLine:
    """The line as far as a run holds it."""

    position: Array
    energy: Array
    gradient: Array
    noise: Array


def on_line(point: Point) -> Found:
    """Laws, thermal energy, times and what the line itself must satisfy."""
    assert point.sgd is not None
    sgd = point.model.at(point.sgd)
    line = _line(point)
    marks = landmarks(line)
    laws, theta, kramers = interpolation_laws.diffusions(line, marks, sgd.learning_rate, sgd.batch_size)
    of = "line_energy, line_gradient, line_noise and the config"
    names = [str(name) for name in point.data["law"].values]
    edges = point.values("x_edge")
    split = float(line.position[marks.top])
    shares, relaxation = point.values("mean_occupancy_law"), point.values("relaxation_time_law")
    density = point.values("density_law")
    for name, law in laws.items():
        left = float(law.below(split))
        shares[names.index(name)] = left, 1.0 - left
        relaxation[names.index(name)] = law.relaxation_time
        density[names.index(name)] = (np.diff(law.below(edges)) / np.diff(edges))[:, None]
    for row in shares:  # of laws that cannot be solved again
        row[:] = row / row.sum()
    found: dict[str, Recomputed] = {}
    if "chain" in names:
        found["relaxation_time"] = Recomputed(relaxation[names.index("chain")], "relaxation_time_law")
        chain = density[names.index("chain")]
        chain *= min(1.0, 1.0 / float((chain[:, 0] * np.diff(edges)).sum() or 1.0))
    steps = point.data["step"].values
    first, last = point.model.window
    begin = int(steps[-1] * first / last)
    found |= {
        "occupancy_window": Recomputed(np.array([begin, steps[-1]]) * sgd.learning_rate, "step and the config"),
        **run_with(sgd),
        **follow(temperatures.variables(2.0 * theta, sgd.momentum), of),
        **follow({"mean_occupancy_law": shares, "relaxation_time_law": relaxation, "density_law": density}, of),
        "relaxation_time_kramers": Recomputed(kramers, of),
        "law_is_exact": Recomputed([name in interpolation_laws.EXACT for name in names], "the kind of the model"),
        "time": Recomputed(sgd.learning_rate * steps, "step"),
        "effective_time": Recomputed(sgd.learning_rate * steps / (1.0 - sgd.momentum), "step"),
        "line_position": Recomputed(_positions(point), "the config"),
        "minimum_on_line": Recomputed(line.position[list(marks.minima)], of),
        "barrier_on_line": Recomputed(split, of),
    }
    return {**found, **_slope(line), **_shares(point)}


def _positions(point: Point) -> Array:
    first, last = point.model.range
    return np.linspace(float(first), float(last), int(point.model.points))


def _line(point: Point) -> StoredLine:
    position = _positions(point)
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
