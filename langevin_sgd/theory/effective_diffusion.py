"""Ordinary diffusion at late times in a potential on a line whose barriers are bounded.

dx = -V' dt + sqrt(2 theta) dW in a stationary potential has <x^2> = 2 D t in the end, with

    D = theta/(<exp(V/theta)> <exp(-V/theta)>),

averages over the line (de Gennes, J. Stat. Phys. 12, 463 (1975); Zwanzig, Proc. Natl. Acad. Sci. 85, 2029 (1988)): the
walker is as slow as the resistances exp(V/theta) in series and the capacities exp(-V/theta) let it be. For a Gaussian V
of variance s^2 it is theta exp(-s^2/theta^2).

A walker on sites h apart has the capacity exp(-V_i/theta) on a site. The resistance of a bond with the rates
(theta/h^2) B((V_j - V_i)/theta) of Scharfetter and Gummel is that of a linear potential between its sites, since
exp(a)/B(b - a) = integral of exp(a + (b - a) u) over 0 < u < 1. Where the potential itself is linear between the sites,
capacities average in the same way.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

Between = Literal["sites", "linear", "exact"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def gaussian_line(
    *, thermal_energy: float, variance: float, neighbour_correlation: float = 1.0, between: Between = "sites"
) -> float:
    """D of a Gaussian potential of this variance, whose values at neighbouring sites correlate by this.

    `between`: "sites", a walker that hops between them, as the master equation has it; "linear", one that diffuses in
    the potential interpolated linearly; "exact", one in the potential as it is, theta exp(-variance/theta^2). Linear
    interpolation has the variance s^2 (1 - 2 u (1 - u) (1 - rho)) at u between two sites, so that

        D = theta exp(-s^2/theta^2)/I^n,   I = integral of exp(-(s^2/theta^2) (1 - rho) u (1 - u)) over 0 < u < 1

    with n = 1 for sites and 2 for linear.
    """
    spread = variance / thermal_energy**2
    power = {"sites": 1, "linear": 2, "exact": 0}[between]
    u = (_NODES + 1.0) / 2.0
    interpolated = float(_WEIGHTS @ np.exp(-spread * (1.0 - neighbour_correlation) * u * (1.0 - u))) / 2.0
    return thermal_energy * math.exp(-spread) / interpolated**power
