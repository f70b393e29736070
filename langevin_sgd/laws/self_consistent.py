"""The law of SGD where H and C are not those of the minimum: statistical linearisation, from measured averages.

A training that measures its averages (the probe `averages`) asks for it. By rule, and whatever comes out, it is then
the law that is claimed where it holds: it has a fixed point, and its own estimate of its error is at most `MOST_ERROR`.
The laws with H and C frozen at the minimum are contrasts beside it. Where it does not hold it says why, and no law is
claimed: what it refuses is that fluctuations are small enough for anything known about the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws import two_times
from langevin_sgd.laws.law import Law, NoAnswer, Point
from langevin_sgd.laws.quadratic import AVERAGES, FROZEN_LAWS, REQUIRED, between_modes, relaxation
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.self_consistent import Sgd

if TYPE_CHECKING:
    from langevin_sgd.laws.linear_process import LinearProcess

Array = NDArray[np.float64]

MOST_ERROR = 0.03
"""Of the total variance: with a larger estimate of its own error the law is not claimed."""

HIGHER_ORDER = 1.0 / 3.0
"""What is left out of the total, over the square of the excess: found on softmax regression, and no more than that."""

BEYOND_DIRECTIONS = 2.0
"""What directions that were not followed would change by third cumulants, over what half of the others leave out: of a
series whose doublings change it by two thirds of the one before, all that is left."""

OF_SKEWNESS = 0.1
"""What third cumulants change, over the excess, where they were not measured: from 0.07 on softmax regression."""


@dataclass(frozen=True)
class Closure:
    """The law's variances (mode,), and its error relative to the total: by points, higher orders and skewness."""

    variance: Array
    covariance: Array
    excess: float
    by_points: float
    by_order: float
    by_skewness: float

    @property
    def error(self) -> float:
        """A bound of the three together: two standard errors of the first, and the others in full."""
        return 2.0 * self.by_points + self.by_order + self.by_skewness

    @property
    def told(self) -> str:
        """The error in words."""
        return (
            f"its own error {self.error:.2g}: points {2.0 * self.by_points:.2g}, higher orders {self.by_order:.2g}, "
            f"third cumulants {self.by_skewness:.2g}"
        )


def closure(point: Point) -> Closure:
    """The law at a point. Raises `NoAnswer` where there is no fixed point."""
    refused = str(point.array("averages_refused"))
    if refused:
        raise NoAnswer(refused)
    process: LinearProcess = point.process
    sgd = process.sgd
    steps = Sgd(sgd.learning_rate, sgd.batch_size, sgd.momentum, process.samples if process.own == "epoch" else None)
    hessian, noise, rest = (point.values(f"averaged_{name}") for name in ("hessian", "noise", "rest"))
    covariance = steps.covariance(hessian, noise, rest)
    total, frozen = float(np.trace(covariance)), float(np.trace(process.covariance(process.own)))
    excess = total / frozen - 1.0
    change = point.values("skewness_variance")
    if np.isnan(change).any():
        change, by_skewness = np.zeros_like(change), OF_SKEWNESS * abs(excess)
    else:
        # its own excess, which it leaves out, and the directions that were not followed
        relative, halved = abs(float(change.sum())) / total, abs(float(point.values("skewness_truncated"))) / total
        by_skewness = relative * abs(excess) + BEYOND_DIRECTIONS * halved
    variance = np.diagonal(covariance) + change
    return Closure(
        variance, covariance, excess, float(point.values("averages_scatter")), HIGHER_ORDER * excess**2, by_skewness
    )


def _predict(point: Point) -> dict[str, ArrayLike]:
    found = point.once(closure)
    if not found.error <= MOST_ERROR:
        raise NoAnswer(
            f"the excess over the law at the minimum is {found.excess:.3g}, and {found.told}, more than {MOST_ERROR:g}"
        )
    weights = theory.energy_weights(point.process.k, found.covariance)
    mean = _mean_energy(point, found.variance)
    return {
        "mode_variance": found.variance,
        "mode_mean": point.values("averaged_mean"),
        "energy_law_weight": weights * (mean / weights.sum()),
        "moments_alone": 1.0,
        **relaxation(point),
        **between_modes(point, found.covariance + np.diag(found.variance - np.diagonal(found.covariance))),
        **two_times.averaged(point, np.diagonal(point.values("averaged_hessian")), found.variance),
    }


def _mean_energy(point: Point, variance: Array) -> float:
    """That of which the window holds samples: of modes in the quadratic approximation, or the energy itself.

    The latter is no quadratic form in the fluctuations: its mean is measured, and the weights only say how it is shared
    out.
    """
    if "mode_energy" in point.names:
        return float(point.process.k @ (variance + point.values("averaged_mean") ** 2)) / 2.0
    change = float(point.values("skewness_energy"))
    return float(point.values("averaged_energy")) + (0.0 if np.isnan(change) else change)


def _holds(point: Point) -> bool:
    return point.once(closure).error <= MOST_ERROR


def _told(point: Point) -> str:
    return point.once(closure).told


def _applies(point: Point) -> bool:
    own: str = point.process.own
    return own in FROZEN_LAWS


SELF_CONSISTENT = Law(
    name="self_consistent",
    title="self-consistent",
    said="the self-consistent law",
    source="statistical linearisation (Booton 1954, Caughey 1963) of SGD in discrete time, with third cumulants",
    version=2,
    predict=_predict,
    requires=REQUIRED | {AVERAGES, "averaged_noise", "averaged_rest", "averages_refused", "skewness_energy"},
    process="langevin_sgd.laws.linear_process:LinearProcess",
    applies=_applies,
    exact_for=_holds,
    note=_told,
    line=("purple", "dash-dot"),
)
