"""The law of a network's Langevin twin about a minimum, at its own time step."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws.law import Law, Point
from langevin_sgd.laws.least_squares import FINITE_DATA_LAW, at_minimum
from langevin_sgd.laws.linear_process import LinearProcess, Whole
from langevin_sgd.laws.quadratic import REQUIRED, is_own, stationary

if TYPE_CHECKING:
    from langevin_sgd.config.sgd import Sgd

Array = NDArray[np.float64]

TWIN_LAW: Final = "twin"


@dataclass(frozen=True, kw_only=True)
class TwinProcess(LinearProcess):
    """dw = -H w dt + (eta/B)^(1/2) C^(1/2) dW with H = diag(k) and C = c, in l Euler-Maruyama steps to one of SGD.

    With f = 1/l a step of it is w <- w - f eta H w + (f eta^2/B)^(1/2) C^(1/2) z. That is a step of SGD with learning
    rate f eta on minibatches of f B samples, `fine`, whose laws are its own. Times here are counted in steps of SGD, of
    which each is l of its own, `substeps`.
    """

    substeps: int
    fine: LinearProcess = field(repr=False)

    def covariance(self, law: str) -> Array:
        """Stationary covariance of one law in the eigenbasis of the Hessian, (mode, mode)."""
        return self.fine.covariance(self.fine.own) if law == TWIN_LAW else super().covariance(law)

    def refuse_unstable(self) -> None:
        """Raise as `LinearProcess` does, of the steps that the twin makes."""
        self.fine.refuse_unstable()

    def fault(self) -> tuple[int, str] | None:
        """The first noisy mode without a stationary state and why, or None."""
        return self.fine.fault()

    def autocorrelation_time(self) -> Array:
        """Autocorrelation time of each mode's position in steps of SGD, (mode,)."""
        return self.fine.autocorrelation_time() / self.substeps

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode after `steps` (n,) of SGD from the minimum: (n, mode)."""
        return self.fine.transient_variance(np.asarray(steps) * self.substeps)


def twin_at_minimum(
    k: Array,
    c: Array,
    sgd: Sgd,
    *,
    substeps: int,
    samples: int | None = None,
    roots: Array | None = None,
    whole: Whole | None = None,
) -> TwinProcess:
    """The twin of SGD with replacement about a minimum, in so many steps to a step of SGD.

    With the `roots` (n, o, mode) of least squares the noise is that of every point; else it counts as frozen at the
    minimum.
    """
    # as many samples as are no whole number: only eta/B and eta of these steps are meant
    finer = {"learning_rate": sgd.learning_rate / substeps, "batch_size": sgd.batch_size / substeps}
    fine = at_minimum(k, c, sgd.model_copy(update=finer), samples=samples, roots=roots, whole=whole)
    return TwinProcess(k, c, sgd, TWIN_LAW, samples, whole=whole, substeps=substeps, fine=fine)


def _predict(point: Point) -> dict[str, ArrayLike]:
    """S = (I - f eta H) S (I - f eta H) + (f eta^2/B) C; of least squares with the noise of every point."""
    process: TwinProcess = point.process
    of_moments = process.fine.own == FINITE_DATA_LAW
    return stationary(point, TWIN_LAW) | ({"moments_alone": 1.0} if of_moments else {})


TWIN = Law(
    name=TWIN_LAW,
    title="Langevin twin",
    said="the law of its own Euler-Maruyama steps",
    source="S = (I - f eta H) S (I - f eta H) + (f eta^2/B) C of its Euler-Maruyama steps of length f eta",
    version=1,
    predict=_predict,
    requires=REQUIRED,
    process="langevin_sgd.laws.twin:TwinProcess",
    exact_for=partial(is_own, law=TWIN_LAW),
)
