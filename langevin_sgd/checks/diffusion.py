"""Logarithmic diffusion in a random potential: exponent, amplitude, law of positions and competing laws of growth.

The same function judges models (dimension `disorder`) and networks (dimension `replica`). What it does not judge is
whether log-like growth of a network comes from barriers: see `growth` for drift and noise apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.aging import aging_rows
from langevin_sgd.checks.growth import growth_rows
from langevin_sgd.checks.held_out import assess_held_out
from langevin_sgd.checks.positions import Positions, position_rows
from langevin_sgd.checks.resampled import assess_resampled
from langevin_sgd.checks.statistics import Assessment, Band, inconclusive
from langevin_sgd.checks.table import Comparison, Role
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.growth_laws import LOGARITHMIC
from langevin_sgd.estimators.logarithmic_law import (
    LogarithmicFit,
    Window,
    fit_logarithmic_law,
    select_window,
    window_sensitivity,
)
from langevin_sgd.estimators.resampling import RESAMPLES
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]

MINIMUM_SPAN = 2.0  # of ln t within the window: below it no shift can be told from an exponent
LARGEST_CENSORED = 0.01
LARGEST_RELATIVE_ERROR = 0.2  # of <x^2>: beyond it the tail is not sampled and no interval is to be trusted
OTHER_WINDOWS = (0.75, 1.25, 1.5)  # times the start of the window
_SENSITIVITY_RESAMPLES = 299
_T_FOR_THETA = 16.0


def diffusion(
    dataset: xr.Dataset,
    *,
    model: str,
    alpha: float | None,
    window: float,
    seed: int,
    amplitude: float | None = None,
    thermal_energy: float | None = None,
    tolerance: float = 0.1,
    amplitude_tolerance: float = 0.08,
    distribution_bound: float = 0.025,
    shape_tolerance: float = 0.02,
    aging_bound: float = 0.03,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """All comparisons of one model's diffusion over ln t >= `window`, which is to be fixed beforehand.

    Reads `squared_displacement` (disorder or replica, time) with the coordinate `time`, and if there `censored` (the
    same dimensions): whether a disorder has reached the boundary of its box.

    - `exponent`: p of A (ln t + c)^p, all three free, against 4/alpha within `tolerance`; its reason shows the fit for
      windows that begin at 0.75, 1.25 and 1.5 times `window`;
    - `amplitude`: the fitted one at p = 4/alpha, c free, over (61/45) `thermal_energy`^4/`amplitude`^2;
    - `position_distribution`: sup-distance of positions, scaled at the c of that fit, from the Kesten-Golosov law; the
      same at c = 0 as a contrast;
    - `mean_absolute_position`: E|x|/sqrt(E x^2) against (5/6)/sqrt(61/45);
    - `return_probability[...]`: aging, if it was measured, see `aging_rows`;
    - `held_out_likelihood`: by how many nats the logarithmic law with p = 4/alpha (p free without `alpha`) predicts
      disorders it was not fitted to better than its closest competitor; agrees if the interval lies above 0,
      inconclusive if a competitor is as good;
    - for replicas with `drift_squared` and `spread`: forecasts of either part by every law, and the squared
      displacement over that of the control, see `growth_rows`.

    Rows 2 to 4 are for a line with alpha = 1 whose structure-function `amplitude` and `thermal_energy` (T/2) are given,
    3 and 4 also need `position_draw` (disorder, draw), positions from the start at the last `time`, or at the
    coordinate `draw_time`. Rows of disorders have the role "law", of replicas "contrast": no network is claimed to be
    a walker in a random potential. No rows without `squared_displacement`.

    `seed` and `resamples` are those of the bootstrap over disorders.

    Verdicts are inconclusive, with what would settle it, if the window spans less than a factor 2 of ln t, if over 1%
    of disorders are censored in it, or if the standard error of <x^2> exceeds 20%. Raises `UserError` unless
    0 < alpha < 2.
    """
    exponent = None if alpha is None else theory.exponent(alpha)
    if "squared_displacement" not in dataset:
        return []
    run = _Run.from_dataset(dataset)
    judge = _Judge(run, model, exponent, window, seed, resamples, tolerance, confidence)
    try:
        selected = select_window(run.ln_time, run.squares, ln_time_min=window)
    except UserError as error:
        return [judge.no_window(str(error))]
    fault = run.fault(selected)
    rows = [] if exponent is None else [judge.exponent_row(selected)]
    if alpha == 1.0 and amplitude is not None and thermal_energy is not None:
        fixed = fit_logarithmic_law(selected, seed=seed, exponent=exponent, resamples=resamples)
        rows.append(judge.amplitude_row(fixed, amplitude, thermal_energy, amplitude_tolerance))
        if "position_draw" in dataset:
            rows += position_rows(
                Positions.from_dataset(dataset, run.dimension, amplitude=amplitude, thermal_energy=thermal_energy),
                fixed,
                model=model,
                role=run.role,
                bound=distribution_bound,
                shape_tolerance=shape_tolerance,
                confidence=confidence,
                seed=seed,
            )
        if "return_probability" in dataset:
            rows += aging_rows(dataset, fixed, model=model, bound=aging_bound, confidence=confidence)
    rows.append(judge.competing_laws(selected))
    rows = [row.spoiled(fault) for row in rows]
    if run.dimension == "replica":
        rows += growth_rows(dataset, model=model, window=window, tolerance=tolerance, confidence=confidence)
    return rows


@dataclass(frozen=True)
class _Run:
    """Squared displacements (sample, time) of independent disorders or replicas, at positive times."""

    dimension: str
    ln_time: Array
    squares: Array
    censored: NDArray[np.bool_]

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> _Run:
        squares = dataset["squared_displacement"]
        dimension = "disorder" if "disorder" in squares.dims else "replica"
        time = np.asarray(dataset["time"].values, dtype=np.float64)
        later = time > 0.0
        values = np.asarray(squares.transpose(dimension, "time").values, dtype=np.float64)[:, later]
        censored = np.zeros(values.shape, dtype=np.bool_)
        if "censored" in dataset:
            flags = dataset["censored"].transpose(dimension, "time").values
            censored = np.asarray(flags, dtype=np.bool_)[:, later]
        return cls(dimension, np.log(time[later]), values, censored)

    @property
    def role(self) -> Role:
        return "law" if self.dimension == "disorder" else "contrast"

    def fault(self, window: Window) -> str:
        """Why no verdict may be trusted, with the mend; empty if there is no reason."""
        first, last = window.ln_time[0], window.ln_time[-1]
        if last < MINIMUM_SPAN * first:
            return (
                f"window too short: ln t from {first:.3g} to {last:.3g} spans a factor {last / first:.2g}, in which a "
                f"shift of ln t passes for an exponent; run to ln t = {MINIMUM_SPAN * first:.3g} or further"
            )
        share = (self.censored & (self.ln_time <= last)).cumsum(axis=1).astype(np.bool_).mean(axis=0)
        over = share > LARGEST_CENSORED
        if over.any():
            return (
                f"censored: {share.max():.2%} of the {self.dimension}s have reached the boundary of their box, more "
                f"than {LARGEST_CENSORED:.0%} from ln t = {self.ln_time[over][0]:.3g} on; a wider box would settle it"
            )
        error = window.relative_error
        if error > LARGEST_RELATIVE_ERROR:
            samples = self.squares.shape[0]
            needed = samples * (error / LARGEST_RELATIVE_ERROR) ** 2
            return (
                f"too few {self.dimension}s: the standard error of <x^2> from {samples} is {error:.0%}, and beyond "
                f"{LARGEST_RELATIVE_ERROR:.0%} its tail is not sampled; about {needed:.2g} would do for an interval"
            )
        return ""

    @property
    def note(self) -> str:
        """How many are censored, and what they carry of <x^2>, for the reasons of verdicts."""
        flagged = self.censored.any(axis=1)
        if not flagged.any():
            return f"{flagged.size} {self.dimension}s"
        carried = self.squares[flagged, -1].sum() / self.squares[:, -1].sum()
        return f"{flagged.size} {self.dimension}s, {flagged.mean():.2%} of them censored with {carried:.2g} of <x^2>"


@dataclass(frozen=True)
class _Judge:
    """One run and the criteria; each method makes a row."""

    run: _Run
    model: str
    exponent: float | None
    start: float
    seed: int
    resamples: int
    tolerance: float
    confidence: float

    def exponent_row(self, window: Window) -> Comparison:
        assert self.exponent is not None
        fit = fit_logarithmic_law(window, seed=self.seed, resamples=self.resamples)
        assessed = assess_resampled(
            fit.exponent / self.exponent,
            fit.exponents / self.exponent,
            band=Band(1.0 - self.tolerance, 1.0 + self.tolerance),
            confidence=self.confidence,
            name=f"p over 4/alpha = {self.exponent:.4g}, at shift {fit.shift:.3g},",
            cure=f"{self.run.dimension}s",
        )
        if fit.edge > (1.0 - self.confidence) / 2.0:
            assessed = assessed.with_note(f"{fit.edge:.2g} of the resamples fit no finite shift")
        assessed = assessed.with_note(self._other_windows()).with_note(self.run.note)
        stderr = assessed.stderr * self.exponent
        return self._row(assessed, "exponent", LOGARITHMIC.name, fit.exponent, stderr, self.exponent, self.tolerance)

    def _other_windows(self) -> str:
        """The fit for other windows, as far as they hold enough times."""
        fits: list[LogarithmicFit] = []
        for factor in OTHER_WINDOWS:
            try:
                fits += window_sensitivity(
                    self.run.ln_time,
                    self.run.squares,
                    starts=[factor * self.start],
                    seed=self.seed,
                    resamples=_SENSITIVITY_RESAMPLES,
                )
            except UserError:  # too few times are left: there is no such window to show
                continue
        shown = []
        for fit in fits:
            low, high = fit.interval("exponent", self.confidence)
            shown.append(f"{fit.exponent:.3g} ({low:.3g} to {high:.3g}) from ln t {fit.ln_time_min:.3g}")
        return f"by window: {', '.join(shown)}" if shown else ""

    def amplitude_row(
        self, fit: LogarithmicFit, amplitude: float, thermal_energy: float, tolerance: float
    ) -> Comparison:
        predicted = theory.MEAN_SQUARE * thermal_energy**4 / amplitude**2
        assessed = assess_resampled(
            math.log(fit.amplitude / predicted),
            np.log(fit.amplitudes / predicted),
            band=Band(math.log1p(-tolerance), math.log1p(tolerance)),
            confidence=self.confidence,
            name=f"ratio at p = {fit.exponent:g}, shift {fit.shift:.3g},",
            shown=math.exp,
            cure=f"{self.run.dimension}s",
        )
        for factor in (_T_FOR_THETA, 1.0 / _T_FOR_THETA):
            if assessed.low <= factor <= assessed.high:
                assessed = assessed.with_note("off by 2^4, as if T stood for the thermal energy T/2 or the reverse")
        stderr = assessed.stderr * fit.amplitude  # assessed on the logarithmic scale
        return self._row(assessed, "amplitude", "Kesten-Golosov", fit.amplitude, stderr, predicted, tolerance)

    def competing_laws(self, window: Window) -> Comparison:
        assessed, law = assess_held_out(
            window, exponent=self.exponent, confidence=self.confidence, dimension=self.run.dimension
        )
        return self._row(assessed, "held_out_likelihood", law, assessed.estimate, assessed.stderr, 0.0, 0.0)

    def no_window(self, why: str) -> Comparison:
        predicted = math.nan if self.exponent is None else self.exponent
        assessed = inconclusive(math.nan, math.nan, why)
        return self._row(assessed, "exponent", LOGARITHMIC.name, math.nan, math.nan, predicted, self.tolerance)

    def _row(
        self,
        assessed: Assessment,
        quantity: str,
        law: str,
        measured: float,
        stderr: float,
        predicted: float,
        tolerance: float,
    ) -> Comparison:
        return Comparison.from_assessment(
            assessed,
            model=self.model,
            quantity=quantity,
            law=law,
            role=self.run.role,
            measured=measured,
            standard_error=stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
        )
