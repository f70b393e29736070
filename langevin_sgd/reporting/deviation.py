"""How far something measured is from a law, in the words of a sentence."""

from __future__ import annotations

import math

from langevin_sgd.reporting.verdict_table import interval_text, plain

_FACTOR = 2.0  # from which on a deviation is told as a factor and not in percent


def in_words(
    ratio: float, low: float, high: float, *, predicted: float, tolerance: float, difference: bool = False
) -> str:
    """`6.1% above [5.9, 6.2]`, `0.145 times it [0.144, 0.146]`, or a difference; empty where there is no number.

    `ratio` with its interval is measured over predicted, or the value itself where smallness is predicted (0), or
    measured less predicted if `difference`. An interval that reaches to both sides has signs.
    """
    if not math.isfinite(ratio):
        return ""
    if difference:
        return f"off by {interval_text(ratio, low, high, most=3, sign='+')}"
    if predicted == 0:
        bound = f", the bound being {tolerance:g}" if tolerance > 0 else ""
        return f"{interval_text(ratio, low, high, most=3)}{bound}"
    if math.isinf(predicted):
        return "the law has no bound there"
    if not 1.0 / _FACTOR < ratio < _FACTOR:
        return _times(ratio, low, high)
    return _percent(*(100.0 * (value - 1.0) for value in (ratio, low, high)))


def _times(ratio: float, low: float, high: float) -> str:
    told = f"{plain(ratio, 3)} times it"
    if not (math.isfinite(low) and math.isfinite(high)):
        return told
    return f"{told} [{plain(low, 3)}, {plain(high, 3)}]"


def _percent(value: float, low: float, high: float) -> str:
    known = math.isfinite(low) and math.isfinite(high)
    width = high - low if known else abs(value)
    places = 0 if width >= 5.0 else 1 if width >= 0.2 else 2
    side = "above" if value >= 0 else "below"
    told = f"{abs(value):.{places}f}% {side}"
    if not known:
        return told
    if low < 0 < high:
        return f"{told} [{low:+.{places}f}%, {high:+.{places}f}%]".replace("-", "−")
    near, far = sorted((abs(low), abs(high)))
    return f"{told} [{near:.{places}f}, {far:.{places}f}]"
