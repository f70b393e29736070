"""Stationary fluctuations against the Ornstein-Uhlenbeck laws, from a model's observables alone.

The same function judges a model's own simulation and a network's training, since both emit the same variables. All
laws are exact given the measured H and C, so errors are those of the fluctuations, over replicas. Rows read the same
replicas and are correlated; each verdict stands for itself, and Holm's rule, which the study uses, holds for any
dependence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.diffusion import distance as distributions
from langevin_sgd.checks.equilibrium.transient import transient
from langevin_sgd.checks.modes import Modes, eigenvalue_bins
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.checks.verdicts.labels import UNRANKED, Quantity
from langevin_sgd.checks.verdicts.statistics import (
    MINIMUM_REPLICAS,
    Assessment,
    Band,
    assess,
    assess_by_interval,
    assess_ratio,
    inconclusive,
)
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.estimators.squared_mean import squared_mean
from langevin_sgd.theory.quadratic_form import mixture_cdf

Array = NDArray[np.float64]

TOTAL_VARIANCE = Quantity("total_variance", ranks=(0, 1), beside=(0, UNRANKED), said="total variance")
MEAN_SHIFT = Quantity("mean_shift", ranks=(4, 5), beside=(6, UNRANKED))
ENERGY_DISTRIBUTION = Quantity("energy_distribution", "energy distance", ranks=(4, 5), beside=(6, UNRANKED))
EFFECTIVE_TEMPERATURE = Quantity(
    "effective_temperature", "eff. temperature", ranks=(4, 5), beside=(6, UNRANKED), said="effective temperature"
)
NOISE_FREE_MODES = Quantity("noise_free_modes", "noise-free modes")
NOISE_FREE_SHARE = 1e-3  # of the total variance: what round-off and anharmonicity may leave in modes without noise


def equilibrium(
    dataset: xr.Dataset,
    *,
    model: str,
    tolerance: float,
    bin_tolerance: float,
    energy_bound: float,
    confidence: float,
    bins: int,
    contrasts: bool,
    seed: int,
) -> list[Comparison]:
    """All comparisons of one model with its own law (role "law") and with others ("contrast", unless switched off).

    With S the variance about the mean in a mode, k its eigenvalue, and R replicas:

    - `total_variance`: sum of S over its prediction; also against every other law of the data. Where some modes were
      measured alone, here and below they are all that there are;
    - `mode_variance[a,b]`: the same over the noisy modes with a <= k <= b, in `bins` logarithmic bins, sharpest
      first; the sharpest also against the continuum limit, and all against sampling with replacement if the process
      draws epochs;
    - `mean_shift`: sum mean^2/sum S_predicted over noisy modes, cleared of noise, predicted 0: the part that an
      (anharmonic) shift of the mean adds to the mean square about the minimum, held against the same tolerance; the
      mean is that from where the own law has it, if it says so;
    - `effective_temperature`: 4 <E>/d over its prediction 2 tr(HS)/d, and over T/(1 - momentum);
    - `energy_distribution`: sup-distance between the distribution of E and the weighted chi-squared law, against
      `energy_bound`; a contrast of a law of second moments alone, which that of a Gaussian is beside it;
    - `noise_free_modes`: their part of the total variance, predicted 0, if there are any;
    - `spread` and `drift`, to `bin_tolerance`: see `transient`.

    Of a process without a law of its own the variances and the effective temperature are held against other laws alone.
    A model without a stationary window gives the transient rows only, or none. Where the window is not equilibrated
    or sampled too thinly, verdicts are inconclusive and the reasons say what would settle them. `seed` is that of the
    bootstrap. Raises `ValueError` if the window is incomplete.
    """
    window = StationaryWindow.from_dataset(dataset)
    rows = transient(dataset, model=model, tolerance=bin_tolerance, confidence=confidence)
    if window is None:
        return rows
    judge = _Judge(window, model, tolerance, bin_tolerance, energy_bound, confidence)
    others = [law for law in window.laws if law != window.law and (contrasts or law in window.claimed)]
    every_mode = np.ones(window.noisy.shape, dtype=np.bool_)
    if not window.law:
        beside = others if contrasts else []
        return [
            *(judge.variance(TOTAL_VARIANCE, every_mode, law, tolerance) for law in beside),
            *judge.binned_contrasts(bins, beside),
            *(judge.effective_temperature(law) for law in beside),
            *rows,
        ]
    stationary = [
        *(judge.variance(judge.total(), every_mode, law, tolerance) for law in [window.law, *others]),
        *judge.binned_variances(bins, others),
        judge.mean_shift(),
        *(judge.effective_temperature(law) for law in [window.law, *(o for o in others if o == "isotropic")]),
        *judge.energy_distribution([window.law, *(o for o in others if o == "isotropic")], seed),
        *([judge.noise_free_modes()] if not window.noisy.all() else []),
    ]
    return stationary + rows


def bin_of_modes(eigenvalues: Array, *, sharpest: bool, flattest: bool) -> Quantity:
    """The variance of a bin of modes; the sharpest tells most, and beside epoch sampling the flattest."""
    low, high = (f"{end:.3g}" for end in (eigenvalues.min(), eigenvalues.max()))
    ends = [f"{float(end):.2g}" for end in (low, high)]
    return Quantity(
        f"mode_variance[{low},{high}]",
        f"modes {ends[0]}–{ends[1]}" if ends[0] != ends[1] else f"mode {ends[0]}",
        {"mode_low": float(eigenvalues.min()), "mode_high": float(eigenvalues.max())},
        ranks=(2, 2) if sharpest or flattest else (UNRANKED, UNRANKED),
        beside=(7 if sharpest else UNRANKED, UNRANKED),
        said="the variance of the sharpest modes"
        if sharpest
        else "the variance of the flattest modes"
        if flattest
        else "",
    )


def total_variance(window: StationaryWindow) -> tuple[float, float]:
    """Variance about the mean summed over all modes, with its standard error."""
    return window.summed_variance(np.ones(window.noisy.shape, dtype=np.bool_))


@dataclass(frozen=True)
class _Judge:
    """One model's window and the criteria; each method makes rows."""

    window: StationaryWindow
    model: str
    tolerance: float
    bin_tolerance: float
    energy_bound: float
    confidence: float

    def total(self) -> Quantity:
        """The sum of all variances; where some modes were measured alone, the title says so."""
        size = self.window.eigenvalue.size
        return (
            TOTAL_VARIANCE
            if self.window.noise_share == 1.0
            else replace(TOTAL_VARIANCE, title=f"top {size} modes", said=f"the variance of the top {size} modes")
        )

    def variance(self, quantity: Quantity, modes: Modes, law: str, tolerance: float) -> Comparison:
        window = self.window
        measured, stderr = window.summed_variance(modes)
        own = law == window.law
        prediction = window.laws[law][modes]
        if np.isnan(window.laws[law]).all():
            return self._without_answer(quantity, law, measured, stderr, tolerance, modes)
        # a law with noise in a mode that nothing holds back (k <= 0) has no finite variance
        predicted = float(prediction.sum()) if np.all(prediction >= 0) else math.inf
        assessed = assess_ratio(
            measured,
            stderr,
            predicted,
            dof=window.replicas - 1,
            tolerance=tolerance,
            confidence=self.confidence,
            name="ratio",
        )
        return self._row(
            assessed,
            quantity=quantity,
            law=law,
            role="law" if own or law in window.claimed else "contrast",
            measured=measured,
            stderr=stderr,
            predicted=predicted,
            tolerance=tolerance,
            modes=modes & window.noisy if own else modes,
            fault=window.fault(tolerance, modes),
        )

    def _without_answer(
        self, quantity: Quantity, law: str, measured: float, stderr: float, tolerance: float, modes: Modes
    ) -> Comparison:
        """The contrast that says why a law predicts nothing of these modes."""
        why = self.window.notes.get(law) or "the law predicts nothing of these modes"
        return self._row(
            inconclusive(math.nan, math.nan, why),
            quantity=quantity,
            law=law,
            role="contrast",
            measured=measured,
            stderr=stderr,
            predicted=math.nan,
            tolerance=tolerance,
            modes=modes,
            fault="",
        )

    def binned_variances(self, bins: int, others: list[str]) -> Iterator[Comparison]:
        masks = eigenvalue_bins(self.window.eigenvalue, self.window.noisy, bins)
        # all against sampling with replacement too, which is furthest off where it is flattest
        against_replacement = "discrete" in others and self.window.law == "epoch"
        for number, modes in enumerate(masks):
            inside = self.window.eigenvalue[modes]
            quantity = bin_of_modes(
                inside, sharpest=number == 0, flattest=against_replacement and number == len(masks) - 1
            )
            yield self.variance(quantity, modes, self.window.law, self.bin_tolerance)
            if "continuum" in others and number == 0:
                yield self.variance(quantity, modes, "continuum", self.bin_tolerance)
            if against_replacement:
                yield self.variance(quantity, modes, "discrete", self.bin_tolerance)

    def binned_contrasts(self, bins: int, laws: list[str]) -> Iterator[Comparison]:
        """The variances of a process without a law of its own, bin by bin, over those of others."""
        masks = eigenvalue_bins(self.window.eigenvalue, self.window.noisy, bins)
        for number, modes in enumerate(masks):
            ends = {"sharpest": number == 0, "flattest": number == len(masks) - 1}
            quantity = bin_of_modes(self.window.eigenvalue[modes], **ends)
            yield from (self.variance(quantity, modes, law, self.bin_tolerance) for law in laws)

    def mean_shift(self) -> Comparison:
        """The squared mean, cleared of noise, on the scale of the variance that the shift adds to."""
        window = self.window
        modes = window.noisy
        scale = float(window.laws[window.law][modes].sum())
        expected = 0.0 if window.mean is None else window.mean[modes]
        shift = squared_mean(window.means[:, modes] - expected)
        square, stderr = float(shift.value) / scale, float(shift.stderr) / scale

        def interval(confidence: float) -> tuple[float, float]:
            low, high = shift.interval(confidence)
            return float(low) / scale, float(high) / scale

        assessed = assess_by_interval(
            square,
            interval,
            replicas=window.replicas,
            band=Band(-math.inf, self.tolerance),
            confidence=self.confidence,
            name="squared shift of the mean over the predicted variance",
        )
        return self._row(
            assessed,
            quantity=MEAN_SHIFT,
            law=window.law,
            role="law",
            measured=square,
            stderr=stderr,
            predicted=0.0,
            tolerance=self.tolerance,
            modes=modes,
            fault=window.fault(self.tolerance),
        )

    def effective_temperature(self, law: str) -> Comparison:
        window = self.window
        dimension = window.eigenvalue.size
        each = 4.0 * window.mean_energy / dimension
        measured, stderr = float(each.mean()), _stderr_of_mean(each)
        weights = window.weights[law]
        predicted = 4.0 * float(weights.sum(axis=1).mean()) / dimension if np.isfinite(weights).all() else math.inf
        assessed = assess_ratio(
            measured,
            stderr,
            predicted,
            dof=window.replicas - 1,
            tolerance=self.tolerance,
            confidence=self.confidence,
            name="ratio",
        )
        return self._row(
            assessed,
            quantity=EFFECTIVE_TEMPERATURE,
            law=law,
            role="law" if law == window.law else "contrast",
            measured=measured,
            stderr=stderr,
            predicted=predicted,
            tolerance=self.tolerance,
            modes=np.ones(dimension, dtype=np.bool_),
            fault=window.fault(self.tolerance),
        )

    def energy_distribution(self, laws: list[str], seed: int) -> Iterator[Comparison]:
        window = self.window
        fault = window.fault(self.tolerance)
        if not np.isfinite(window.energy).all():
            return  # the effective temperature says so already
        enough = window.replicas >= MINIMUM_REPLICAS
        resampled = distributions.resample(window.energy, seed=seed) if enough else None
        for law in laws:
            weights = window.weights[law]
            if not (weights > 0).any() or not np.isfinite(weights).all():
                continue
            measured = distributions.sup_distance(window.energy, partial(mixture_cdf, weights))
            assessed = distributions.assess_distance(
                measured, resampled, replicas=window.replicas, bound=self.energy_bound, confidence=self.confidence
            )
            yield self._row(
                assessed,
                quantity=ENERGY_DISTRIBUTION,
                law=law,
                role="law" if law == window.law and law not in window.of_moments else "contrast",
                measured=measured,
                stderr=assessed.stderr,
                predicted=0.0,
                tolerance=self.energy_bound,
                modes=window.noisy if law == window.law else np.ones(window.noisy.shape, dtype=np.bool_),
                fault=fault,
            )

    def noise_free_modes(self) -> Comparison:
        window = self.window
        modes = ~window.noisy
        scale = float(window.laws[window.law][window.noisy].sum())
        measured, stderr = (value / scale for value in window.summed_variance(modes))
        assessed = assess(
            measured,
            stderr,
            dof=window.replicas - 1,
            band=Band(-math.inf, NOISE_FREE_SHARE),
            confidence=self.confidence,
            name=f"part of the total variance in the {int(modes.sum())} modes without noise",
        )
        return self._row(
            assessed,
            quantity=NOISE_FREE_MODES,
            law=window.law,
            role="law",
            measured=measured,
            stderr=stderr,
            predicted=0.0,
            tolerance=NOISE_FREE_SHARE,
            modes=modes,
            fault=window.fault(self.tolerance),
        )

    def _row(
        self,
        assessed: Assessment,
        *,
        quantity: Quantity,
        law: str,
        role: Role,
        measured: float,
        stderr: float,
        predicted: float,
        tolerance: float,
        modes: Modes,
        fault: str,
    ) -> Comparison:
        return Comparison.from_assessment(
            assessed.with_note(self.window.note),
            model=self.model,
            quantity=quantity,
            law=law,
            role=role,
            measured=measured,
            standard_error=stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=self.window.eigenvalue[modes],
        ).spoiled(fault)


def _stderr_of_mean(values: Array) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
