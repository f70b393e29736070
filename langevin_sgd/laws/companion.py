"""The laws of linear update rules other than the heavy ball, from what a step of theirs does to one mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws.law import Law, NoAnswer, Point
from langevin_sgd.laws.least_squares import at_minimum
from langevin_sgd.laws.linear_process import LinearProcess, OwnLaw, Whole
from langevin_sgd.laws.quadratic import REQUIRED, is_own, over_an_epoch, stationary
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.companion import Companion
from langevin_sgd.theory.companion_epochs import Epochs

if TYPE_CHECKING:
    from langevin_sgd.config.sgd import Sgd

Array = NDArray[np.float64]

WITH_REPLACEMENT: OwnLaw = "companion"
EPOCHS: OwnLaw = "companion_epoch"

_SOURCE = "stationary covariance of the companion matrix, as Liu, Ziyin and Ueda (2021) of the heavy ball"


@dataclass(frozen=True)
class CompanionProcess(LinearProcess):
    """A linear rule about a minimum with its `step`; `discrete` is the heavy ball of the same sgd beside it."""

    step: Companion = field(kw_only=True)

    def covariance(self, law: str) -> Array:
        """Stationary covariance of one law in the eigenbasis of the Hessian, (mode, mode)."""
        if law == WITH_REPLACEMENT:
            return self.step.covariance(self.k, self.c, self.sgd.batch_size)
        if law == EPOCHS:
            return self._epochs.stationary(None)
        return super().covariance(law) if law == "discrete" else self._slow.covariance(law)

    def energy_weights(self, law: str) -> Array:
        """Weights of the chi-squared law of the energy, (mode,), largest first; their sum is the mean energy."""
        return self._slow.energy_weights(law) if law == "isotropic" else super().energy_weights(law)

    def phase_energy_weights(self) -> Array:
        """Weights of the chi-squared law of the energy at each of `phases` of an epoch, (phase, mode)."""
        covariances = (self._epochs.stationary(int(phase)) for phase in self.phases())
        return np.stack([theory.energy_weights(self.k, covariance) for covariance in covariances])

    def fault(self) -> tuple[int, str] | None:
        """The first noisy mode without a stationary state and why, or None."""
        return self.step.unstable_mode(self.k, self.noisy())

    def linear_step(self) -> Companion:
        """That of the rule."""
        return self.step

    def autocorrelation_time(self) -> Array:
        """Autocorrelation time of each mode's position in steps, (mode,)."""
        return self.step.autocorrelation_time(self.k)

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode after `steps` (n,) from the minimum, by the process's own law: (n, mode)."""
        number = np.atleast_1d(np.asarray(steps, dtype=np.int64))
        if self.own == EPOCHS:
            return self._epochs.transient(number)
        return self.step.transient_variance(self.k, self.c, self.sgd.batch_size, number)

    @cached_property
    def _epochs(self) -> Epochs:
        return Epochs.of(self.step, self.k, self.c, self.sgd.batch_size, self._samples())

    @cached_property
    def _slow(self) -> LinearProcess:
        """What is left of it where curvatures are small: SGD at its effective rate."""
        sgd = self.sgd.model_copy(update={"learning_rate": self.step.effective_rate(), "momentum": 0.0})
        return LinearProcess(self.k, self.c, sgd, "continuum", self.samples, whole=self.whole)


def about_minimum(
    k: Array,
    c: Array,
    sgd: Sgd,
    *,
    step: Companion | None,
    samples: int | None,
    roots: Array | None = None,
    whole: Whole | None = None,
    since: int = 0,
) -> LinearProcess:
    """SGD about a minimum by a linear rule with this `step`; by heavy-ball SGD without one. See `at_minimum`."""
    if step is None or step.is_heavy_ball(sgd.learning_rate, sgd.momentum):
        return at_minimum(k, c, sgd, samples=samples, roots=roots, whole=whole, since=since)
    own = EPOCHS if sgd.sampling == "epoch" else WITH_REPLACEMENT
    return CompanionProcess(k, c, sgd, own, samples, whole=whole, since=since, step=step)


def observables(step: Companion) -> dict[str, ArrayLike]:
    """What a run keeps of the step of its rule."""
    return {"rule_carry": step.carry, "rule_kick": step.kick, "rule_first_kick": step.first, "rule_decay": step.decay}


