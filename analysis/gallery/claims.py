"""What a page of the gallery consists of: a claim with its source, what was expected, what is seen, and the verdict.

A script of the gallery is `NN_name.py` with a `CLAIM`, the tolerances of its rows, written before anything was run, and
`found(run)`, which reads a run of configs/gallery/NAME.yaml. How it is run: `running.py`.

The verdict of a row: where its interval lies within what is expected it holds, where it lies outside altogether it does
not, and otherwise one cannot tell. Rows without an expectation are contrasts and have no part in the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import stats

ROOT = Path(__file__).parents[2]
HOLDS, DOES_NOT, CANNOT_TELL = "holds here", "does not hold here", "cannot tell"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Claim:
    """One claim: `name` is that of its config, `says` what the original claims, `expected` what is expected here."""

    name: str
    title: str
    source: str
    says: str
    expected: str


@dataclass(frozen=True)
class Row:
    """A measured quantity with its interval of 95%; it is expected from `least` to `most`. None of both: a contrast."""

    quantity: str
    value: float
    low: float
    high: float
    least: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str | None:
        """Of the three; None of a contrast."""
        if self.least is None and self.most is None:
            return None
        least = -math.inf if self.least is None else self.least
        most = math.inf if self.most is None else self.most
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            return CANNOT_TELL
        if least <= self.low and self.high <= most:
            return HOLDS
        return DOES_NOT if self.high < least or most < self.low else CANNOT_TELL

    @property
    def expectation(self) -> str:
        """In words."""
        match self.least, self.most:
            case None, None:
                return "-"
            case least, None:
                return f"at least {least:.3g}"
            case None, most:
                return f"at most {most:.3g}"
            case least, most:
                return f"{least:.3g} to {most:.3g}"


@dataclass(frozen=True)
class Finding:
    """What a run shows: rows, the figure, and a sentence or two on what is seen."""

    rows: Sequence[Row]
    figure: Figure
    seen: str

    @property
    def verdict(self) -> str:
        """It holds if every row does, and does not if one does not."""
        verdicts = [row.verdict for row in self.rows if row.verdict is not None]
        if not verdicts:
            raise ValueError("a finding needs a row with an expectation")
        if DOES_NOT in verdicts:
            return DOES_NOT
        return HOLDS if set(verdicts) == {HOLDS} else CANNOT_TELL


Found = Callable[[xr.DataTree], Finding]


def of_mean(quantity: str, samples: ArrayLike, *, least: float | None = None, most: float | None = None) -> Row:
    """The mean of independent samples with Student's interval; NaN, if there is one, makes all of it NaN."""
    values = np.asarray(samples, dtype=np.float64).ravel()
    if values.size < 2:
        raise ValueError(f"{quantity}: an interval needs two samples at least")
    mean = float(values.mean())
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size))
    return Row(quantity, mean, mean - half, mean + half, least, most)


def of_difference(
    quantity: str, one: ArrayLike, other: ArrayLike, *, least: float | None = None, most: float | None = None
) -> Row:
    """The mean of `one` less that of `other`, independent samples of unlike spread: Welch's interval."""
    a, b = (np.asarray(each, dtype=np.float64).ravel() for each in (one, other))
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
    return Row(quantity, float(a.mean() - b.mean()), float(interval.low), float(interval.high), least, most)


def of_estimate(
    quantity: str, value: float, error: float, *, least: float | None = None, most: float | None = None
) -> Row:
    """An estimate with its standard error, as that of a Gaussian."""
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2) * error)
    return Row(quantity, value, value - half, value + half, least, most)


def table(finding: Finding) -> list[tuple[str, str, str, str]]:
    """(quantity, measured with interval, expected, verdict) of each row."""
    return [
        (row.quantity, f"{row.value:.4g} [{row.low:.4g}, {row.high:.4g}]", row.expectation, row.verdict or "contrast")
        for row in finding.rows
    ]


def config_of(claim: Claim) -> Path:
    """Where the claim's config lies."""
    return ROOT / "configs" / "gallery" / f"{claim.name}.yaml"
