"""Occupancy from several starts: the mean over them, whether they agree, and when they would.

Equilibrium is not to be had from one start: a run that never left its basin scatters little. So replicas begin in
opposite basins, and the stationary occupancy lies between those of the starts as long as each approaches it from its
own side: their mean is off by no more than half their difference. That half is to stay within the tolerance before
there is a verdict on a law, or else each start alone must give the same answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess, inconclusive

Array = NDArray[np.float64]

SEE_STARTS = "(see the agreement of the starts)"  # for rows beside that of the starts, which says it in full
_CLEAR = 4.0  # standard errors by which the difference of two starts must stand out to show how it decays
_FEWEST_POINTS = 3
_FAINT = 1e-9


class Pooled(NamedTuple):
    """A value with its standard error and degrees of freedom."""

    value: float
    stderr: float
    dof: float


@dataclass(frozen=True)
class Relaxation:
    """The relaxation time between basins and where it is from; NaN if nothing tells it."""

    time: float
    source: str


@dataclass(frozen=True)
class Starts:
    """Time-averaged occupancy by start and basin, `mean` and `stderr` (start, basin), of so many replicas each.

    The scatter over replicas says nothing of a basin that none or all of them are in: there one replica's worth, 1/R,
    stands for both the share and its error (the rule of three).
    """

    basins: tuple[str, ...]
    starts: tuple[str, ...]
    mean: Array
    stderr: Array
    replicas: int
    relaxation: Relaxation
    window: tuple[float, float]
    end: float
    steps_a_time: float

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Starts:
        """From `mean_occupancy` with its error, `occupancy_from`, `occupancy_window` and `relaxation_time`."""
        mean = dataset["mean_occupancy"].transpose("start", "basin")
        replicas = max(1, dataset.sizes["replica"] // mean.sizes["start"])
        error = dataset["mean_occupancy_stderr"].transpose("start", "basin").values
        time = np.asarray(dataset["time"].values, dtype=np.float64)
        window = dataset["occupancy_window"].values if "occupancy_window" in dataset else (0.0, time[-1])
        steps = np.asarray(dataset["step"].values, dtype=np.float64) if "step" in dataset.coords else time
        return cls(
            basins=tuple(str(name) for name in dataset["basin"].values),
            starts=tuple(str(name) for name in dataset["start_basin"].values),
            mean=np.asarray(mean.values, dtype=np.float64),
            stderr=np.asarray(error, dtype=np.float64),
            replicas=replicas,
            relaxation=_relaxation(dataset, replicas),
            window=(float(window[0]), float(window[1])),
            end=float(time[-1]),
            steps_a_time=float(steps[-1] / time[-1]),
        )

    def told_apart(self) -> list[tuple[int, str]]:
        """Basins with their number; of two that leave nothing out only the first."""
        whole = len(self.basins) == 2 and bool(np.all(np.abs(self.mean.sum(axis=1) - 1.0) < _FAINT))
        return list(enumerate(self.basins))[: 1 if whole else None]

    def pooled(self, basin: int) -> Pooled:
        """Mean over the starts, with the degrees of freedom of Welch and Satterthwaite."""
        number = len(self.starts)
        found = self._mean(self.mean[:, basin], self.stderr[:, basin] / number)
        return self._at_least_one(found, number * self.replicas)

    def log_odds(self, one: int, other: int, start: int | None = None) -> Pooled:
        """ln(p_a/p_b) of the pooled shares, or of one start.

        Error s_a/p_a + s_b/p_b: exact for two basins that leave nothing out, where a gains what b loses, and an upper
        bound (Cauchy and Schwarz) else.
        """
        if start is None:
            a, b = self.pooled(one), self.pooled(other)
        else:
            a, b = self.of_start(start, one), self.of_start(start, other)
        values = [each.value if each.value > 0.0 else each.stderr for each in (a, b)]
        stderr = a.stderr / values[0] + b.stderr / values[1]
        return Pooled(math.log(values[0]) - math.log(values[1]), stderr, min(a.dof, b.dof))

    def never_seen(self, *basins: int) -> str:
        """Why there are no odds between basins, one of which nobody from some start was seen in; or nothing."""
        for start, basin in product(range(len(self.starts)), basins):
            if self.mean[start, basin] <= 0.0:
                return f"no replica from {self.starts[start]} was seen in {self.basins[basin]}, so there are no odds"
        return ""

    def of_start(self, start: int, basin: int) -> Pooled:
        """The share of one start alone."""
        found = Pooled(float(self.mean[start, basin]), float(self.stderr[start, basin]), self.replicas - 1.0)
        return self._at_least_one(found, self.replicas)

    def _at_least_one(self, found: Pooled, replicas: int) -> Pooled:
        never = found.value <= 0.0 or found.value >= 1.0
        return found._replace(stderr=1.0 / replicas, dof=self.replicas - 1.0) if never else found

    def agreement(self, basin: int, *, tolerance: float, confidence: float) -> Assessment:
        """Whether half the difference of the shares in a basin, of all pairs of starts, stays within `tolerance`."""
        values = [self.of_start(start, basin) for start in range(len(self.starts))]
        return self._agreement(values, f"in {self.basins[basin]}", tolerance, confidence)

    def odds_agreement(self, one: int, other: int, *, tolerance: float, confidence: float) -> Assessment:
        """The same of ln(p_a/p_b)."""
        values = [self.log_odds(one, other, start) for start in range(len(self.starts))]
        what = f"as log-odds of {self.basins[one]} to {self.basins[other]}"
        return self._agreement(values, what, tolerance, confidence)

    def _agreement(self, values: list[Pooled], what: str, tolerance: float, confidence: float) -> Assessment:
        pairs = list(combinations(range(len(values)), 2))
        if not pairs:
            return inconclusive(math.nan, math.nan, self.one_start())
        level = 1.0 - (1.0 - confidence) / len(pairs)
        assessed = []
        for i, j in pairs:
            stderrs = np.array([values[i].stderr, values[j].stderr])
            half = self._mean(np.array([values[i].value, -values[j].value]), stderrs / 2.0)
            name = f"{what}, half the difference of those from {self.starts[i]} and from {self.starts[j]}:"
            band = Band(-tolerance, tolerance)
            assessed.append(assess(half.value, half.stderr, dof=half.dof, band=band, confidence=level, name=name))
        order = [Verdict.DISAGREES, Verdict.INCONCLUSIVE, Verdict.AGREES]
        return min(assessed, key=lambda each: (order.index(each.verdict), -abs(each.estimate)))

    def _mean(self, values: Array, stderrs: Array) -> Pooled:
        """Mean of values of independent starts; `stderrs` are those of the terms of the mean."""
        variances = stderrs**2
        total = float(variances.sum())
        dof = total**2 / float((variances**2).sum()) * (self.replicas - 1.0) if total > 0 else self.replicas - 1.0
        return Pooled(float(values.mean()), math.sqrt(total), dof)

    def one_start(self) -> str:
        """Why a single start gives no verdict."""
        return (
            f"one start only: all replicas began in {self.starts[0]}, and whether they have forgotten it cannot be "
            "told; start half of them in the opposite basin" + self.when(0.01)
        )

    def not_equilibrated(self, between: Assessment, tolerance: float, *, told: bool = False) -> str:
        """That starts disagree, by how much and until when; in short if the row of the starts has `told` it."""
        return f"not equilibrated {SEE_STARTS}" if told else f"not equilibrated: {between.reason}{self.when(tolerance)}"

    def when(self, tolerance: float) -> str:
        """When the starts would differ by no more than `tolerance`, for the end of a reason."""
        tau = self.relaxation.time
        if not (math.isfinite(tau) and tau > 0):
            return (
                f"; the starts have not begun to approach each other by t = {self.end:.3g} and no relaxation time is "
                "known: run several times longer, or raise the temperature"
            )
        begin = tau * math.log(1.0 / tolerance)
        text = f"; the relaxation time is {tau:.3g} ({self.relaxation.source})"
        if begin <= self.window[0]:
            return f"{text}, and the window begins at t = {self.window[0]:.3g}, after {self.window[0] / tau:.2g} of it"
        text += f", so a window that begins at t = {begin:.3g} would do ({begin * self.steps_a_time:,.3g} steps)"
        text += f"; this one is {self.window[0]:.3g} to {self.window[1]:.3g}"
        return text + ("; the barrier is too high to wait: raise the temperature" if begin > 1e3 * self.end else "")


def on_logit_scale(share: Pooled, expected: float) -> tuple[float, float]:
    """A share and its error on the scale logit(p), on which the error of a rare basin is less skew.

    A basin never seen (or never left) is taken to hold one replica's worth, or what is expected if that is less, give
    or take a factor e.
    """
    if share.value <= 0.0:
        return float(scipy.special.logit(min(share.stderr, max(expected, _FAINT)))), 1.0
    if share.value >= 1.0:
        return -float(scipy.special.logit(min(share.stderr, max(1.0 - expected, _FAINT)))), 1.0
    return float(scipy.special.logit(share.value)), share.stderr / (share.value * (1.0 - share.value))


def band_about(share: float, tolerance: float) -> Band:
    """The band of shares within `tolerance` of a law's, on the scale logit(p)."""
    low, high = (min(max(share + sign * tolerance, _FAINT), 1.0 - _FAINT) for sign in (-1.0, 1.0))
    return Band(float(scipy.special.logit(low)), float(scipy.special.logit(high)))


