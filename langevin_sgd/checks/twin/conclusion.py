"""Whether SGD follows its own stochastic differential equation and, if not, whether it is the step or the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langevin_sgd.checks.twin.compared import Compared
from langevin_sgd.checks.verdicts.statistics import Verdict

GAUSSIAN = "per_sample"
"""The noise of the equation itself: Gaussian, of the full covariance at every point."""
MINIBATCHES = "svag"
"""That of minibatches of SGD: from SGD itself at its own step to the equation at small ones."""

_OF_MINIBATCHES, _OF_EPOCHS = "shape of the noise", "noise of epochs"
_CORRELATED = "minibatches of one epoch make up for each other, and noise of the equation is drawn afresh at every step"


@dataclass(frozen=True)
class Twin:
    """One twin of a network: its noise, its step over the learning rate, and what SGD is over it.

    `exact` says that it is SGD itself, with minibatches of its own.
    """

    name: str
    noise: str
    fraction: float
    rows: Sequence[Compared]
    exact: bool = False


@dataclass(frozen=True)
class Conclusion:
    """A verdict on the equation, in a few words and with the reason; `of` is the twin that stands for the equation."""

    of: Twin
    verdict: Verdict
    title: str
    reason: str


def concluded(twins: Sequence[Twin], *, epochs: bool = False) -> Conclusion | None:
    """By the rule that `TwinCheck` states; None without a twin of per-sample noise. `epochs` says that SGD draws its
    minibatches without replacement."""
    own = [twin for twin in twins if twin.noise == GAUSSIAN]
    if not own:
        return None
    finest = min(own, key=lambda twin: twin.fraction)
    verdicts = {_verdict(row) for row in finest.rows}
    where = f"its equation in steps of {finest.fraction:g} learning_rate ({finest.name})"
    if verdicts == {Verdict.AGREES}:
        return Conclusion(finest, Verdict.AGREES, "SGD follows it", f"all {len(finest.rows)} rows agree with {where}")
    off = [row for row in finest.rows if _verdict(row) is Verdict.DISAGREES]
    if not off:
        open_rows = [row.quantity.called() for row in finest.rows if _verdict(row) is not Verdict.AGREES]
        why = f"nothing disagrees with {where}, but it is open in {_listed(open_rows)}"
        return Conclusion(finest, Verdict.INCONCLUSIVE, "not decided", why)
    names = _listed([row.quantity.called() for row in off])
    why = f"SGD leaves {where} in {names}{_way_of_minibatches(finest, off, twins)}"
    coarse = next((twin for twin in own if twin.fraction == 1.0), None)
    if coarse is None:
        mend = "a twin of per_sample noise with time_step_fraction: 1 would tell the step from the shape of the noise"
        return Conclusion(finest, Verdict.DISAGREES, "step or noise", f"{why}; {mend}")
    noise, remark = (_OF_EPOCHS, f"; {_CORRELATED}") if epochs else (_OF_MINIBATCHES, "")
    if coarse is finest:
        mend = f"it has the step of SGD, so it is the {noise}; a smaller step would show what the step does{remark}"
        return Conclusion(finest, Verdict.DISAGREES, noise, f"{why}; {mend}")
    found = _step_or_noise(finest, coarse, off, noise)
    return replace(found, reason=f"{why}; {found.reason}{remark if noise in found.title else ''}")


def _way_of_minibatches(finest: Twin, off: Sequence[Compared], twins: Sequence[Twin]) -> str:
    """How far minibatches in the steps of the equation go from SGD to it, as the mean over the rows that are off."""
    same = next((twin for twin in twins if twin.noise == MINIBATCHES and twin.fraction == finest.fraction), None)
    if same is None or same.fraction == 1.0:
        return ""
    gone = {row.quantity.name: row for row in same.rows}
    ways = [_log(gone[row.quantity.name]) / _log(row) for row in off if row.quantity.name in gone]
    known = [way for way in ways if math.isfinite(way)]
    if not known:
        return ""
    return f"; minibatches in the same steps ({same.name}) go {sum(known) / len(known):.0%} of the way there"


def _step_or_noise(finest: Twin, coarse: Twin, off: Sequence[Compared], noise: str) -> Conclusion:
    """What the twin with the step of SGD says of the rows in which SGD leaves the finest."""
    at_step = {row.quantity.name: row for row in coarse.rows}
    pairs = [(row, at_step[row.quantity.name]) for row in off if row.quantity.name in at_step]
    found = {_verdict(other) for _, other in pairs}
    if found == {Verdict.AGREES}:
        told = f"at its own step ({coarse.name}) it agrees in all of them"
        return Conclusion(finest, Verdict.DISAGREES, "the step", told)
    if found == {Verdict.DISAGREES}:
        nearer = all(abs(_log(other)) < 0.5 * abs(_log(row)) for row, other in pairs)
        title = f"step and {noise}" if nearer else noise
        also = "and comes nearer by half: both count" if nearer else "and comes no nearer by half"
        told = f"Gaussian noise at its own step ({coarse.name}) leaves it as well, {also}"
        return Conclusion(finest, Verdict.DISAGREES, title, told)
    mend = f"at its own step ({coarse.name}) some of these rows agree and others do not, or are open"
    return Conclusion(finest, Verdict.DISAGREES, "step or noise", mend)


def _verdict(row: Compared) -> Verdict:
    return Verdict.INCONCLUSIVE if row.fault else row.assessed.verdict


def _log(row: Compared) -> float:
    ratio = row.assessed.estimate
    return math.log(ratio) if ratio > 0 else math.nan


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"