def kept(point: Point) -> Companion | None:
    """The step that a run keeps; None if it keeps none."""
    if "rule_kick" not in point.data:
        return None
    carry, kick, first = (point.values(name) for name in ("rule_carry", "rule_kick", "rule_first_kick"))
    return Companion(carry, kick, first, float(point.values("rule_decay")))


@dataclass(frozen=True)
class PreconditionedProcess:
    """A rule that multiplies gradients by D (d,), taken as held, and of which the linear `step` is left.

    With w = D^(1/2) u it is that rule for u, in a valley of H' = D^(1/2) H D^(1/2) and noise C' likewise. `k`, `c` and
    `basis` (d, d) are the eigenvalues of H, the noise in its eigenbasis, and that basis; `samples` those of an epoch,
    None with replacement.
    """

    k: Array
    c: Array
    basis: Array
    preconditioner: Array
    step: Companion
    batch_size: int
    samples: int | None

    @cached_property
    def covariance(self) -> Array:
        """Stationary covariance in the eigenbasis of the Hessian, (mode, mode). Raises `NoAnswer` if there is none."""
        to_modes = np.sqrt(self.preconditioner)[:, None] * self.basis
        k, turned = np.linalg.eigh((to_modes * self.k) @ to_modes.T)
        across = turned.T @ to_modes  # from the modes of H to those of H', by way of u
        c = across @ self.c @ across.T
        try:
            if self.samples is None:
                found = self.step.covariance(k, c, self.batch_size)
            else:
                found = Epochs.of(self.step, k, c, self.batch_size, self.samples).stationary(None)
        except ValueError as reason:
            raise NoAnswer(f"with the preconditioner held, {reason}") from None
        return across.T @ found @ across


def _companion(point: Point) -> dict[str, ArrayLike]:
    """S_ij = A_i S_ij A_j^T + q q^T C_ij/B for the state of weight and slots."""
    return stationary(point, WITH_REPLACEMENT)


def _companion_epoch(point: Point) -> dict[str, ArrayLike]:
    """The same for minibatches without replacement, averaged over the phases of an epoch."""
    return over_an_epoch(point, EPOCHS)


def _frozen(point: Point) -> dict[str, ArrayLike]:
    """The law of the linear rule that is left, in the valley D^(1/2) H D^(1/2) with noise D^(1/2) C D^(1/2)."""
    process: PreconditionedProcess = point.process
    covariance = process.covariance
    return {
        "mode_variance": np.diagonal(covariance),
        "energy_law_weight": theory.energy_weights(process.k, covariance),
    }


def _held(point: Point) -> str:
    return "takes the preconditioner as held at its mean in the stationary window"


_PROCESS = "langevin_sgd.laws.companion:CompanionProcess"

COMPANION = Law(
    name=WITH_REPLACEMENT,
    title="companion matrix",
    said="the companion-matrix law of its update rule",
    line=("orange", "solid"),
    source=_SOURCE,
    version=1,
    predict=_companion,
    requires=REQUIRED | {"rule_carry", "rule_kick"},
    process=_PROCESS,
    exact_for=partial(is_own, law=WITH_REPLACEMENT),
)
COMPANION_EPOCH = Law(
    name=EPOCHS,
    title="companion matrix, epochs",
    said="the companion-matrix law of its update rule over epochs",
    line=("purple", "solid"),
    source=f"{_SOURCE}; without replacement after Kuehn and Rosenow (2023)",
    version=1,
    predict=_companion_epoch,
    requires=REQUIRED | {"rule_carry", "rule_kick"},
    process=_PROCESS,
    applies=partial(is_own, law=EPOCHS),
    exact_for=partial(is_own, law=EPOCHS),
)
FROZEN_PRECONDITIONER = Law(
    name="frozen_preconditioner",
    title="frozen preconditioner",
    said="the law of a frozen preconditioner",
    line=("orange", "dashed"),
    source="the linear rule that is left where the preconditioner is held at its stationary mean",
    version=1,
    predict=_frozen,
    requires=REQUIRED | {"rule_carry", "rule_kick", "preconditioner"},
    process="langevin_sgd.laws.companion:PreconditionedProcess",
    note=_held,
)
