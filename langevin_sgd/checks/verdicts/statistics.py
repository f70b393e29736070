"""Three-valued verdicts: equivalence tests with an interval, a power and a plain reason, and Holm's rule for many.

A comparison asks whether a value lies inside a tolerance band, and has three answers (Schuirmann 1987; Wellek 2010):

- `agrees`: the whole confidence interval lies inside the band;
- `disagrees`: the whole interval lies outside it;
- `inconclusive`: it straddles an edge, or there is no interval worth the name.

Errors come from the spread between independent replicas alone, so intervals are Student's with R - 1 degrees of
freedom and correlated frames are never counted as independent. Ratios are positive and their errors grow with them,
so they are judged on the logarithmic scale: with 16 replicas of 2 effective samples each the plain interval misses a
variance from below in 7.5% of cases in place of 2.5%, the logarithmic one in 4.5%; with 64 replicas of 20, in 3.4%
and 2.9%.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

MINIMUM_REPLICAS = 4
POWER = 0.8
LONGER = "replicas, or a stationary window that much longer,"
_SMALLEST_P = 9.0  # decimal places
_HALVINGS = 10
HOPELESS = 1000.0  # beyond this factor more replicas are no advice


class Verdict(StrEnum):
    """The answer of one comparison."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    INCONCLUSIVE = "inconclusive"


class Band(NamedTuple):
    """The values that count as agreement, edges included."""

    low: float
    high: float


@dataclass(frozen=True)
class Assessment:
    """One value with its standard error, confidence interval, verdict and the reason for it.

    `p_value` is the probability of a value this far outside the band if the truth lay inside it (NaN where there is
    no such statement); it is what Holm's rule reads.
    """

    estimate: float
    stderr: float
    low: float
    high: float
    verdict: Verdict
    p_value: float
    reason: str
    short: str = ""
    """The reason without numbers that stand beside it and remarks behind it; empty where that is all of it."""

    def with_note(self, note: str) -> Assessment:
        """The same assessment with a remark after its reason."""
        return replace(self, reason=f"{self.reason}; {note}", short=self.short or self.reason) if note else self

    def because(self, verdict: Verdict, p_value: float, reason: str) -> Assessment:
        """The same numbers with another verdict, p-value and reason."""
        return replace(self, verdict=verdict, p_value=p_value, reason=reason, short="")


def inconclusive(estimate: float, stderr: float, reason: str) -> Assessment:
    """An assessment that says why it gives no interval."""
    return Assessment(estimate, stderr, math.nan, math.nan, Verdict.INCONCLUSIVE, math.nan, reason)


def classify(low: float, high: float, band: Band) -> Verdict:
    """Where the interval [low, high] lies with respect to the band."""
    if band.low <= low and high <= band.high:
        return Verdict.AGREES
    if low > band.high or high < band.low:
        return Verdict.DISAGREES
    return Verdict.INCONCLUSIVE


def outside_p_value(estimate: float, stderr: float, dof: float, band: Band) -> float:
    """Largest probability, over truths inside the band, of an estimate at least this far outside it.

    With x the distance outside the nearer edge, over the standard error, and w the width of the band in the same
    unit: p = P(t >= x) + P(t >= x + w), which the truth on the edge attains. Negative x (inside) gives p above 1/2.
    """
    distance = max(estimate - band.high, band.low - estimate)
    if stderr == 0.0:
        return 1.0 if distance <= 0 else 0.0
    width = band.high - band.low
    return min(
        1.0,
        float(scipy.special.stdtr(dof, -distance / stderr) + scipy.special.stdtr(dof, -(distance + width) / stderr)),
    )


