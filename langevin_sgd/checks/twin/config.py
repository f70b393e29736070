"""The config of the check of a network against its Langevin twins."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import OpenFraction, Text, WholeNumber


class TwinCheck(CheckSection):
    """SGD against its own stochastic differential equation, on the same network: SGD over twin, with errors of both.

    From a minimum: variances, energy and squared distance in the stationary window; else loss, squared displacement and
    spread at some times. The conclusion of a network is drawn from its twins by this rule. F is the one of per-sample
    noise with the smallest step, and G the one of per-sample noise at the step of SGD, if there is one.

    - All rows of F agree: SGD follows its equation.
    - None disagrees: inconclusive.
    - Of the rows of F that disagree, all agree with G: it is the step.
    - They disagree with G as well: it is the shape of the noise, for G has the step of SGD and its covariance; where
      SGD is less than half as far from G as from F it is the step too.
    - Else, or without G, step and shape are not told apart.

    Where svag has the step of F, the reason says how far it goes from SGD to F. Of SGD in epochs what is told of the
    shape is told of their noise, which is correlated in time.
    """

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"time_step_fraction", "twin_noise"})
    NOTHING: ClassVar[str] = "no model is the twin of a network; add one, or remove the check"
    UNFIT: ClassVar[str] = "is not the twin of a network; name one that is"
    ROWS: ClassVar[str] = "langevin_sgd.checks.twin.rows:rows"
    kind: Literal["twin"]
    """Always `twin`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Twins to hold against their networks. null: all."""
    tolerance: OpenFraction = 0.05
    """Relative deviation of totals (variance, energy, squared distance, loss) that still counts as agreement."""
    bin_tolerance: OpenFraction = Field(default_factory=lambda earlier: min(2 * earlier.get("tolerance", 0.05), 0.9))
    """The same for bins of modes and for displacements at single times. Default: twice the tolerance."""
    bins: Annotated[WholeNumber, Field(ge=1, le=1000)] = 4
    """Number of bins of modes with similar eigenvalue."""
    times: Annotated[WholeNumber, Field(ge=1, le=1000)] = 3
    """Number of recorded times that are compared where there is no stationary window, the last among them."""
