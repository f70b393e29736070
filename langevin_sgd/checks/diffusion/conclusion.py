"""What drives the growth of a training, in one word, by a rule that is fixed before the result is seen.

Three explanations of a slow growth compete: the noise-free path itself drifts; noise adds linear response about that
path; the loss has barriers that noise must cross. The words:

- `drift`: the control's path explains the mean, and the mean at least nine tenths of the squared displacement;
- `linear response`: the spread, a larger part of it, is what linear response says;
- `anharmonic`: it is not, or noise changes the path; and nothing shows barriers;
- `barriers`: the spread exceeds linear response by half or more, the excess does not fall as the temperature does, by
  the interval of its exponent, the loss between replicas has barriers above the thermal energy, and the control is not
  at the edge of stability;
- `inconclusive`: what is asked for is missing, or linear theory itself does not hold where it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from langevin_sgd.checks.diffusion.evidence import COLD, Evidence
from langevin_sgd.checks.diffusion.excess import Excess, Exponent, temperature_exponent
from langevin_sgd.checks.diffusion.response import (
    DRIFT_TOLERANCE,
    SPREAD_TOLERANCE,
    WARM_DRIFT_TOLERANCE,
    WARM_SPREAD_TOLERANCE,
    interval,
)
from langevin_sgd.checks.verdicts.labels import FIRST, Fault, Quantity, Said
from langevin_sgd.checks.verdicts.statistics import MINIMUM_REPLICAS, Assessment, Verdict
from langevin_sgd.checks.verdicts.table import Comparison

EXCESS = 1.5
"""Spread over linear response beyond which barriers are thought of."""
FALLS = 0.5
"""Exponent of the excess in the temperature from which on it counts as falling with it; 1 is perturbation theory's."""
MOST = 0.9
"""Part of the squared displacement that is drift from which on the growth is called so."""


class Word(StrEnum):
    """The conclusion."""

    DRIFT = "drift"
    RESPONSE = "linear response"
    ANHARMONIC = "anharmonic"
    BARRIERS = "barriers"
    NONE = "inconclusive"


_VERDICTS = {
    Word.DRIFT: Verdict.AGREES,
    Word.RESPONSE: Verdict.AGREES,
    Word.ANHARMONIC: Verdict.DISAGREES,
    Word.BARRIERS: Verdict.DISAGREES,
    Word.NONE: Verdict.INCONCLUSIVE,
}
"""Whether the growth is without barriers and linear theory describes it."""

_OPEN = "what drives its growth is open"
_NUMBER = "spread over linear response"
_SAID = {
    Word.DRIFT: Said("its growth is the drift of the noise-free path", "noise changes its path", _OPEN, _NUMBER),
    Word.RESPONSE: Said(
        "its growth is linear response about the noise-free path", "it leaves linear response", _OPEN, _NUMBER
    ),
    Word.ANHARMONIC: Said(
        "its growth is linear response", "its growth is anharmonic, and shows no barriers", _OPEN, _NUMBER
    ),
    Word.BARRIERS: Said(
        "its growth shows no barriers", "its growth shows barriers that noise must cross", _OPEN, _NUMBER
    ),
    Word.NONE: Said("its growth shows no barriers", "its growth leaves linear theory", _OPEN, _NUMBER),
}
"""What sentences say of each word; that which does not go with its verdict is for a table that was changed."""


@dataclass(frozen=True)
class Conclusion:
    """The word, and why."""

    word: Word
    reason: str


def conclude(own: Evidence, others: Sequence[Evidence], *, confidence: float) -> Conclusion:
    """The conclusion at the last time of one point; `others` are points of the same training at other temperatures."""
    at = own.last()
    if at is None or own.replicas < MINIMUM_REPLICAS or not math.isfinite(own.ratio_stderr[at]):
        return Conclusion(Word.NONE, "too few replicas, or nothing has moved: 16 or more give a useful interval")
    if unfit := own.unfit(at, smooth=True):
        return Conclusion(Word.NONE, unfit)
    dof = own.replicas - 1
    ratio, share = float(own.ratio[at]), float(own.share[at])
    low, high = interval(ratio, float(own.ratio_stderr[at]), dof, confidence)
    spread = f"the spread is {ratio:.4g} ({low:.4g} to {high:.4g}) of linear response's"
    if low > EXCESS:
        return _excess(own, at, others, spread, confidence=confidence)
    if high > EXCESS:
        return Conclusion(Word.NONE, f"{spread}, which reaches beyond {EXCESS:g}: more replicas would tell")
    cold = own.heat <= COLD * (1.0 + 1e-9)
    drift, drift_stderr = float(own.drift[at]), float(own.drift_stderr[at])
    begin, end = (
        interval(drift, drift_stderr, dof, confidence)
        if drift > 0.0 and math.isfinite(drift_stderr)
        else (0.0, math.inf)
    )
    tolerance = DRIFT_TOLERANCE if cold else WARM_DRIFT_TOLERANCE
    path = f"the squared drift is {drift:.4g} ({begin:.4g} to {end:.4g}) of the control's"
    if end < 1.0 - tolerance or begin > 1.0 + tolerance:
        return Conclusion(Word.ANHARMONIC, f"noise changes the path: {path}, beyond {tolerance:.0%}; {spread}")
    on_path = begin >= 1.0 - tolerance and end <= 1.0 + tolerance
    within = SPREAD_TOLERANCE if cold else WARM_SPREAD_TOLERANCE
    if on_path and share >= MOST and low > 1.0 / EXCESS and high < EXCESS:
        return Conclusion(Word.DRIFT, f"{share:.1%} of the squared displacement is drift, and {path}; {spread}")
    if on_path and low >= 1.0 - within and high <= 1.0 + within:
        return Conclusion(Word.RESPONSE, f"{spread}, {path}, and {share:.1%} of the squared displacement is drift")
    if high < 1.0 - within or low > 1.0 + within:
        return Conclusion(Word.ANHARMONIC, f"{spread}, beyond {within:.0%}, and no excess of half that barriers make")
    return Conclusion(Word.NONE, f"{spread}, and {path}: more replicas would tell")


