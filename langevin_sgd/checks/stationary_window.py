"""The stationary window of one model as the checks read it, and what makes it unfit for any verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.statistics import MINIMUM_REPLICAS, rounded
from langevin_sgd.estimators.control_variate import ControlVariate
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance, pooled_variance
from langevin_sgd.laws.quadratic import energy_law_weights, own_law

Array = NDArray[np.float64]

MINIMUM_SAMPLES = 8  # per replica: below this neither effective samples nor R-hat mean anything
MINIMUM_EFFECTIVE = 4.0  # effective samples of the energy per replica
MAXIMUM_RHAT = 1.05
NEGLIGIBLE = 1e-12  # a deficit of round-off, when the run started from the stationary law
TRANSIENT_SHARE = 0.25  # a transient may use up this part of the tolerance

REQUIRED = (
    "mode_moment_1",
    "mode_moment_2",
    "hessian_eigenvalue",
    "noisy",
    "mode_variance_law",
    "energy_law_weight",
    "transient_deficit",
)
_OF_OWN_LAW = "transient_deficit"

ENERGIES = ("stationary_energy", "mode_energy")
"""The energy in the window; where some modes alone were measured, that along them."""

CONTROL = ("frozen_moment_1", "frozen_moment_2", "frozen_variance")
"""What is known of the linear process on the same minibatches, if that ran."""


@dataclass(frozen=True)
class Sampling:
    """How well the replicas have sampled their energy: effective samples in all, and split R-hat of the ranks."""

    replicas: int
    samples: int
    effective: float
    rhat: float

    @property
    def note(self) -> str:
        """For the reasons of verdicts."""
        if not math.isfinite(self.effective):
            return f"{self.replicas} replicas of {self.samples} samples"
        return (
            f"{self.effective:.0f} effective samples of the energy in {self.replicas} replicas "
            f"({self.effective / self.replicas:.3g} each), R-hat {self.rhat:.3f}"
        )

    @property
    def fault(self) -> str:
        """Why the sampling allows no verdict, with what would mend it; empty if it does."""
        if self.replicas < MINIMUM_REPLICAS:
            return ""  # said by the interval itself
        if self.samples < MINIMUM_SAMPLES:
            return (
                f"too few effective samples: {self.samples} samples a replica cannot show whether the run is "
                f"equilibrated; take at least {MINIMUM_SAMPLES} (sample_every smaller, or more steps)"
            )
        if not (math.isfinite(self.effective) and math.isfinite(self.rhat)):
            return "the energy in the stationary window is constant or not finite, so there is nothing to compare"
        each = self.effective / self.replicas
        if self.rhat > MAXIMUM_RHAT:
            factor = (self.rhat**2 - 1) / (MAXIMUM_RHAT**2 - 1)
            return (
                f"not equilibrated: R-hat {self.rhat:.3f} of the energy over replicas exceeds {MAXIMUM_RHAT}; a "
                f"stationary window about {rounded(factor)} times as long would settle it, "
                "or a longer burn_in if the energy still drifts"
            )
        if each < MINIMUM_EFFECTIVE:
            factor = MINIMUM_EFFECTIVE / each
            return (
                f"too few effective samples: {each:.2g} of the energy a replica, {MINIMUM_EFFECTIVE:g} are needed to "
                f"see whether it is equilibrated; a stationary window about {rounded(factor)} times as long would "
                "settle it"
            )
        return ""


def sampling_quality(energy: Array) -> Sampling:
    """Effective sample size and rank-normalised split R-hat (Vehtari et al. 2021) of energies (replica, sample)."""
    replicas, samples = energy.shape
    if samples < MINIMUM_SAMPLES or replicas < 2 or not np.isfinite(energy).all() or np.ptp(energy) == 0:
        return Sampling(replicas, samples, math.nan, math.nan)
    from arviz_stats.base.array import array_stats  # takes long to import, and figures do without

    diagnostics: Any = array_stats  # its methods are not annotated
    effective = float(diagnostics.ess(energy, chain_axis=0, draw_axis=1, method="mean"))
    rhat = float(diagnostics.rhat(energy, chain_axis=0, draw_axis=1))
    return Sampling(replicas, samples, effective, rhat)


def _claimed(dataset: xr.Dataset, names: list[str]) -> frozenset[str]:
    flags = dataset["law_is_exact"].values.tolist() if "law_is_exact" in dataset else [False] * len(names)
    return frozenset(name for name, flag in zip(names, flags, strict=True) if flag)


def _of_moments(dataset: xr.Dataset, names: list[str]) -> frozenset[str]:
    flags = dataset["moments_alone_law"].values.tolist() if "moments_alone_law" in dataset else [0.0] * len(names)
    return frozenset(name for name, flag in zip(names, flags, strict=True) if flag == 1.0)


def _mean(dataset: xr.Dataset, names: list[str], law: str) -> Array | None:
    if not law or "mode_mean_law" not in dataset:
        return None
    found = np.asarray(dataset["mode_mean_law"].values[names.index(law)], dtype=np.float64)
    return found if np.isfinite(found).all() else None


@dataclass(frozen=True)
class StationaryWindow:
    """Moments, energies and laws of one model in the eigenbasis of its Hessian.

    Arrays: moments (replica, mode); eigenvalue, noisy, decay (mode,); energy (replica, sample); laws name -> (mode,);
    weights name -> (component, mode). The laws in `claimed` are claimed for this very process, those in `of_moments`
    say nothing of a distribution, and `notes` say what each takes for granted or why it predicts nothing. `decay` is
    the part of each mode's variance that is missing on average over the window because the run started at the minimum,
    <exp(-2 n/tau)>. `displaced` bounds what is left in the window of the squared distance that the mean had at the
    start, over the total variance. `noise_share` is the part of tr C in the modes, which may be some of many, and
    `mean` (mode,) is where the own law has the mean, None at the minimum. Of a process without a law of its own `law`
    is empty, others stand beside it, and nothing tells what a transient leaves. With a `control`, the linear process on
    the same minibatches, variance, mean and energy are cleared of what that happens to show, and have smaller errors.
    """

    law: str
    moment_1: Array
    moment_2: Array
    energy: Array
    eigenvalue: Array
    noisy: NDArray[np.bool_]
    laws: Mapping[str, Array]
    weights: Mapping[str, Array]
    claimed: frozenset[str]
    of_moments: frozenset[str]
    notes: Mapping[str, str]
    decay: Array
    transient_deficit: float
    displaced: float
    slowest: float
    noise_share: float = 1.0
    control: ControlVariate | None = None
    mean: Array | None = None

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> StationaryWindow | None:
        """The window of a model's observables, None if the model has none, or no law to compare it with.

        Raises `ValueError` if the window is there but incomplete, or does not name its own law.
        """
        if "mode_moment_1" not in dataset:
            return None
        law = own_law(dataset)
        refused = "law" in dataset.attrs and not law  # none of its laws is claimed
        has_own = bool(law) or (_OF_OWN_LAW in dataset and not refused)
        if not has_own and "mode_variance_law" not in dataset:
            return None
        missing = [name for name in REQUIRED if name not in dataset and (has_own or name != _OF_OWN_LAW)]
        energy = next((name for name in ENERGIES if name in dataset), None)
        missing += [] if energy else [ENERGIES[0]]
        names = [str(name) for name in dataset["law"].values] if "law" in dataset.coords else []
        if energy is None or missing or (has_own and law not in names):
            fault = f"lacks {', '.join(missing)}" if missing else f"has law {law or None!r}, which is not among {names}"
            raise ValueError(f"the stationary window {fault}")

        def values(name: str) -> Array:
            return np.asarray(dataset[name].values, dtype=np.float64)

        deficit = float(dataset[_OF_OWN_LAW]) if has_own else 0.0
        noisy = values("noisy").astype(np.bool_)
        own = values("mode_variance_law")[names.index(law)] if has_own else np.zeros(noisy.shape)
        # the largest squared drift bounds the squared distance of the start from below
        start = float(values("drift_squared_predicted").max()) if "drift_squared_predicted" in dataset else 0.0
        moving = abs(deficit) > NEGLIGIBLE or start > 0.0
        if moving and "autocorrelation_time" in dataset and "sample_step" in dataset.coords:
            tau = values("autocorrelation_time")
            with np.errstate(divide="ignore"):  # tau is 0 where eta k = 1: all is forgotten in one step
                fading = np.exp(-2.0 * values("sample_step")[:, None] / tau).mean(axis=0)
            decay = np.where(noisy, fading, 0.0)
            # what is left of the start fades with the slowest mode, which may be one without noise
            slowest = float(np.where(noisy | (start > 0.0), tau, 0.0).max(initial=0.0))
            displaced = float(start * fading.max(initial=0.0) / own[noisy].sum())
        else:
            decay, slowest, displaced = np.zeros(own.shape), math.nan, 0.0
        return cls(
            law=law if has_own else "",
            moment_1=values("mode_moment_1"),
            moment_2=values("mode_moment_2"),
            energy=values(energy),
            eigenvalue=values("hessian_eigenvalue"),
            noisy=noisy,
            laws=dict(zip(names, values("mode_variance_law"), strict=True)),
            weights={name: energy_law_weights(dataset, name) for name in names},
            claimed=_claimed(dataset, names),
            of_moments=_of_moments(dataset, names),
            notes=dict(zip(names, dataset["law_note"].values.tolist(), strict=True)) if "law_note" in dataset else {},
            decay=decay,
            transient_deficit=deficit,
            displaced=displaced,
            slowest=slowest,
            noise_share=float(dataset["noise_share"]) if "noise_share" in dataset else 1.0,
            control=ControlVariate(*map(values, CONTROL)) if set(CONTROL) <= set(dataset.data_vars) else None,
            mean=_mean(dataset, names, law),
        )

    @property
    def replicas(self) -> int:
        """Number of independent replicas."""
        return int(self.moment_1.shape[0])

    @cached_property
    def sampling(self) -> Sampling:
        """How well the energy is sampled."""
        return sampling_quality(self.energy)

    @property
    def note(self) -> str:
        """For the reasons of verdicts: how well it is sampled, and what of the noise its modes cover."""
        note = self.sampling.note
        if self.control is not None and self.replicas >= MINIMUM_REPLICAS:
            plain = jackknife_stderr(leave_one_out_variance(self.moment_1, self.moment_2).sum(axis=1))
            own = jackknife_stderr(self.variance_without.sum(axis=1))
            beside = "the linear process on the same minibatches"
            note = f"{note}; by {beside} the error of the total is {own / plain:.2g} of what it is without"
        if self.noise_share == 1.0:
            return note
        return f"{note}; {self.eigenvalue.size} modes with {100 * self.noise_share:.3g}% of tr C"

    @cached_property
    def variance(self) -> Array:
        """Variance of each mode about the pooled mean, unbiased, shape (mode,)."""
        plain = pooled_variance(self.moment_1, self.moment_2)
        return plain if self.control is None else plain - self.control.excess()

    @cached_property
    def variance_without(self) -> Array:
        """`variance` with each replica left out in turn, shape (replica, mode)."""
        plain = leave_one_out_variance(self.moment_1, self.moment_2)
        return plain if self.control is None else plain - self.control.excess_without()

    @property
    def means(self) -> Array:
        """Mean of every mode by each replica, (replica, mode)."""
        return self.moment_1 if self.control is None else self.moment_1 - self.control.moment_1

    @property
    def mean_energy(self) -> Array:
        """Mean energy of each replica, (replica,)."""
        plain: Array = self.energy.mean(axis=1)
        return plain if self.control is None else plain - self.control.energy_excess(self.eigenvalue)

    def summed_variance(self, modes: NDArray[np.bool_]) -> tuple[float, float]:
        """Sum of the variances of the chosen modes and its jackknife standard error over replicas."""
        if self.replicas < 3:
            return float(self.variance[modes].sum()), math.nan
        return float(self.variance[modes].sum()), float(jackknife_stderr(self.variance_without[:, modes].sum(axis=1)))

    def fault(self, tolerance: float, modes: NDArray[np.bool_] | None = None) -> str:
        """Why no verdict may be trusted, with the mend; empty if there is no reason.

        The total variance must be stationary, and for a verdict on some `modes` theirs as well.
        """
        if self.sampling.fault:
            return self.sampling.fault
        if self.displaced > tolerance * TRANSIENT_SHARE:
            return (
                f"not equilibrated: the squared distance of the mean from the minimum may still be "
                f"{self.displaced:.2g} of the total variance in the window; {self._longer(self.displaced, tolerance)}"
            )
        deficit = self.transient_deficit
        if modes is not None and self.law:
            own = np.where(modes, self.laws[self.law], 0.0)
            if deficit >= 0.0:
                deficit = max(deficit, float(own @ self.decay) / float(own.sum()))
        if not deficit >= -tolerance * TRANSIENT_SHARE:  # NaN too: there is nothing to compare with
            return (
                f"by its own law the variance at the sampled steps is {-deficit:.2g} above its average over the phases "
                "of an epoch; another sample_every, or more samples, would visit the phases more evenly"
            )
        if deficit > tolerance * TRANSIENT_SHARE:
            return (
                f"not equilibrated: by its own law the variance in the window is still {deficit:.2g} below stationary, "
                f"more than a quarter of the tolerance; {self._longer(deficit, tolerance)}"
            )
        return ""

    def _longer(self, excess: float, tolerance: float) -> str:
        if not (math.isfinite(self.slowest) and self.slowest > 0):
            return "a longer burn_in would settle it"
        steps = math.ceil(self.slowest / 2 * math.log(excess / (tolerance * TRANSIENT_SHARE)))
        return f"a burn_in and a run about {max(steps, 1)} steps longer would settle it"
