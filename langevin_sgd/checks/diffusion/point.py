"""Logarithmic diffusion in a random potential: exponent, amplitude, law of positions and competing laws of growth.

The same function judges models (dimension `disorder`) and networks (dimension `replica`). What it does not judge is
whether log-like growth of a network comes from barriers: see `growth` for drift and noise apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.checks.diffusion.aging import aging_rows
from langevin_sgd.checks.diffusion.growth import growth_rows
from langevin_sgd.checks.diffusion.held_out import assess_held_out
from langevin_sgd.checks.diffusion.local_growth import growth_exponent_row, late_rows, logarithmic_exponent_row
from langevin_sgd.checks.diffusion.positions import Positions, position_rows
from langevin_sgd.checks.diffusion.resampled import assess_resampled
from langevin_sgd.checks.diffusion.walk import Walk
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.growth_laws import LOGARITHMIC
from langevin_sgd.estimators.logarithmic_law import (
    FitWindow,
    LogarithmicFit,
    fit_logarithmic_law,
    select_window,
    window_sensitivity,
)
from langevin_sgd.estimators.resampling import RESAMPLES
from langevin_sgd.theory import logarithmic_diffusion as theory

OTHER_WINDOWS = (0.75, 1.25, 1.5)  # times the start of the window
_SENSITIVITY_RESAMPLES = 299
_T_FOR_THETA = 16.0
_SAID = {"exponent": "the exponent of its growth in ln t", "amplitude": "the amplitude of its growth"}
"""What sentences call quantities that may be told first."""
_LAWS_SAID = {"Kesten-Golosov": "the law of Kesten and Golosov"}


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

    The window ends where sqrt<x^2> leaves the `valid_range` of the power law, if the dataset has one. A potential with
    a correlation length brings the rows of `late_rows`, about ordinary diffusion, a grid `local_exponent` as a
    contrast; for sums of waves no logarithmic law is claimed, and the local exponent is all there is.

    Verdicts are inconclusive, with what would settle it, if the window spans less than a factor 2 of ln t, if over 1%
    of disorders are censored in it, if the time steps displaced a probability of more than 1e-3, or if the standard
    error of <x^2> exceeds 20%. Raises `UserError` unless 0 < alpha < 2.
    """
    exponent = None if alpha is None else theory.exponent(alpha)
    if "squared_displacement" not in dataset:
        return []
    run = Walk.from_dataset(dataset)
    criteria: dict[str, Any] = {"model": model, "tolerance": tolerance, "confidence": confidence}
    if dataset.attrs.get("landscape") == "fourier":
        return [growth_exponent_row(run, **criteria)]
    judge = _Judge(run.within_reach(), model, exponent, window, seed, resamples, tolerance, confidence)
    rows = judge.rows(
        dataset,
        amplitude=amplitude,
        thermal_energy=thermal_energy,
        amplitude_tolerance=amplitude_tolerance,
        distribution_bound=distribution_bound,
        shape_tolerance=shape_tolerance,
        aging_bound=aging_bound,
    )
    if "correlation_length" in dataset:
        rows += late_rows(dataset, run, exponent=exponent, **{**criteria, "tolerance": amplitude_tolerance})
    if dataset.attrs.get("dimension", 1) > 1 and exponent is not None:
        rows.append(logarithmic_exponent_row(run, exponent=exponent, **criteria))
    if run.dimension == "replica":
        rows += growth_rows(dataset, model=model, window=window, tolerance=tolerance, confidence=confidence)
    return rows


@dataclass(frozen=True)
class _Judge:
    """One run and the criteria; each method makes a row."""

    run: Walk
    model: str
    exponent: float | None
    start: float
    seed: int
    resamples: int
    tolerance: float
    confidence: float

    def rows(
        self,
        dataset: xr.Dataset,
        *,
        amplitude: float | None,
        thermal_energy: float | None,
        amplitude_tolerance: float,
        distribution_bound: float,
        shape_tolerance: float,
        aging_bound: float,
    ) -> list[Comparison]:
        """Comparisons with the logarithmic law and its competitors, as far as the walk is one of its range."""
        run = self.run
        try:
            selected = select_window(run.ln_time, run.squares, ln_time_min=self.start)
        except UserError as error:
            return [self.no_window(str(error))]
        rows = [] if self.exponent is None else [self.exponent_row(selected)]
        on_a_line = dataset.attrs.get("dimension", 1) == 1
        if on_a_line and self.exponent == 4.0 and amplitude is not None and thermal_energy is not None:
            fixed = fit_logarithmic_law(selected, seed=self.seed, exponent=self.exponent, resamples=self.resamples)
            rows.append(self.amplitude_row(fixed, amplitude, thermal_energy, amplitude_tolerance))
            unbounded = "correlation_length" not in dataset
            if "position_draw" in dataset and unbounded:
                rows += position_rows(
                    Positions.from_dataset(dataset, run.dimension, amplitude=amplitude, thermal_energy=thermal_energy),
                    fixed,
                    model=self.model,
                    role=run.role,
                    bound=distribution_bound,
                    shape_tolerance=shape_tolerance,
                    confidence=self.confidence,
                    seed=self.seed,
                )
            if "return_probability" in dataset and unbounded:
                rows += aging_rows(dataset, fixed, model=self.model, bound=aging_bound, confidence=self.confidence)
        rows.append(self.competing_laws(selected))
        fault = run.fault(selected)
        return [row.spoiled(fault) for row in rows]

    def exponent_row(self, window: FitWindow) -> Comparison:
        assert self.exponent is not None
        fit = fit_logarithmic_law(window, seed=self.seed, resamples=self.resamples)
        assessed = assess_resampled(
            fit.exponent / self.exponent,
            fit.exponents / self.exponent,
            band=Band(1.0 - self.tolerance, 1.0 + self.tolerance),
            confidence=self.confidence,
            name=f"p/(4/alpha) with 4/alpha = {self.exponent:.4g}, fitted shift {fit.shift:.3g}:",
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
            name=f"ratio with p = {fit.exponent:g}, fitted shift {fit.shift:.3g}:",
            shown=math.exp,
            cure=f"{self.run.dimension}s",
        )
        for factor in (_T_FOR_THETA, 1.0 / _T_FOR_THETA):
            if assessed.low <= factor <= assessed.high:
                assessed = assessed.with_note("off by 2^4, as if T stood for the thermal energy T/2 or the reverse")
        stderr = assessed.stderr * fit.amplitude  # assessed on the logarithmic scale
        return self._row(assessed, "amplitude", "Kesten-Golosov", fit.amplitude, stderr, predicted, tolerance)

    def competing_laws(self, window: FitWindow) -> Comparison:
        assessed, law = assess_held_out(
            window, exponent=self.exponent, confidence=self.confidence, dimension=self.run.dimension
        )
        return self._row(assessed, "held_out_likelihood", law, assessed.estimate, assessed.stderr, 0.0, 0.0)

    def no_window(self, why: str) -> Comparison:
        predicted = math.nan if self.exponent is None else self.exponent
        left = self.run.left_range
        assessed = inconclusive(math.nan, math.nan, f"{why}; {left}" if left else why)
        row = self._row(assessed, "exponent", LOGARITHMIC.name, math.nan, math.nan, predicted, self.tolerance)
        # nobody claims the law beyond the range of the power law
        return replace(row, role="contrast") if left else row

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
            quantity=Quantity(quantity, ranks=(0, 5), said=_SAID.get(quantity, "")),
            law=law,
            law_said=_LAWS_SAID.get(law, f"the {law}"),
            role=self.run.role,
            measured=measured,
            standard_error=stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
        )
