"""What every law predicts for one model's observables: the block that networks and Ornstein-Uhlenbeck models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import temperatures
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.modes import unstable_mode

Array = NDArray[np.float64]
_PHASES = 16
_VARIANCES = 1e-120, 1e120  # errors need their squares, in doubles

OwnLaw = Literal["discrete", "continuum", "epoch"]


@dataclass(frozen=True)
class Laws:
    """The stationary laws of H = diag(k) and noise c = V^T C V at the given SGD parameters.

    `own` names the law of the process itself: "discrete" (with-replacement SGD), "epoch" (epoch sampling of `samples`
    training samples) or "continuum". "continuum" and "isotropic" are always there, the last one with
    T = eta sigma^2/B, sigma^2 = tr C/d; "discrete" wherever it has a stationary state. Raises `ValueError` if a noisy
    mode has none by the process's own law.
    """

    k: Array
    c: Array
    sgd: Sgd
    own: OwnLaw
    samples: int | None = None

    def names(self) -> tuple[str, ...]:
        """The laws by name, the order of the `law` dimension."""
        eta, momentum = self.sgd.learning_rate, self.sgd.momentum
        stable = unstable_mode(self.k, self.noisy(), eta, momentum, "discrete") is None
        discrete = ("discrete",) if stable or self.own != "continuum" else ()
        return (*discrete, "continuum", "isotropic", *(("epoch",) if self.own == "epoch" else ()))

    def covariance(self, law: str) -> Array:
        """Stationary covariance of one law in the eigenbasis of the Hessian, (mode, mode)."""
        eta, batch_size, momentum = self.sgd.learning_rate, self.sgd.batch_size, self.sgd.momentum
        if law == "epoch":
            return theory.epoch_covariance(self.k, self.c, eta, batch_size, self._samples(), momentum=momentum)
        functions = {
            "discrete": theory.discrete_covariance,
            "continuum": theory.continuum_covariance,
            "isotropic": theory.isotropic_covariance,
        }
        return functions[law](self.k, self.c, eta, batch_size, momentum)

    def energy_weights(self, law: str) -> Array:
        """Weights of the chi-squared law of the energy, (mode,), largest first; their sum is the mean energy."""
        if law == "isotropic":  # T/4 in every mode with curvature, where eig(H^1/2 S H^1/2) would be 0 x infinity
            weight = self.temperature() / 4.0 / (1.0 - self.sgd.momentum)
            return np.sort(np.where(self.k > 0, weight, 0.0))[::-1]
        return theory.energy_weights(self.k, self.covariance(law))

    def phases(self) -> NDArray[np.int64]:
        """Equally spaced phases of an epoch, at most sixteen: the energy's law is smooth in the phase."""
        batches = self._samples() // self.sgd.batch_size
        count = min(batches, _PHASES)
        return ((2 * np.arange(count) + 1) * batches) // (2 * count)

    def phase_energy_weights(self) -> Array:
        """Weights of the chi-squared law of the energy at each of `phases` of an epoch, (phase, mode)."""
        eta, batch_size, momentum = self.sgd.learning_rate, self.sgd.batch_size, self.sgd.momentum
        samples = self._samples()
        covariances = (
            theory.epoch_covariance(self.k, self.c, eta, batch_size, samples, phase=int(phase), momentum=momentum)
            for phase in self.phases()
        )
        return np.stack([theory.energy_weights(self.k, covariance) for covariance in covariances])

    def noise_scale(self) -> float:
        """sigma = sqrt(tr C / d)."""
        return theory.noise_scale(self.c)

    def temperature(self) -> float:
        """T = eta sigma^2/B."""
        return theory.temperature(self.sgd.learning_rate, self.sgd.batch_size, self.noise_scale())

    def dynamics(self) -> theory.Dynamics:
        """The dynamics in which modes relax: that of the map of SGD unless the process is the continuum limit."""
        return "continuum" if self.own == "continuum" else "discrete"

    def refuse_unstable(self) -> None:
        """Raise `Diverged` if eta lambda is over the stability limit in a noisy mode, `UserError` if lambda <= 0.

        `UserError` too where the variance is next to nothing, or too large for double precision.
        """
        eta, momentum = self.sgd.learning_rate, self.sgd.momentum
        fault = unstable_mode(self.k, self.noisy(), eta, momentum, self.dynamics())
        if fault is None:
            variance = float(np.trace(self.covariance(self.own)))
            if not variance > _VARIANCES[0]:
                raise UserError(
                    "there is no noise to compare with: a minibatch is the whole training set, or the learning rate "
                    "is next to nothing; choose a smaller batch_size or a larger learning_rate"
                )
            if not variance < _VARIANCES[1]:
                raise UserError(
                    f"the predicted variance, {variance:.2g}, is too large for double precision to give its error; "
                    "choose a smaller learning_rate or weaker noise"
                )
            return
        mode, reason = fault
        if self.k[mode] <= 0:
            raise UserError(reason)
        raise Diverged(0, eta * float(self.k.max()), momentum=momentum, detail=reason)

    def noisy(self) -> NDArray[np.bool_]:
        """The modes that the noise reaches, (mode,)."""
        return theory.noisy_modes(self.k, self.c)

    def autocorrelation_time(self) -> Array:
        """Autocorrelation time of each mode's position in steps, (mode,)."""
        return theory.autocorrelation_time(self.k, self.sgd.learning_rate, self.sgd.momentum, self.dynamics())

    def relaxation_steps(self) -> float:
        """Autocorrelation time of the slowest noisy mode, in steps."""
        return float(np.max(self.autocorrelation_time()[self.noisy()], initial=0.0))

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode after `steps` (n,) from the minimum, by the process's own law: (n, mode)."""
        eta, batch_size, momentum = self.sgd.learning_rate, self.sgd.batch_size, self.sgd.momentum
        if self.own == "epoch":
            return theory.epoch_transient_covariance(
                self.k, self.c, eta, batch_size, self._samples(), steps, momentum=momentum
            )
        return theory.transient_covariance(self.k, self.c, eta, batch_size, steps, momentum, self.dynamics())

    def transient_deficit(self, sample_steps: ArrayLike) -> float:
        """Relative deficit of the total variance, averaged over `sample_steps`, of a run that starts at the minimum."""
        reached = self.transient_variance(sample_steps).sum(axis=1).mean()
        return float(1.0 - reached / np.trace(self.covariance(self.own)))

    def alignment(self) -> float:
        """tr(HC)/(|H||C|) with Frobenius norms: 1 if C is proportional to H."""
        return float(np.diagonal(self.c) @ self.k / (np.linalg.norm(self.k) * np.linalg.norm(self.c)))

    def variables(self) -> dict[str, ArrayLike]:
        """The observables that follow from H and C alone; `law` and `mode` are their coordinates."""
        variances = {law: np.diagonal(self.covariance(law)) for law in self.names()}
        return {
            "mode_variance_predicted": variances[self.own],
            "mode_variance_law": np.stack(list(variances.values())),
            "energy_law_weight": np.stack([self.energy_weights(law) for law in self.names()]),
            **({"energy_law_phase_weight": self.phase_energy_weights()} if self.own == "epoch" else {}),
            "hessian_eigenvalue": self.k,
            "noise_in_mode": np.diagonal(self.c),
            "noisy": self.noisy(),
            "autocorrelation_time": self.autocorrelation_time(),
            "alignment": self.alignment(),
            "noise_scale": self.noise_scale(),
            **temperatures.variables(self.temperature(), self.sgd.momentum),
            "learning_rate": self.sgd.learning_rate,
            "batch_size": self.sgd.batch_size,
            "momentum": self.sgd.momentum,
        }

    def coords(self) -> dict[str, ArrayLike]:
        """Coordinates of `variables`."""
        phases = {"phase": self.phases()} if self.own == "epoch" else {}
        return {"law": np.array(self.names()), "mode": np.arange(self.k.size), **phases}

    def _samples(self) -> int:
        if self.samples is None:
            raise ValueError("the law of epoch sampling needs the number of training samples")
        return self.samples


def energy_law_weights(dataset: xr.Dataset, law: str) -> Array:
    """Weights of the energy's law as an equal mixture of weighted chi-squared laws, (component, mode).

    One component, except for epoch sampling: the covariance then depends on the phase of the epoch, and samples at all
    phases are a mixture.
    """
    if law == "epoch" and "energy_law_phase_weight" in dataset:
        return np.asarray(dataset["energy_law_phase_weight"].values, dtype=np.float64)
    return np.asarray(dataset["energy_law_weight"].sel(law=law).values[None], dtype=np.float64)