def above(share: float, x: float) -> float:
    """A value on the scale logit(p) as the share less that of a law."""
    return float(scipy.special.expit(x)) - share


def _relaxation(dataset: xr.Dataset, replicas: int) -> Relaxation:
    """As measured by how the starts approach each other, else as predicted."""
    predicted = float(dataset["relaxation_time"]) if "relaxation_time" in dataset else math.nan
    measured = _measured_relaxation(dataset, replicas)
    if measured is None:
        return Relaxation(predicted, "predicted")
    source = "measured" if math.isnan(predicted) else f"measured; {predicted:.3g} predicted"
    return Relaxation(measured, source)


def _measured_relaxation(dataset: xr.Dataset, replicas: int) -> float | None:
    """tau from ln of the difference of the first and the last start in the first's basin, while it stands out.

    None unless the difference has fallen by a clear amount at three times or more.
    """
    if "occupancy_from" not in dataset or dataset.sizes["start"] < 2:
        return None
    own = dataset["start_basin"].values[0]
    shares = dataset["occupancy_from"].sel(basin=own).transpose("start", "time")
    errors = dataset["occupancy_from_stderr"].sel(basin=own).transpose("start", "time")
    difference = shares.values[0] - shares.values[-1]
    stderr = np.hypot(*np.maximum(errors.values[[0, -1]], 1.0 / replicas))
    clear = np.logical_and.accumulate(difference > _CLEAR * stderr)
    time = np.asarray(dataset["time"].values, dtype=np.float64)
    if clear.sum() < _FEWEST_POINTS or difference[clear][-1] > difference[0] - _CLEAR * stderr[clear][-1]:
        return None
    relative = difference[clear] / stderr[clear]
    slope = float(np.polyfit(time[clear], np.log(difference[clear]), 1, w=relative)[0])
    return -1.0 / slope if slope < 0 else None
