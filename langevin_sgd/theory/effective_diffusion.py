"""Ordinary diffusion at late times in a potential on a line whose barriers are bounded.

dx = -V' dt + sqrt(2 theta) dW in a stationary potential has <x^2> = 2 D t in the end, with

    D = theta/(<exp(V/theta)> <exp(-V/theta)>),

averages over the line (de Gennes, J. Stat. Phys. 12, 463 (1975); Zwanzig, Proc. Natl. Acad. Sci. 85, 2029 (1988)): the
walker is as slow as the resistances exp(V/theta) in series and the capacities exp(-V/theta) let it be. For a Gaussian V
of variance s^2 it is theta exp(-s^2/theta^2).

A walker on sites h apart has the capacity exp(-V_i/theta) on a site. The resistance of a bond with the rates
(theta/h^2) B((V_j - V_i)/theta) of Scharfetter and Gummel is that of a linear potential between its sites, since
exp(a)/B(b - a) = integral of exp(a + (b - a) u) over 0 < u < 1. Where the potential itself is linear between the sites,
capacities average in the same way; on a finer lattice in it they average over its points.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Between = Literal["sites", "linear", "exact"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def gaussian_line(
    *,
    thermal_energy: float,
    variance: float,
    neighbour_correlation: float = 1.0,
    between: Between = "sites",
    cells: int = 1,
) -> float:
    """D of a Gaussian potential of this variance, whose values at neighbouring sites correlate by this.

    `between`: "sites", a walker that hops on a lattice with `cells` cells to a spacing, as the master equation has it;
    "linear", one that diffuses in the potential interpolated linearly; "exact", one in the potential as it is,
    theta exp(-variance/theta^2). Linear interpolation has the variance s^2 (1 - 2 u (1 - u) (1 - rho)) at u between two
    sites, so that

        D = theta exp(-s^2/theta^2)/(I S),   I = integral of g(u) over 0 < u < 1,
        g(u) = exp(-(s^2/theta^2) (1 - rho) u (1 - u))

    with S = I for linear and the mean of g at u = 0, 1/n, ..., 1 - 1/n for sites with n cells: 1 with one.
    """
    spread = variance / thermal_energy**2
    if between == "exact":
        return thermal_energy * math.exp(-spread)

    def factor(u: Array) -> Array:
        return np.asarray(np.exp(-spread * (1.0 - neighbour_correlation) * u * (1.0 - u)))

    resistance = float(_WEIGHTS @ factor((_NODES + 1.0) / 2.0)) / 2.0
    capacity = resistance if between == "linear" else float(factor(np.arange(cells) / cells).mean())
    return thermal_energy * math.exp(-spread) / (resistance * capacity)
