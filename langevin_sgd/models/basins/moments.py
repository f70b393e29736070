"""Mean and variance of the position in one well: summed over each half of the window, and of a density of a law.

Walkers that all begin in one place are in equilibrium once nothing changes any more, so both halves are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance, pooled_variance
from langevin_sgd.theory.density import Density

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Halves:
    """Sums of x - `centre` and its square, `centre` (d,), over the looks before and from number `middle` of `looks`."""

    centre: Array
    looks: int

    @property
    def middle(self) -> int:
        """The first look of the second half."""
        return self.looks // 2

    def empty(self, replicas: int) -> Array:
        """The sums before the first look, (half, power, coordinate, replica)."""
        return np.zeros((2, 2, self.centre.size, replicas))

    def add(self, sums: Array, points: Array, seen: int) -> Array:
        """The sums with looks at `points` (coordinate, replica, look), of which there were `seen` before.

        One look after the other, so that the bits do not depend on where segments end.
        """
        x = points - self.centre[:, None, None]
        total = sums.copy()
        for look in range(x.shape[-1]):
            half = int(seen + look >= self.middle)
            total[half, 0] += x[..., look]
            total[half, 1] += x[..., look] ** 2
        return total

    def measured(self, sums: Array) -> dict[str, Array]:
        """Mean and variance (coordinate,) about it, with errors from the replicas, which are independent.

        Changes are those of the second half against the first: the difference of the means, the ratio of the variances.
        """
        of_halves = np.array([self.middle, self.looks - self.middle])[:, None, None, None]
        first, second = np.swapaxes(sums / of_halves, -1, -2)  # (power, replica, coordinate)
        whole = np.swapaxes(sums.sum(axis=0) / self.looks, -1, -2)
        out: dict[str, Array] = {}
        replicas = whole.shape[1]

        def mean_error(values: Array) -> Array:
            return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(replicas)) if replicas > 1 else values[0] * np.nan

        out["position_mean"] = self.centre + whole[0].mean(axis=0)
        out["position_mean_stderr"] = mean_error(whole[0])
        out["position_mean_change"] = (second[0] - first[0]).mean(axis=0)
        out["position_mean_change_stderr"] = mean_error(second[0] - first[0])
        out["position_variance"] = pooled_variance(*whole)
        out["position_variance_stderr"] = jackknife_stderr(leave_one_out_variance(*whole))
        with np.errstate(invalid="ignore", divide="ignore"):  # of walkers that did not move yet there is no ratio
            out["position_variance_change"] = pooled_variance(*second) / pooled_variance(*first)
            ratios = leave_one_out_variance(*second) / leave_one_out_variance(*first)
            out["position_variance_change_stderr"] = jackknife_stderr(ratios)
        return out


def of_density(law: Density) -> Array:
    """Mean and variance along every coordinate, (2, d), of a density known by cells.

    The variance is that of the midpoints less h^2/12 of cells of width h (Sheppard), which for a smooth density that
    ends within its cells is exact but for terms that vanish faster than any power of h.
    """
    mass = law.probabilities
    found = []
    for axis, (centre, edge) in enumerate(zip(law.centres, law.edges, strict=True)):
        own = mass.sum(axis=tuple(other for other in range(mass.ndim) if other != axis))
        own = own / own.sum()
        mean = centre[own.argmax()] + float(own @ (centre - centre[own.argmax()]))
        within = float(own @ np.diff(edge) ** 2) / 12.0
        found.append((mean, float(own @ (centre - mean) ** 2) - within))
    return np.array(found).T


def of_points(points: Array, mass: Array) -> Array:
    """The same of probabilities `mass` (n,) of single points (n,), (2, 1)."""
    mean = float(mass @ points)
    return np.array([[mean], [float(mass @ (points - mean) ** 2)]])


def relative(law: Density) -> Array:
    """Mean over the width, and the logarithm of the variance, (2 d,): a change of the cells changes them relatively."""
    mean, variance = of_density(law)
    middle = np.array([(edge[0] + edge[-1]) / 2.0 for edge in law.edges])
    return np.concatenate([(mean - middle) / np.sqrt(variance), np.log(variance)])
