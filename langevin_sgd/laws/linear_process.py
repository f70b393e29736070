"""SGD in a quadratic valley, or its continuum limit: the process whose fluctuations the laws of `quadratic` predict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import temperatures
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory import response
from langevin_sgd.theory.companion import Companion
from langevin_sgd.theory.modes import unstable_mode

Array = NDArray[np.float64]
_PHASES = 16
_VARIANCES = 1e-120, 1e120  # errors need their squares, in doubles

OwnLaw = Literal["discrete", "continuum", "epoch", "finite_data", "companion", "companion_epoch", "twin"]
Start = Array | Literal["minimum", "stationary"]


@dataclass(frozen=True)
class Whole:
    """What is known of all d directions where H and C were measured in some modes alone: d and tr C."""

    dimension: int
    noise_trace: float

    @classmethod
    def unless_all(cls, modes: int, dimension: int, noise_trace: float) -> Whole | None:
        """None if the modes are all that there are."""
        return None if modes == dimension else cls(dimension, noise_trace)


@dataclass(frozen=True)
class LinearProcess:
    """H = diag(k) and noise c = V^T C V at the given SGD parameters, in all modes of H or, with `whole`, in some.

    In the eigenbasis of H the laws are elementwise, S_ij from C_ij, k_i and k_j, so that they hold of any modes alone.

    `own` names the law of the process itself: "discrete" (with-replacement SGD), "epoch" (epoch sampling of `samples`
    training samples) or "continuum". The covariance raises `ValueError` if a noisy mode has none by that law. `start`
    is where the replicas begin: at the minimum, in equilibrium, or at a displacement from the minimum (mode,). The
    numbers of the sgd hold from step `since` on: nothing is said of the way there, and a window counts from it.
    """

    k: Array
    c: Array
    sgd: Sgd
    own: OwnLaw
    samples: int | None = None
    start: Start = "minimum"
    whole: Whole | None = None
    since: int = 0

    def stable(self) -> bool:
        """Whether the map of SGD has a stationary state in every mode that the noise reaches."""
        eta, momentum = self.sgd.learning_rate, self.sgd.momentum
        return unstable_mode(self.k, self.noisy(), eta, momentum, "discrete") is None

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
        found = functions[law](self.k, self.c, eta, batch_size, momentum)
        if law == "isotropic" and self.whole is not None:  # sigma^2 is the mean over all directions
            found = found * (self.noise_scale() / theory.noise_scale(self.c)) ** 2
        return found

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
        if self.whole is not None:
            return math.sqrt(self.whole.noise_trace / self.whole.dimension)
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
        fault = self.fault()
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
        eta_lambda_max = self.sgd.learning_rate * float(self.k.max())
        raise Diverged(0, eta_lambda_max, momentum=self.sgd.momentum, detail=reason)

    def fault(self) -> tuple[int, str] | None:
        """The first noisy mode without a stationary state and a sentence that says why, or None."""
        eta, momentum = self.sgd.learning_rate, self.sgd.momentum
        return unstable_mode(self.k, self.noisy(), eta, momentum, self.dynamics())

    def noisy(self) -> NDArray[np.bool_]:
        """The modes that the noise reaches, (mode,)."""
        return theory.noisy_modes(self.k, self.c)

    def autocorrelation_time(self) -> Array:
        """Autocorrelation time of each mode's position in steps, (mode,)."""
        return theory.autocorrelation_time(self.k, self.sgd.learning_rate, self.sgd.momentum, self.dynamics())

    def linear_step(self) -> Companion:
        """What a step does to one mode."""
        return response.heavy_ball(self.sgd.learning_rate, self.sgd.momentum)

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

    def transients(self, steps: NDArray[np.int64]) -> dict[str, ArrayLike]:
        """Spread and squared drift of the displacement from the start after `steps` (n,), each (n,)."""
        eta, momentum = self.sgd.learning_rate, self.sgd.momentum
        if isinstance(self.start, str) and self.start == "stationary":
            # Cov(w_n - w_0) = 2 S (1 - rho_n) in each mode: every replica has a start of its own.
            correlation = theory.autocorrelation(self.k, eta, steps, momentum, self.dynamics())
            spread = (2.0 * np.diagonal(self.covariance(self.own)) * (1.0 - correlation)).sum(axis=1)
            return {"spread": spread, "drift_squared": np.zeros(steps.size)}
        spread = self.transient_variance(steps).sum(axis=1)
        if isinstance(self.start, str):
            return {"spread": spread, "drift_squared": np.zeros(steps.size)}
        moved = theory.transient_mean(self.k, self.start, eta, steps, momentum, self.dynamics()) - self.start
        return {"spread": spread, "drift_squared": (moved**2).sum(axis=1)}

    def window_deficit(self, sample_steps: ArrayLike) -> float:
        """`transient_deficit` of a window of these steps; none of replicas that begin in equilibrium."""
        if isinstance(self.start, str) and self.start == "stationary":
            return 0.0
        return self.transient_deficit(np.maximum(np.asarray(sample_steps) - self.since, 0))

    def alignment(self) -> float:
        """tr(HC)/(|H||C|) with Frobenius norms: 1 if C is proportional to H."""
        return float(np.diagonal(self.c) @ self.k / (np.linalg.norm(self.k) * np.linalg.norm(self.c)))

    def noise_share(self) -> float:
        """The part of tr C that lies in the modes."""
        return 1.0 if self.whole is None else float(np.trace(self.c)) / self.whole.noise_trace

    def variables(self) -> dict[str, ArrayLike]:
        """What is measured of H and C and what was run with, as observables; `mode` is their coordinate."""
        partly = {"noise_share": self.noise_share()} if self.whole is not None else {"alignment": self.alignment()}
        return {
            "hessian_eigenvalue": self.k,
            "noise_in_mode": np.diagonal(self.c),
            "noisy": self.noisy(),
            **partly,
            "noise_scale": self.noise_scale(),
            **temperatures.variables(self.temperature(), self.sgd.momentum),
            "learning_rate": self.sgd.learning_rate,
            "batch_size": self.sgd.batch_size,
            "momentum": self.sgd.momentum,
        }

    def coords(self) -> dict[str, ArrayLike]:
        """Coordinates of `variables`."""
        return {"mode": np.arange(self.k.size)}

    def _samples(self) -> int:
        if self.samples is None:
            raise ValueError("the law of epoch sampling needs the number of training samples")
        return self.samples
