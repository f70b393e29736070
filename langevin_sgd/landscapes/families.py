"""Ready landscapes with basins: formulas whose minima, curvatures and barriers are given numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial.polynomial import polyadd, polymul
from numpy.typing import NDArray

from langevin_sgd.landscapes.formula import FormulaError

Array = NDArray[np.float64]

_HIGHEST_RATIO = 1e6  # depth difference over barrier: beyond it the flat well is no well in double precision
_WIDTH = 0.5  # half-width, in u, of the bend between the two scales of `sharp_flat`


@dataclass(frozen=True)
class Family:
    """A landscape ready to use: E, drift beside -grad E, and its basins as conditions on the coordinates.

    `regions` are empty where the basins are left to be found. `transverse` is the curvature of E along every coordinate
    but the first, a formula in the first one, where E = E_1(x) + transverse(x) sum_i y_i^2/2; empty otherwise.
    """

    energy: str
    variables: tuple[str, ...]
    parameters: Mapping[str, float]
    force: tuple[str, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    transverse: str = ""


def _names(dimension: int) -> tuple[str, ...]:
    return ("x", "y")[:dimension] if dimension < 3 else ("x", *(f"y{i}" for i in range(1, dimension)))


def _solve(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq  # half a second, and only for landscapes whose numbers are sought

    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-13))


def sharp_flat(*, dimension: int, depth_difference: float, curvature_ratio: float, barrier: float) -> Family:
    """Two wells, a sharp one left and a flat one right, E = V(u(x)) + k(x) sum_i y_i^2/2.

    V' = A (u^2 - 1)(u - s) has its minima at u = -1 (E = 0) and u = 1 (E = `depth_difference`) and its maximum at
    u = s, `barrier` above the flat minimum; u(x) = a x - b (r - w), r = sqrt(x^2 + w^2), stretches the line by about g
    on the left and 1/g on the right, so that depths and barrier stay and curvatures get the ratio sharp/flat
    `curvature_ratio`. The transverse curvature k = m + n x/r goes from that of the sharp minimum along x to that of the
    flat one, so both Hessians are multiples of the identity and det H_sharp/det H_flat = `curvature_ratio`^d.

    Saddle: 16 s/((1 - s)^3 (3 + s)) = depth_difference/barrier; A = 12 barrier/((1 - s)^3 (3 + s)). As r^2 is a
    polynomial, V(u(x)) = p_0 + ... + p_4 x^4 + (q_0 + ... + q_3 x^3) r. Raises `FormulaError` for a curvature ratio
    that the family does not reach.
    """
    ratio = depth_difference / barrier
    if not -1.0 < ratio < _HIGHEST_RATIO:
        raise FormulaError(
            f"this family has no depth difference of {ratio:.3g} barriers; take more than -1 and less than "
            f"{_HIGHEST_RATIO:g}"
        )
    s = _solve(lambda s: 16.0 * s - ratio * (1.0 - s) ** 3 * (3.0 + s), -0.999, 0.999)
    height = 12.0 * barrier / ((1.0 - s) ** 3 * (3.0 + s))

    def excess(log_g: float) -> float:
        left, right = (_slope(u, math.exp(log_g)) for u in (-1.0, 1.0))
        return 2.0 * math.log(left / right) + math.log((1.0 + s) / (1.0 - s)) - math.log(curvature_ratio)

    if not excess(-3.0) < 0.0 < excess(3.0):
        raise FormulaError(f"this family has no curvature ratio of {curvature_ratio:g}; take one nearer 1")
    g = math.exp(_solve(excess, -3.0, 3.0))
    a, b, w = _bend(g)
    well = height * np.array([0.25 + 2.0 * s / 3.0, s, -0.5, -s / 3.0, 0.25])
    plain, rooted = _in_x(well, a, b, w)
    names = _names(dimension)
    values = {f"p{i}": float(c) for i, c in enumerate(plain)} | {f"q{i}": float(c) for i, c in enumerate(rooted)}
    values |= {"width": w}
    root = "sqrt(x**2 + width**2)"
    energy = f"{_horner('p', 5)} + ({_horner('q', 4)})*{root}"
    transverse = ""
    if dimension > 1:
        values |= _switch(g, 2.0 * height * (1.0 + s), 2.0 * height * (1.0 - s))
        transverse = f"(middle + swing*x/{root})"
        energy += f" + {transverse}*({' + '.join(f'{y}**2' for y in names[1:])})/2"
    top = _position(s, g)
    return Family(
        energy,
        names,
        values,
        regions={"sharp": f"x < {top!r}", "flat": f"x >= {top!r}"},
        labels=("sharp", "flat"),
        transverse=transverse,
    )


def _horner(letter: str, count: int) -> str:
    text = f"{letter}{count - 1}"
    for i in reversed(range(count - 1)):
        text = f"{letter}{i} + x*({text})"
    return text


def _in_x(well: Array, a: float, b: float, w: float) -> tuple[Array, Array]:
    """Coefficients p, q of sum_n well_n u^n = p(x) + q(x) r, u = b w + a x - b r and r^2 = x^2 + w^2."""
    line, square = np.array([b * w, a]), np.array([w * w, 0.0, 1.0])
    p: Array = np.zeros(1)
    q: Array = np.zeros(1)
    for coefficient in well[::-1]:  # Horner's rule on pairs: (p + q r) u
        following = polyadd(polyadd(polymul(p, line), -b * polymul(q, square)), [coefficient])
        q = np.asarray(polyadd(polymul(q, line), -b * p), np.float64)
        p = np.asarray(following, np.float64)
    return np.resize(polyadd(p, np.zeros(5)), 5), np.resize(polyadd(q, np.zeros(4)), 4)


def _switch(g: float, sharp: float, flat: float) -> dict[str, float]:
    """m and n of the transverse curvature from V'' at the two minima."""
    w = _bend(g)[2]
    at = [_position(u, g) for u in (-1.0, 1.0)]
    left, right = (x / math.hypot(x, w) for x in at)
    first, second = sharp * _slope(-1.0, g) ** 2, flat * _slope(1.0, g) ** 2
    swing = (second - first) / (right - left)
    middle = first - swing * left
    if middle <= abs(swing):
        raise FormulaError("the transverse curvature would not stay positive; take a curvature ratio nearer 1")
    return {"middle": middle, "swing": swing}


def _bend(g: float) -> tuple[float, float, float]:
    """a, b and w of u = a x - b (sqrt(x^2 + w^2) - w)."""
    a = (g + 1.0 / g) / 2.0
    return a, (g - 1.0 / g) / 2.0, _WIDTH / a


def _position(u: float, g: float) -> float:
    """x at which the stretched coordinate is u."""
    a, b, w = _bend(g)
    return _solve(lambda x: a * x - b * (math.hypot(x, w) - w) - u, -1e3, 1e3)


def _slope(u: float, g: float) -> float:
    """du/dx at u."""
    a, b, w = _bend(g)
    x = _position(u, g)
    return a - b * x / math.hypot(x, w)


def quartic(*, dimension: int, barrier: float, transverse_curvature: float) -> Family:
    """Double well E = barrier (x^2 - 1)^2 + transverse_curvature sum_i y_i^2/2: curvature 8 barrier at both minima."""
    names = _names(dimension)
    energy, values, transverse = "barrier*(x**2 - 1)**2", {"barrier": barrier}, ""
    if dimension > 1:
        values["curvature"] = transverse_curvature
        energy += f" + curvature*({' + '.join(f'{y}**2' for y in names[1:])})/2"
        transverse = "curvature"
    return Family(
        energy,
        names,
        values,
        regions={"left": "x < 0", "right": "x >= 0"},
        labels=("left", "right"),
        transverse=transverse,
    )


def two_basin(*, sharp_curvature: float, flat_curvature: float) -> Family:
    """Two global minima of E = 0 in the plane, a flat one at (-1, -1) and a sharp one at (1, 1).

    E = E_s E_f/(E_s + E_f) with E_s, E_f the paraboloids of the given curvatures, so both Hessians are exactly those.
    In the manner of the two-basin toy of Zhu et al. (2019), not their formula.
    """
    sharp, flat = "(sharp*((x - 1)**2 + (y - 1)**2)/2)", "(flat*((x + 1)**2 + (y + 1)**2)/2)"
    return Family(
        f"{sharp}*{flat}/({sharp} + {flat})",
        ("x", "y"),
        {"sharp": sharp_curvature, "flat": flat_curvature},
        labels=("flat", "sharp"),
    )


def nonequilibrium_well(*, rotation: float, thermal_energy: float) -> Family:
    """Double well with a force that keeps the density exp(-U/theta) and drives a current (Chaudhari and Soatto 2018).

    U = (x^2 - 1)^2/4 + y^2/2, force = rotation e^(U/theta) J with J = e^(-(x^2 + y^2)^2/(4 theta)) (-y, x), which is
    free of divergence. Only at that theta = `thermal_energy` is exp(-U/theta) the stationary density.
    """
    size = "rotation*exp(((x**2 - 1)**2/4 + y**2/2 - (x**2 + y**2)**2/4)/theta)"
    return Family(
        "(x**2 - 1)**2/4 + y**2/2",
        ("x", "y"),
        {"rotation": rotation, "theta": thermal_energy},
        force=(f"-y*{size}", f"x*{size}"),
        regions={"left": "x < 0", "right": "x >= 0"},
        labels=("left", "right"),
    )
