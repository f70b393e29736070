"""Growth of the distance from the start as the logarithm of time, with noise and without it.

Hoffer, Hubara and Soudry (2017) saw |w - w_0| = a + b ln n at every batch size and read it as diffusion in a random
potential. The slope b of descent without noise from the same start says whether noise is needed for it.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]

TOLERANCE = 0.05
_FEWEST = 4  # times for a slope


def distance_rows(point: xr.Dataset, *, model: str, window: float, confidence: float) -> list[Comparison]:
    """A contrast: the slope b of sqrt<|w - w_0|^2> = a + b ln t from ln t = `window` on over that of the control.

    None where no control ran, or fewer than four times are left.
    """
    if any(name not in point for name in ("squared_displacement", "control_squared_displacement", "effective_time")):
        return []
    time = np.asarray(point["effective_time"].values, dtype=np.float64)
    late = (time > 0.0) & (np.log(np.where(time > 0.0, time, 1.0)) >= window)
    if late.sum() < _FEWEST:
        return []
    ln_time = np.log(time[late])
    squares = point["squared_displacement"].transpose("replica", "time").values[:, late]
    control = np.sqrt(point["control_squared_displacement"].values[late])
    replicas = len(squares)
    total = squares.sum(axis=0)
    own, explained = _slope(ln_time, np.sqrt(total / replicas))
    left_out = [_slope(ln_time, np.sqrt((total - each) / max(replicas - 1, 1)))[0] for each in squares]
    error = float(jackknife_stderr(np.array(left_out))) if replicas > 1 else math.nan
    alone, explained_alone = _slope(ln_time, control)
    assessed = assess_ratio(
        own,
        error,
        alone,
        dof=replicas - 1,
        tolerance=TOLERANCE,
        confidence=confidence,
        name="slope of the distance in ln t over the control's",
        cure="replicas",
    )
    note = f"a + b ln t explains R^2 = {explained:.4f} of the distance, and {explained_alone:.4f} without any noise"
    return [
        Comparison.from_assessment(
            assessed.with_note(note),
            model=model,
            quantity=Quantity("distance_slope", "slope of the distance in ln t", ranks=(1, 2)),
            law="zero-temperature control",
            law_said="the zero-temperature control",
            role="contrast",
            measured=own,
            standard_error=error,
            predicted=alone,
            tolerance=TOLERANCE,
            eigenvalues=np.empty(0),
        )
    ]


def _slope(ln_time: Array, distance: Array) -> tuple[float, float]:
    """b of a + b ln t by least squares, and R^2."""
    slope, start = np.polyfit(ln_time, distance, 1)
    rest = distance - start - slope * ln_time
    return float(slope), float(1.0 - (rest**2).sum() / ((distance - distance.mean()) ** 2).sum())