def assess(
    estimate: float,
    stderr: float,
    *,
    dof: float,
    band: Band,
    confidence: float,
    name: str,
    shown: Callable[[float], float] = float,
    cure: str = LONGER,
) -> Assessment:
    """Equivalence test of an estimate with a Student-t error against a band.

    `estimate`, `stderr` and `band` are on a scale on which the error is Student's; `shown` (increasing) maps that
    scale to the one that the reason, `estimate`, `low` and `high` are written in. `stderr` of the result is left on
    the scale of the test. `dof` is the number of replicas less one; fewer than 4 replicas give no verdict. `cure`
    names what there should be more of when the interval is too wide.
    """
    if dof + 1 < MINIMUM_REPLICAS:
        return inconclusive(shown(estimate), stderr, too_few_replicas(round(dof + 1)))
    if not (math.isfinite(estimate) and math.isfinite(stderr)):
        return inconclusive(shown(estimate), stderr, f"{name} or its error is not finite")
    quantile = float(scipy.special.stdtrit(dof, 0.5 + confidence / 2))
    low, high = estimate - quantile * stderr, estimate + quantile * stderr
    verdict = classify(low, high, band)
    to_see = (quantile + float(scipy.special.stdtrit(dof, POWER))) * stderr
    reason = f"{name} {shown(estimate):.4g}, {100 * confidence:.4g}% interval {shown(low):.4g} to {shown(high):.4g}"
    reason += f" (half-width {(shown(high) - shown(low)) / 2:.2g}), "
    reason += conclusion(estimate, verdict, band, to_see, shown=shown, cure=cure)
    return Assessment(
        shown(estimate),
        stderr,
        shown(low),
        shown(high),
        verdict,
        outside_p_value(estimate, stderr, dof, band),
        reason,
        settled(estimate, verdict, band, to_see, shown=shown, cure=cure),
    )


def assess_ratio(
    measured: float,
    stderr: float,
    predicted: float,
    *,
    dof: float,
    tolerance: float,
    confidence: float,
    name: str,
    cure: str = LONGER,
) -> Assessment:
    """Whether measured/predicted lies in [1 - tolerance, 1 + tolerance], tested on the logarithmic scale.

    `stderr` is that of `measured`; the result is in units of the ratio. A ratio that is not positive has no logarithm
    and is inconclusive.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance {tolerance} of a ratio must lie between 0 and 1")
    if not predicted > 0:
        return inconclusive(math.nan, math.nan, f"{name} has no ratio: the law predicts {predicted:.4g}")
    ratio, ratio_stderr = measured / predicted, stderr / predicted
    if math.isinf(predicted):
        reason = f"the law gives no finite value, measured is {measured:.4g}"
        return Assessment(0.0, 0.0, 0.0, 0.0, Verdict.DISAGREES, 0.0, reason)
    if not ratio > 0:
        return inconclusive(ratio, ratio_stderr, f"{name} {ratio:.4g} is not positive")
    assessed = assess(
        math.log(ratio),
        ratio_stderr / ratio,
        dof=dof,
        band=Band(math.log1p(-tolerance), math.log1p(tolerance)),
        confidence=confidence,
        name=name,
        shown=math.exp,
        cure=cure,
    )
    if assessed.verdict is Verdict.DISAGREES and not 0.5 < ratio < 2:
        assessed = assessed.with_note(f"off by a factor {max(ratio, 1 / ratio):.3g}")
    return replace(assessed, stderr=ratio_stderr)


def assess_by_interval(
    estimate: float,
    interval: Callable[[float], tuple[float, float]],
    *,
    replicas: int,
    band: Band,
    confidence: float,
    name: str,
    cure: str = LONGER,
) -> Assessment:
    """Equivalence test of an estimate whose error is not Student's, by its `interval` at any confidence.

    `stderr` of the result is a quarter of the 95% interval's length, the p-value half of what an interval leaves out
    that just reaches the band.
    """
    if replicas < MINIMUM_REPLICAS:
        return inconclusive(estimate, math.nan, too_few_replicas(replicas))
    low, high = interval(confidence)
    if not (math.isfinite(estimate) and math.isfinite(low) and math.isfinite(high)):
        return inconclusive(estimate, math.nan, f"{name} or its error is not finite")
    verdict = classify(low, high, band)
    to_see = max(high - estimate, estimate - low) * (
        1.0 + float(scipy.special.ndtri(POWER) / scipy.special.ndtri(0.5 + confidence / 2.0))
    )
    reason = f"{name} {estimate:.4g}, {100 * confidence:.4g}% interval {low:.4g} to {high:.4g} "
    reason += f"(half-width {(high - low) / 2:.2g}), {conclusion(estimate, verdict, band, to_see, cure=cure)}"
    wide = (low, high) if confidence == 0.95 else interval(0.95)
    p_value = _reaching(interval, band) if verdict is Verdict.DISAGREES else 0.5
    short = settled(estimate, verdict, band, to_see, cure=cure)
    return Assessment(estimate, (wide[1] - wide[0]) / 4.0, low, high, verdict, p_value, reason, short)


def _reaching(interval: Callable[[float], tuple[float, float]], band: Band) -> float:
    """Half of what the narrowest interval that reaches the band leaves out, by bisection of its logarithm."""
    least, most = -_SMALLEST_P, 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (least + most)
        low, high = interval(1.0 - 10.0**middle)
        outside = low > band.high or high < band.low
        least, most = (least, middle) if outside else (middle, most)
    return 0.5 * math.pow(10.0, most)


def holm(p_values: Sequence[float] | NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Which hypotheses Holm's step-down rule rejects at family-wise level `level` (Holm 1979).

    The m p-values are taken in ascending order; the i-th (i = 1...) is compared with level/(m - i + 1), and all from
    the first failure on are kept. The family-wise error stays below `level` whatever the dependence between the
    tests, so rows that read the same replicas may enter together. NaN (no test) neither counts nor is rejected.
    """
    values = np.asarray(p_values, dtype=np.float64)
    rejected = np.zeros(values.shape, dtype=np.bool_)
    tested = np.flatnonzero(~np.isnan(values))
    for rank, index in enumerate(tested[np.argsort(values[tested], kind="stable")]):
        if values[index] > level / (tested.size - rank):
            break
        rejected[index] = True
    return rejected