def _excess(own: Evidence, at: int, others: Sequence[Evidence], spread: str, *, confidence: float) -> Conclusion:
    """What more than half again the spread of linear response comes from."""
    compared = _exponent(own, at, others, confidence=confidence)
    if compared is None:
        return Conclusion(Word.NONE, f"{spread}: a scan over sgd.batch_size would tell whether the excess falls as T")
    exponent, begin, end = compared
    falls = f"{spread}, and the excess goes as T^{exponent:.2g} ({begin:.2g} to {end:.2g})"
    if begin >= FALLS:
        return Conclusion(Word.ANHARMONIC, f"{falls}, as a perturbation does")
    if end >= FALLS:
        return Conclusion(Word.NONE, f"{falls}: temperatures farther apart, or more replicas, would tell whether as T")
    if not own.barrier.size:
        return Conclusion(Word.NONE, f"{falls}: the probe segments would tell whether barriers lie between replicas")
    place = int(np.argmin(np.abs(np.log(own.barrier_time / own.time[at]))))
    theta = float(np.interp(own.barrier_time[place], own.looked, own.thermal_energy))
    height, error = float(own.barrier[place]), float(own.barrier_stderr[place]) if own.barrier_stderr.size else math.inf
    told = f"barriers between replicas are {height:.3g}({error:.1g}), the thermal energy is {theta:.3g}"
    if height - 2.0 * error > theta:
        return Conclusion(Word.BARRIERS, f"{falls}, not as T; {told}")
    if height + 2.0 * error < theta:
        return Conclusion(Word.ANHARMONIC, f"{falls}, but {told}: nothing to cross")
    return Conclusion(Word.NONE, f"{falls}; {told}: more pairs would tell")


def _exponent(own: Evidence, at: int, others: Sequence[Evidence], *, confidence: float) -> Exponent | None:
    """d ln(excess)/d ln T and its interval, from the point at the temperature farthest in ratio; None without another.

    The excesses of two ensembles have independent errors; between temperatures a factor 2 apart those of 32 replicas
    leave the exponent uncertain by 0.4.
    """
    time = float(own.time[at])
    there = [each for each in others if abs(math.log(each.heat / own.heat)) > 1e-6 and each.last() is not None]
    if not there:
        return None
    other = max(there, key=lambda each: abs(math.log(each.heat / own.heat)))
    moved = np.where(other.time > 0.0, other.time, math.nan)
    place = int(np.nanargmin(np.abs(np.log(moved / time))))
    dof = min(own.replicas, other.replicas) - 1
    return temperature_exponent(
        Excess(float(own.ratio[at]) - 1.0, float(own.ratio_stderr[at]), own.heat),
        Excess(float(other.ratio[place]) - 1.0, float(other.ratio_stderr[place]), other.heat),
        deviate=float(scipy.special.stdtrit(dof, 0.5 + confidence / 2.0)),
    )


def conclusion_row(own: Evidence, others: Sequence[Evidence], *, model: str, confidence: float) -> Comparison | None:
    """The conclusion as a row that does not count: whether linear theory about the path without noise describes it."""
    at = own.last()
    if at is None:
        return None
    found = conclude(own, others, confidence=confidence)
    ratio, stderr = float(own.ratio[at]), float(own.ratio_stderr[at])
    usable = ratio > 0.0 and math.isfinite(stderr)
    low, high = interval(ratio, stderr, own.replicas - 1, confidence) if usable else (math.nan, math.nan)
    assessed = Assessment(ratio, stderr, low, high, _VERDICTS[found.word], math.nan, f"{found.word}: {found.reason}")
    about: dict[str, str | float] = {"conclusion": str(found.word), "effective_time": float(own.time[at])}
    return Comparison.from_assessment(
        assessed,
        model=model,
        quantity=Quantity("conclusion", f"conclusion: {found.word}", about, (FIRST, FIRST), said=_SAID[found.word]),
        law="growth without barriers",
        role="contrast",
        measured=ratio,
        standard_error=stderr,
        predicted=1.0,
        tolerance=EXCESS - 1.0,
        eigenvalues=np.empty(0),
        fault=Fault.UNFIT if found.word is Word.NONE else Fault.NONE,
    )
