"""The law of least squares on finite data: second moments with the noise of every sample's own curvature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.law import Law, Point
from langevin_sgd.laws.linear_process import LinearProcess, OwnLaw, Whole
from langevin_sgd.laws.quadratic import REQUIRED, is_own, stationary
from langevin_sgd.theory.least_squares import SecondMoments, second_moments
from langevin_sgd.theory.least_squares_momentum import heavy_ball_moments

if TYPE_CHECKING:
    from langevin_sgd.config.sgd import Sgd

Array = NDArray[np.float64]

FINITE_DATA_LAW: Final = "finite_data"
MOST_WITH_MOMENTUM = 16  # weights: the way to equilibrium takes matrices over three times the pairs of them


@dataclass(frozen=True, kw_only=True)
class LeastSquaresProcess(LinearProcess):
    """SGD with replacement on least squares: `roots` (n, o, mode) are the rows of the samples' curvatures.

    Its own law is "finite_data"; those of frozen noise are contrasts.
    """

    roots: Array

    @cached_property
    def moments(self) -> SecondMoments:
        """The exact second moments."""
        numbers = self.k, self.c, self.roots, self.sgd.learning_rate, self.sgd.batch_size
        if self.sgd.momentum == 0.0:
            return second_moments(*numbers)
        return heavy_ball_moments(*numbers, self.sgd.momentum)

    def covariance(self, law: str) -> Array:
        """Stationary covariance of one law in the eigenbasis of the Hessian, (mode, mode)."""
        return self.moments.covariance() if law == FINITE_DATA_LAW else super().covariance(law)

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode after `steps` (n,) from the minimum: (n, mode)."""
        return self.moments.transient_variance(steps)

    def refuse_unstable(self) -> None:
        """Raise `Diverged` too where the mean is stable and second moments are not."""
        if self.stable() and not self.moments.bounded:
            raise Diverged(
                0,
                self.sgd.learning_rate * float(self.k.max()),
                momentum=self.sgd.momentum,
                detail=f"the variance grows by a factor {self.moments.growth():.3g} a step although the mean is "
                "stable, for samples differ in curvature: least squares at batch_size "
                f"{self.sgd.batch_size} has no stationary variance at this learning rate",
            )
        super().refuse_unstable()


def at_minimum(
    k: Array,
    c: Array,
    sgd: Sgd,
    *,
    samples: int | None,
    roots: Array | None = None,
    whole: Whole | None = None,
    since: int = 0,
) -> LinearProcess:
    """SGD about a minimum of so many training samples, with the `roots` (n, o, mode) of least squares.

    Their law is that of SGD with replacement alone, with momentum of few weights; else the noise counts as frozen at
    the minimum.
    """
    few = sgd.momentum == 0.0 or k.size <= MOST_WITH_MOMENTUM
    if roots is not None and sgd.sampling == "with_replacement" and few:
        return LeastSquaresProcess(k, c, sgd, FINITE_DATA_LAW, samples, roots=roots, since=since)
    own: OwnLaw = "epoch" if sgd.sampling == "epoch" else "discrete"
    return LinearProcess(k, c, sgd, own, samples, whole=whole, since=since)


def _predict(point: Point) -> dict[str, ArrayLike]:
    """S from S = (I - eta H) S (I - eta H) + (eta^2/B) (C + mean (H_n - A) S (H_n - A)), and so with momentum."""
    return {**stationary(point, FINITE_DATA_LAW), "moments_alone": 1.0}


def _is_own(point: Point) -> bool:
    return is_own(point, FINITE_DATA_LAW)


FINITE_DATA = Law(
    name=FINITE_DATA_LAW,
    title="finite-data closure",
    said="the finite-data closure",
    source="Ziyin, Liu, Mori and Ueda, Strength of minibatch noise in SGD (2022), with the moments of the training set",
    version=1,
    predict=_predict,
    requires=REQUIRED | {"curvature_root"},
    process="langevin_sgd.laws.least_squares:LeastSquaresProcess",
    exact_for=_is_own,
)
