"""A straight line through points that have errors in both coordinates, which may be correlated: York et al. 2004.

y = a + b x minimises the sum of W_i (y_i - a - b x_i)^2 with W_i = 1/(s_y^2 + b^2 s_x^2 - 2 b cov_i); W hangs on b
too: orthogonal distance regression of a line in units of the errors. Least squares with errors in y alone would find
a slope that is too small, by the share of x's own errors in its spread.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ITERATIONS, _SETTLED = 200, 1e-12


class Line(NamedTuple):
    """Intercept a and slope b; the slope's standard error from the points' errors; chi^2 over degrees of freedom."""

    intercept: float
    slope: float
    slope_stderr: float
    misfit: float


NO_LINE = Line(np.nan, np.nan, np.nan, np.nan)


def line(x: Array, y: Array, variance_x: Array, variance_y: Array, covariance: Array) -> Line:
    """The line through points (n,), of which the variances of both coordinates and their covariance are known.

    NaN for fewer than three points, and where the iteration does not settle. D. York, N. M. Evensen, M. Lopez Martinez
    and J. De Basabe Delgado, Am. J. Phys. 72, 367 (2004).
    """
    if x.size < 3:
        return NO_LINE
    slope = float(np.polyfit(x, y, 1)[0])
    for _ in range(_ITERATIONS):
        weight = 1.0 / (variance_y + slope**2 * variance_x - 2.0 * slope * covariance)
        middle = np.array([weight @ x, weight @ y]) / weight.sum()
        u, v = x - middle[0], y - middle[1]
        onto = weight * (u * variance_y + slope * v * variance_x - (slope * u + v) * covariance)
        found = float((weight * onto) @ v / ((weight * onto) @ u))
        if not np.isfinite(found):
            return NO_LINE
        moved, slope = abs(found - slope), found
        if moved <= _SETTLED * max(1.0, abs(slope)):
            break
    else:
        return NO_LINE
    intercept = float(middle[1] - slope * middle[0])
    spread = onto - weight @ onto / weight.sum()
    error = float(1.0 / np.sqrt(weight @ spread**2))
    chi_squared = float(weight @ (y - intercept - slope * x) ** 2)
    return Line(intercept, slope, error, chi_squared / (x.size - 2))
