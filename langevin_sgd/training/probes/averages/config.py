"""The `averages` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_MATRIX = ("mode", "mode_2")


class AveragesProbe(ProbeSection):
    """Gradient, Hessian and gradient noise averaged over where SGD fluctuates about the minimum, self-consistently.

    From them follows the law `self_consistent`, which then is the one that is claimed, and that of H and C at the
    minimum a contrast. Takes about ten seconds a point for 650 weights.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.averages.measure:AveragesOfFluctuations"
    DECLARES: ClassVar[Declarations] = {
        "averaged_mean": Variable(("mode",), "mean displacement from the minimum at which the averages are taken"),
        "averaged_hessian": Variable(_MATRIX, "Hessian along the modes, averaged over stationary fluctuations"),
        "averaged_noise": Variable(_MATRIX, "covariance of one per-sample gradient, averaged likewise"),
        "averaged_rest": Variable(_MATRIX, "covariance of what of the mean gradient is not linear, likewise"),
        "averaged_energy": Variable((), "energy above the minimum, averaged likewise"),
        "averages_scatter": Variable((), "relative standard error of the total variance by the choice of points"),
        "averages_refused": Variable((), "why there are no averages; empty if there are"),
        "skewness_variance": Variable(("mode",), "change of the variance by third cumulants; NaN where not measured"),
        "skewness_energy": Variable((), "change of the mean energy by third cumulants; NaN where not measured"),
        "skewness_truncated": Variable((), "part of its total that half of the directions leave out"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"curvature", "beside"})
    kind: Literal["averages"]
    """Always `averages`."""
    frames: Annotated[WholeNumber, Field(ge=2, le=100)] = 3
    """Sets of points over which averages are taken; from their differences the error follows."""
    directions: Annotated[WholeNumber, Field(ge=2, le=200)] = 64
    """Modes whose third cumulants are followed at most: those along which the mean gradient fluctuates most. It starts
    with 32 and doubles them until that changes the total variance by less than 0.1%."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """A rule without a law of this kind."""
        yield from super().problems(watched, model=model, probe=probe)
        if not watched.linear:
            yield probe, "averages are those of a linear rule, such as sgd without clipping; remove it, or change that"
