"""What was measured of a training's growth at one point of a scan, beside linear response about the noise-free path.

Where the linear theory is claimed is fixed here, before any result is seen, by what was found on tanh networks with
cross-entropy at a learning rate of 0.1; the numbers are in units in which other learning rates and momenta compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEEDED = ("tangent_spread", "spread_over_tangent", "drift_over_control", "control_edge", "spread")

EDGE = 1.9
"""learning rate x largest eigenvalue of the control from which on its descent counts as unstable: 2 is the edge."""
KINKS = 0.05
"""Share of a small change of the gradient that the Hessian may miss; of smooth losses it misses a third of that."""
COLD, WARM = 1.6e-3, 6.25e-3
"""learning rate / (batch size (1 - momentum)) of 64 and of 16 samples at 0.1."""
SETTLED, LATE = 31.0, 300.0
"""Effective times, learning rate x step / (1 - momentum), of the steps 314 and 3,000 at 0.1."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Evidence:
    """One point: arrays (time,) at effective times, and what was seen of the control, and between replicas, at others.

    `rate` is the learning rate / (1 - momentum) and `heat` that over the batch size, to which temperature is
    proportional; `share` is the part of the squared displacement that is drift, and `barrier` the mean height, over
    pairs of replicas, of the loss between them above the higher end.
    """

    time: Array
    rate: float
    heat: float
    replicas: int
    drift: Array
    drift_stderr: Array
    ratio: Array
    ratio_stderr: Array
    residual: Array
    residual_stderr: Array
    share: Array
    looked: Array
    edge: Array
    kinks: Array
    thermal_energy: Array
    barrier_time: Array
    barrier: Array
    barrier_stderr: Array

    @classmethod
    def of(cls, point: xr.Dataset) -> Evidence | None:
        """That of a point; None if no linear response ran beside it."""
        if any(name not in point for name in NEEDED):
            return None

        def values(name: str) -> Array:
            return np.asarray(point[name].values, dtype=np.float64)

        unit = float(point["learning_rate"]) / (1.0 - float(point["momentum"]))
        total = point["squared_displacement"].mean("replica").values
        drift = values("drift_squared")
        each = point["segment_barrier"].transpose("segment_look", ...).values if "segment_barrier" in point else None
        pairs = 0 if each is None else each.shape[1]
        nothing = np.empty(0)
        return cls(
            time=values("effective_time"),
            rate=unit,
            heat=unit / float(point["batch_size"]),
            replicas=int(point.sizes["replica"]),
            drift=values("drift_over_control"),
            drift_stderr=values("drift_over_control_stderr"),
            ratio=values("spread_over_tangent"),
            ratio_stderr=values("spread_over_tangent_stderr"),
            residual=values("tangent_residual"),
            residual_stderr=values("tangent_residual_stderr"),
            share=np.divide(drift, total, out=np.full(total.shape, np.nan), where=total > 0.0),
            looked=unit * values("control_look_step"),
            edge=values("control_edge"),
            kinks=values("control_kinks"),
            thermal_energy=values("control_thermal_energy"),
            barrier_time=nothing if each is None else unit * values("segment_step"),
            barrier=nothing if each is None else each.mean(axis=1),
            barrier_stderr=nothing if each is None or pairs < 2 else each.std(axis=1, ddof=1) / pairs**0.5,
        )

    def last(self, before: float = np.inf) -> int | None:
        """The last time up to `before` at which something has moved; None if there is none."""
        fit = np.flatnonzero((self.time <= before * (1.0 + _ROUNDING)) & (self.time > 0.0) & np.isfinite(self.ratio))
        return int(fit[-1]) if fit.size else None

    def unfit(self, at: int, *, smooth: bool) -> str:
        """Why linear theory is not claimed up to a time; empty if it is. Of the drift no smoothness is asked."""
        seen = self.looked <= self.time[at] * (1.0 + _ROUNDING)
        if not seen.any():
            return "the curvature along the control was not looked at by then"
        sharpest = float(self.edge[seen].max())
        if not sharpest < EDGE:
            return (
                f"the control is at the edge of stability: learning rate x largest eigenvalue reaches {sharpest:.3g}, "
                f"and linear theory is claimed below {EDGE:g}; a smaller learning rate would"
            )
        missed = float(np.nanmax(self.kinks[seen])) if np.isfinite(self.kinks[seen]).any() else 0.0
        if smooth and missed > KINKS:
            return (
                f"the loss has kinks, as those of ReLU: the Hessian misses {missed:.2g} of how the gradient changes "
                f"over a small part of the spread, and at most {KINKS:g} count as smooth; take a smooth activation"
            )
        return ""
