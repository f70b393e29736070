"""Verdict on which law of growth predicts held-out disorders: the logarithmic law or its closest competitor."""

from __future__ import annotations

import math

import scipy

from langevin_sgd.checks.verdicts.statistics import Assessment, Verdict, inconclusive
from langevin_sgd.estimators.competing_laws import FOLDS, Advantage, held_out_scores
from langevin_sgd.estimators.growth_laws import LOGARITHMIC
from langevin_sgd.estimators.logarithmic_law import FitWindow

_VERDICTS = {
    "better than": Verdict.AGREES,
    "worse than": Verdict.DISAGREES,
    "as good as": Verdict.INCONCLUSIVE,
}


def assess_held_out(
    window: FitWindow, *, exponent: float | None, confidence: float, dimension: str
) -> tuple[Assessment, str]:
    """The advantage of the logarithmic law, in nats, over the competitor that comes closest, and that one's name.

    Agrees if the interval lies above 0, disagrees below it; if it holds 0 that competitor is as good, and log-like
    growth is no evidence for the law. `exponent` is p, free if None; `dimension` is what is held out.
    """
    samples = window.squares.shape[0]
    if samples < 2 * FOLDS:
        why = f"too few {dimension}s: {samples}; held-out likelihood needs at least {2 * FOLDS}"
        return inconclusive(math.nan, math.nan, why), "competing laws"
    scores = held_out_scores(window, exponent=exponent)
    others = [scores.advantage(LOGARITHMIC.name, name, confidence) for name in scores.names[1:]]
    closest = min(others, key=lambda advantage: advantage.value)
    verdict = _VERDICTS[closest.answer]
    power = "p free" if exponent is None else f"p = {exponent:.4g}"
    each = ", ".join(f"{a.answer} {a.other} ({a.value:+.3g}, {a.low:.3g} to {a.high:.3g})" for a in others)
    reason = f"nats on {samples} held-out {dimension}s: the logarithmic law ({power}) is {each}"
    if verdict is Verdict.INCONCLUSIVE:
        reason += f"; competing law as good: {_settle(closest, dimension)}"
    p_value = (
        float(scipy.special.stdtr(closest.folds - 1, closest.value / closest.stderr))
        if closest.stderr > 0
        else math.nan
    )
    assessed = Assessment(closest.value, closest.stderr, closest.low, closest.high, verdict, p_value, reason)
    return assessed, closest.other


def _settle(closest: Advantage, dimension: str) -> str:
    """What would tell two laws apart: their difference grows with the samples, its error with the root of them."""
    if closest.value <= 0.0:
        return f"more {dimension}s would hardly settle it, a longer window of ln t would"
    factor = ((closest.value - closest.low) / closest.value) ** 2
    return f"about {factor:.2g} times the {dimension}s, or a longer window of ln t, would settle it if the values stay"
