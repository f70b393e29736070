"""Basins: occupancy, escape, density and currents against the laws, from any process that emits their observables."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.occupancy.density import circulation_rows, density_rows
from langevin_sgd.checks.occupancy.escape import escape_rows
from langevin_sgd.checks.occupancy.laws import OccupancyLaw, laws
from langevin_sgd.checks.occupancy.starts import SEE_STARTS, Pooled, Starts, above, band_about, on_logit_scale
from langevin_sgd.checks.occupancy.well import well_rows
from langevin_sgd.checks.verdicts.labels import Fault, Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison

ODDS_RANGE = (0.05, 0.95)  # of the share a/(a + b): beyond it log-odds of a law's own process are contrasts


def occupancy(
    dataset: xr.Dataset,
    *,
    model: str,
    tolerance: float = 0.005,
    log_odds_tolerance: float = 0.1,
    escape_tolerance: float = 0.03,
    density_tolerance: float = 0.03,
    circulation_tolerance: float = 0.05,
    moment_tolerance: float = 0.02,
    confidence: float = 0.95,
) -> list[Comparison]:
    """All comparisons of one model's basins with every law in `law`; one point of a scan at a time.

    Reads the observables of basins, `mean_occupancy` (start, basin) with its error over replicas before all:

    - `start_agreement[BASIN]`: half the difference of the occupancy between the starts, a bound of what the start still
      adds to their mean, within `tolerance`. Where it is not, the run is not equilibrated, which is no fault of a law:
      the row is inconclusive with the time that it would take;
    - `occupancy[BASIN]`: measured, mean over the starts, which count alike, and predicted; their difference within
      `tolerance`. Of two basins that leave nothing out only the first, since the other mirrors it;
    - `log_odds[A/B]`: the same of ln(p_A/p_B), within `log_odds_tolerance`;
    - `escape_time`: mean first-passage time over the law's, see `escape_rows`;
    - `density`: L1 distance from the law's, `circulation`: over the law's; see `density_rows`, `circulation_rows`;
    - of one well mean and variance in place of occupancies, see `well_rows`.

    Laws with `law_is_exact` have the role "law", the others are contrasts; log-odds of basins that hold under 5% of
    their pair are contrasts too, since there the occupancy bounds them. A law without any answer (NaN) gives
    one contrast that says why it has none (`law_note`). Reasons tell the deviation in standard errors as well, since
    one within the tolerance may still be real.

    Rows against laws have a verdict only if the starts agree on the same scale, or if each start alone disagrees on
    the same side; the row of the starts says why not, and when they would. With one start only, all are inconclusive.
    Intervals are Student's over replicas, of shares on the scale of logit(p). No rows for a dataset without these
    observables.
    """
    rows: list[Comparison] = []
    told = False
    known = laws(dataset)
    mute = [law for law in known if not law.answers(dataset) and law.is_asked(dataset)]
    if "mean_occupancy" in dataset:
        judge = _Judge(Starts.from_dataset(dataset), model, tolerance, log_odds_tolerance, confidence)
        rows += judge.start_rows()
        told = judge.apart()
        predicted = dataset["mean_occupancy_law"].transpose("law", "basin").values if known else ()
        for law, shares in zip(known, predicted, strict=True):
            if np.isfinite(shares).all():
                rows += judge.law_rows(law, shares.astype(np.float64))
    rows += escape_rows(dataset, known, model=model, tolerance=escape_tolerance, confidence=confidence)
    rows += well_rows(dataset, known, model=model, tolerance=moment_tolerance, confidence=confidence)
    rows += density_rows(
        dataset,
        known,
        model=model,
        tolerance=density_tolerance,
        confidence=confidence,
        moment_tolerance=moment_tolerance,
        told=told,
    )
    rows += circulation_rows(dataset, known, model=model, tolerance=circulation_tolerance, confidence=confidence)
    asked = {
        "escape_time": escape_tolerance,
        "mean_occupancy": tolerance,
        "position_variance": moment_tolerance,
    }
    quantity = next((name for name in asked if name in dataset), "density")
    least = asked.get(quantity, density_tolerance)
    return rows + [law.without_answer(model, quantity.removeprefix("mean_"), least) for law in mute]


def agreement_on(basin: str) -> Quantity:
    """Whether the starts agree on the share of a basin."""
    return Quantity(f"start_agreement[{basin}]", f"starts agree on {basin}", {"basin": basin}, (0, 5))


def occupancy_of(basin: str) -> Quantity:
    """The share of a basin."""
    return Quantity(
        f"occupancy[{basin}]",
        f"occupancy of {basin}",
        {"occupancy_of": basin},
        (0, 5),
        said=f"the occupancy of {basin}",
    )


def log_odds_of(one: str, other: str) -> Quantity:
    """The log-odds of two basins."""
    return Quantity(f"log_odds[{one}/{other}]", f"log-odds {one}/{other}", {"basin": one, "other": other}, (0, 5))


@dataclass(frozen=True)
class _Judge:
    """One run and the criteria."""

    starts: Starts
    model: str
    tolerance: float
    log_odds_tolerance: float
    confidence: float

    def start_rows(self) -> list[Comparison]:
        rows = []
        for index, basin in self.starts.told_apart():
            agreement = self._agreement(index)
            if agreement.verdict is Verdict.DISAGREES:
                agreement = _withheld(agreement, self.starts.not_equilibrated(agreement, self.tolerance))
            rows.append(
                Comparison.from_assessment(
                    agreement,
                    model=self.model,
                    quantity=agreement_on(basin),
                    fault=self._start_fault(index),
                    law="other start",
                    role="law",
                    measured=agreement.estimate,
                    standard_error=agreement.stderr,
                    predicted=0.0,
                    tolerance=self.tolerance,
                    eigenvalues=np.empty(0),
                )
            )
        return rows

    def _start_fault(self, basin: int) -> Fault:
        if len(self.starts.starts) < 2:
            return Fault.ONE_START
        return Fault.NOT_EQUILIBRATED if self._agreement(basin).verdict is Verdict.DISAGREES else Fault.NONE

    def apart(self) -> bool:
        """Whether a row of the starts says that the run is not equilibrated."""
        return any(self._agreement(basin).verdict is Verdict.DISAGREES for basin, _ in self.starts.told_apart())

    def law_rows(self, law: OccupancyLaw, shares: NDArray[np.float64]) -> list[Comparison]:
        rows = [self._occupancy_row(law, basin, float(shares[basin])) for basin, _ in self.starts.told_apart()]
        rows += [
            self._odds_row(law, one, one + 1, float(shares[one]), float(shares[one + 1]))
            for one in range(len(shares) - 1)
        ]
        return rows

    def _occupancy_row(self, law: OccupancyLaw, basin: int, share: float) -> Comparison:
        pooled = self.starts.pooled(basin)
        band = band_about(share, self.tolerance)

        def judged(value: Pooled) -> Assessment:
            x, error = on_logit_scale(value, share)
            return assess(
                x,
                error,
                dof=value.dof,
                band=band,
                confidence=self.confidence,
                name=f"occupancy {value.value:.4f} less the law's {share:.4f}:",
                shown=lambda x: above(share, x),
            )

        singles = [judged(self.starts.of_start(start, basin)) for start in range(len(self.starts.starts))]
        assessed = self._settled(
            judged(pooled),
            singles,
            lambda: self._agreement(basin),
            self.tolerance,
            numbers=f"occupancy {pooled.value:.4f}, the law's {share:.4f}",
            notes=(_consistency(pooled, share), law.note),
        )
        quantity = occupancy_of(self.starts.basins[basin])
        return self._row(assessed, quantity, law, law.exact, pooled, share, self.tolerance)

    def _odds_row(self, law: OccupancyLaw, one: int, other: int, share: float, other_share: float) -> Comparison:
        quantity = log_odds_of(self.starts.basins[one], self.starts.basins[other])
        if not (share > 0 and other_share > 0):
            why = inconclusive(math.nan, math.nan, "the law leaves one of the basins empty, so there are no odds")
            nothing = Pooled(math.nan, math.nan, math.nan)
            why = why.with_note(law.note)
            return self._row(why, quantity, law, False, nothing, math.nan, self.log_odds_tolerance)
        predicted = math.log(share / other_share)
        band = Band(-self.log_odds_tolerance, self.log_odds_tolerance)

        def judged(value: Pooled) -> Assessment:
            return assess(
                value.value - predicted,
                value.stderr,
                dof=value.dof,
                band=band,
                confidence=self.confidence,
                name=f"log-odds {value.value:.3f} less the law's {predicted:.3f}:",
            )

        pooled = self.starts.log_odds(one, other)
        singles = [judged(self.starts.log_odds(one, other, start)) for start in range(len(self.starts.starts))]

        def agreement() -> Assessment:
            return self.starts.odds_agreement(one, other, tolerance=self.log_odds_tolerance, confidence=self.confidence)

        assessed = self._settled(
            judged(pooled),
            singles,
            agreement,
            self.log_odds_tolerance,
            numbers=f"log-odds {pooled.value:.3f}, the law's {predicted:.3f}",
            notes=(_consistency(pooled, predicted), law.note),
        )
        never = self.starts.never_seen(one, other)
        if never:
            assessed = _withheld(assessed, never).with_note(law.note)
        balanced = ODDS_RANGE[0] <= share / (share + other_share) <= ODDS_RANGE[1]
        counts = law.exact and balanced
        return self._row(assessed, quantity, law, counts, pooled, predicted, self.log_odds_tolerance)

    def _agreement(self, basin: int) -> Assessment:
        return self.starts.agreement(basin, tolerance=self.tolerance, confidence=self.confidence)

    def _settled(
        self,
        assessed: Assessment,
        singles: list[Assessment],
        agreement: Callable[[], Assessment],
        tolerance: float,
        *,
        numbers: str,
        notes: tuple[str, ...],
    ) -> Assessment:
        """The verdict as far as the starts allow it; `numbers` stand in for it where the row of the starts says why."""
        if len(singles) < 2:
            return _withheld(assessed, f"one start only {SEE_STARTS}; {numbers}")
        between = agreement()
        if between.verdict is Verdict.DISAGREES:
            return _withheld(
                assessed, f"{self.starts.not_equilibrated(between, tolerance, told=self.apart())}; {numbers}"
            )
        if between.verdict is not Verdict.AGREES:
            sides = {math.copysign(1.0, each.estimate) for each in singles if each.verdict is Verdict.DISAGREES}
            if len(sides) == 1 and all(each.verdict is Verdict.DISAGREES for each in (assessed, *singles)):
                assessed = assessed.with_note("so it is from each start alone")
            else:
                why = f"the starts are not shown to agree: {between.reason}; against the law: {_short(assessed)}"
                assessed = _withheld(assessed, why)
        return reduce(Assessment.with_note, notes, assessed)

    def _row(
        self,
        assessed: Assessment,
        quantity: Quantity,
        law: OccupancyLaw,
        counts: bool,
        measured: Pooled,
        predicted: float,
        tolerance: float,
    ) -> Comparison:
        return Comparison.from_assessment(
            assessed,
            model=self.model,
            quantity=quantity,
            law=law.name,
            role="law" if counts else "contrast",
            measured=measured.value,
            standard_error=measured.stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
            scale="difference",
        )


def _consistency(measured: Pooled, predicted: float) -> str:
    if not measured.stderr > 0:
        return ""
    return f"consistency: {abs(measured.value - predicted) / measured.stderr:.2g} standard errors of its own"


def _short(assessed: Assessment) -> str:
    return f"{assessed.estimate:.3g}, {assessed.low:.3g} to {assessed.high:.3g}"


def _withheld(assessed: Assessment, why: str) -> Assessment:
    return assessed.because(Verdict.INCONCLUSIVE, math.nan, why)
