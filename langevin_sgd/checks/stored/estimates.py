"""Estimates that follow from what else is stored, whatever kind of model it is."""

from __future__ import annotations

import numpy as np

from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.laws import Point
from langevin_sgd.laws.recomputed import Found, Recomputed

READS = (
    *("mode_moment_1", "mode_moment_2", "drift_squared", "spread", "squared_displacement", "occupancy_from"),
    *("occupancy", "replica", "two_time_displacement"),
)
"""What the estimates follow from."""

_PARTS_BOUND = 1e-3  # of the squared displacement: walkers in single precision record both sides apart


def estimates(point: Point) -> Found:
    """Means and variances of modes from their moments, errors of shares from shares, drift from displacement."""
    data, found = point.data, {}
    if "mode_moment_1" in data and "mode_moment_2" in data:
        summary = stationary_summary(point.values("mode_moment_1"), point.values("mode_moment_2"))
        of = "mode_moment_1 and mode_moment_2"
        found["mode_mean"] = Recomputed(summary.mean.value, of)
        found["mode_mean_stderr"] = Recomputed(summary.mean.stderr, of)
        found["mode_variance"] = Recomputed(summary.variance.value, of)
        found["mode_variance_stderr"] = Recomputed(summary.variance.stderr, of)
    if "drift_squared" in data and "spread" in data and "squared_displacement" in data:
        found |= _parts(point)
    if "occupancy_from" in data and "occupancy" in data:
        share = data["occupancy_from"].transpose("start", "basin", "time").values
        if "replica" in data.sizes and data.sizes["replica"] % len(share) == 0:  # the starts count alike
            found["occupancy"] = Recomputed(share.mean(axis=0), "occupancy_from")
    if "two_time_displacement" in data and "two_time_squared_displacement" in data:
        moved = point.values("two_time_displacement")
        found["two_time_squared_displacement"] = Recomputed(moved**2, "two_time_displacement")
    return found


def _parts(point: Point) -> dict[str, Recomputed]:
    """mean |x|^2 = drift_squared + spread, exactly: of the three, the drift is taken from the two others."""
    total = point.data["squared_displacement"].transpose("replica", "time").values.astype(np.float64).mean(axis=0)
    drift, spread = point.values("drift_squared"), point.values("spread")
    if not np.isfinite(spread).all():
        return {}
    off = np.abs(drift + spread - total) > _PARTS_BOUND * (np.abs(total) + np.abs(drift) + spread)
    return {"drift_squared": Recomputed(np.where(off, total - spread, drift), "squared_displacement and spread")}
