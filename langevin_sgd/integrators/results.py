"""From a backend's reductions to a Dataset with the field's names and the scan's parameters as leading dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.integrators.emitted_names import OUTCOMES, QUANTITIES
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import Grid
from langevin_sgd.landscapes.landscape import Landscape


def dataset(
    run: Problem, kept: Reductions, record: Record, points: Grid, landscape: Landscape, *, time_step: Any
) -> xr.Dataset:
    """The recorded quantities.

    Kept for each trajectory: <quantity> (..., replica, time). Means: <quantity>_mean and <quantity>_stderr (..., time).
    Histograms: <quantity>_histogram (..., time, <quantity>_bin), counts, and <quantity>_outside (..., time, side).
    Basins: occupancy (..., basin, time), the fraction of replicas. First passage: escape_step (..., replica), -1 for
    those censored, and escape_time, NaN for those. `time` is step x time_step, left out where the time step is scanned.
    The names are those of `emitted_names.emitted`.
    """
    steps = run.record_steps
    lead = tuple(points.names)
    out: dict[str, xr.Variable] = {}
    for q, name in enumerate(record.each):
        values = kept.values[:, q].reshape(-1, *points.shape, points.replicas)
        out[name] = _variable((*lead, "replica", "time"), np.moveaxis(values, 0, -1), _long_name(name, landscape))
    for q, name in enumerate(record.means):
        mean, squares = (kept.moments[:, q, i].reshape(-1, *points.shape) for i in (0, 1))
        n = points.replicas
        stderr = np.sqrt(squares / (n - 1) / n) if n > 1 else np.full_like(mean, np.nan)
        what = _long_name(name, landscape)
        out[f"{name}_mean"] = _variable((*lead, "time"), np.moveaxis(mean, 0, -1), f"mean over replicas of the {what}")
        out[f"{name}_stderr"] = _variable((*lead, "time"), np.moveaxis(stderr, 0, -1), "standard error of that mean")
    coords: dict[str, Any] = {"step": _variable(("time",), steps, "number of steps", "step")}
    if np.ndim(time_step) == 0:
        coords["time"] = _variable(("time",), steps * float(time_step), "time, step x time step")
    for q, (name, (low, high, bins)) in enumerate(record.histograms.items()):
        counts = kept.counts[q].reshape(-1, *points.shape, bins + 2)
        counts = np.moveaxis(counts, 0, -2)
        out[f"{name}_histogram"] = _variable((*lead, "time", f"{name}_bin"), counts[..., 1:-1], f"replicas by {name}")
        outside = counts[..., [0, -1]]
        out[f"{name}_outside"] = _variable(
            (*lead, "time", "side"), outside, f"replicas with {name} below, above the bins"
        )
        width = (high - low) / bins
        coords[f"{name}_bin"] = _variable((f"{name}_bin",), low + width * (np.arange(bins) + 0.5), "centre of the bin")
        coords["side"] = ("side", ["below", "above"])
    if record.basins:
        counts = kept.counts[-1].reshape(-1, *points.shape, len(record.basins) + 2)[..., 1:-1]
        share = np.moveaxis(counts, 0, -1) / points.replicas
        out["occupancy"] = _variable((*lead, "basin", "time"), share, OUTCOMES["occupancy"])
        coords["basin"] = ("basin", list(record.basins))
    if record.first_passage is not None:
        passage = run.passage.reshape(*points.shape, points.replicas)
        out["escape_step"] = _variable((*lead, "replica"), passage, OUTCOMES["escape_step"], "step")
        h = np.reshape(np.broadcast_to(time_step, run.passage.shape), passage.shape)
        times = np.where(passage >= 0, passage * h, np.nan)
        out["escape_time"] = _variable((*lead, "replica"), times, OUTCOMES["escape_time"])
    for name, values in zip(points.names, points.values, strict=True):
        coords[name] = _variable((name,), values, name.replace("_", " "))
    return xr.Dataset(out, coords=coords)


def _variable(dims: tuple[str, ...], values: NDArray[Any], long_name: str, units: str = "1") -> xr.Variable:
    return xr.Variable(dims, values, {"units": units, "long_name": long_name})


def _long_name(name: str, landscape: Landscape) -> str:
    if name in landscape.variables:
        return f"coordinate {name}"
    return QUANTITIES.get(name, name.replace("_", " "))
