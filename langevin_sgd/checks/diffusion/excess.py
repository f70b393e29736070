"""How an excess over linear response goes with the temperature, from two ensembles at different ones."""

from __future__ import annotations

import math
from typing import NamedTuple


class Excess(NamedTuple):
    """What the spread has beyond linear response over it, its standard error, and eta/(B (1 - momentum)) there."""

    value: float
    stderr: float
    heat: float


class Exponent(NamedTuple):
    """p of excess ~ T^p, and the ends of its interval; infinite where an excess may be nothing."""

    value: float
    low: float
    high: float


def temperature_exponent(one: Excess, other: Excess, *, deviate: float) -> Exponent:
    """p = ln(e_c/e_h)/ln(T_c/T_h) of the colder and the hotter of two excesses, with Fieller's interval.

    The interval holds every p at which e_c - e_h (T_c/T_h)^p lies within `deviate` of its own standard errors of
    nothing. It asks no small relative errors, which logarithms do: an excess that is nothing within its error, or
    less, leaves p open to one side, downwards if that is the hotter one, upwards if the colder.

    Source: Fieller, Some problems in interval estimation (1954).
    """
    cold, hot = sorted((one, other), key=lambda each: each.heat)
    lever = math.log(cold.heat / hot.heat)

    def power(ratio: float) -> float:
        return math.log(ratio) / lever if 0.0 < ratio < math.inf else math.copysign(math.inf, 0.5 - ratio)

    here, there = max(cold.value, 0.0), max(hot.value, 0.0)
    first, last = here**2 - (deviate * cold.stderr) ** 2, there**2 - (deviate * hot.stderr) ** 2
    product, inside = here * there, (here * there) ** 2 - first * last
    if not inside >= 0.0:  # neither is there beyond its error, or one has none
        return Exponent(math.nan, -math.inf, math.inf)
    root = math.sqrt(inside)
    upper = product + root
    lowest = (first / upper if upper > 0.0 else math.inf) if first > 0.0 else 0.0
    highest = upper / last if last > 0.0 else math.inf
    between = here / there if there > 0.0 else math.inf
    return Exponent(power(between), power(highest), power(lowest))