def too_few_replicas(replicas: int) -> str:
    """The reason for no verdict from a handful of replicas."""
    return (
        f"errors come from the spread between replicas, and {replicas} {'is' if replicas == 1 else 'are'} too few: "
        f"at least {MINIMUM_REPLICAS} are needed, 16 or more give a useful interval"
    )


def conclusion(
    estimate: float,
    verdict: Verdict,
    band: Band,
    to_see: float,
    *,
    shown: Callable[[float], float] = float,
    cure: str = LONGER,
) -> str:
    """The end of a reason: where the interval lies, what would settle it, and the power.

    A truth that lies `to_see` beyond an edge of the band gets its verdict with probability `POWER`: it is the
    half-width of the interval plus the deviation that the estimate stays below with that probability. With n times the
    data it shrinks by 1/sqrt(n), so n = (`to_see`/distance from the edge)^2 settle a value that stays where it is.
    """
    found = settled(estimate, verdict, band, to_see, shown=shown, cure=cure)
    return f"{found}; power {POWER:.0%} to see a truth {_beyond(band, to_see, shown)}"


def settled(
    estimate: float,
    verdict: Verdict,
    band: Band,
    to_see: float,
    *,
    shown: Callable[[float], float] = float,
    cure: str = LONGER,
) -> str:
    """Where the interval lies, and what would settle it: `conclusion` without the power."""
    edge = _edges(band, shown)
    where = {
        Verdict.AGREES: f"inside {edge}",
        Verdict.DISAGREES: f"outside {edge}",
        Verdict.INCONCLUSIVE: f"straddles the edge of {edge}",
    }[verdict]
    if verdict is Verdict.INCONCLUSIVE:
        distance = min(abs(estimate - band.high), abs(estimate - band.low))
        where += f"; {_more(to_see, distance, cure)}"
    return where


def _edges(band: Band, shown: Callable[[float], float]) -> str:
    if math.isinf(band.low):
        return f"the bound {shown(band.high):.4g}"
    if math.isinf(band.high):
        return f"the bound {shown(band.low):.4g}"
    return f"{shown(band.low):.4g} to {shown(band.high):.4g}"


def _beyond(band: Band, to_see: float, shown: Callable[[float], float]) -> str:
    above, below = f"above {shown(band.high + to_see):.3g}", f"below {shown(band.low - to_see):.3g}"
    if math.isinf(band.low):
        return above
    return below if math.isinf(band.high) else f"{below} or {above}"


def rounded(factor: float) -> str:
    """A factor in two digits and in no powers of ten: 3.1, 310, 12,000."""
    value = float(f"{factor:.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def _more(to_see: float, distance: float, cure: str) -> str:
    """How much more data would settle it: errors fall as one over its square root, and the value is taken to stay."""
    factor = (to_see / distance) ** 2 if distance > 0 else math.inf
    if factor > HOPELESS:
        return "so close to the edge that more data hardly settle it: another tolerance would"
    return f"about {rounded(factor)} times the {cure} would settle it if the value stays"
