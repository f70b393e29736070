"""The `critical_samples` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveNumber, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection


class CriticalSamplesProbe(FirstReplicasSection):
    """Share of training samples with another answer within r in every input: critical samples (Arpit et al. 2017).

    Each is looked for by steps x <- x + a sign(grad_x(z_other - z_told)) + b n from the sample, n normal, put back into
    the box |x - x_n| <= r after each; z_told is the output of the first answer and z_other the largest of the others.
    Where none is found there may be one all the same: it is a lower bound.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.critical_samples.measure:CriticalSamples"
    DECLARES: ClassVar[Declarations] = {
        "critical_share": Variable(
            ("critical_look", "critical_replica"), "share of training samples with another answer close by"
        ),
        "critical_step": Coordinate(("critical_look",), "step at which critical samples are looked for", "step"),
        "critical_replica": Coordinate(("critical_replica",), "replica of which critical samples are looked for"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["critical_samples"]
    """Always `critical_samples`."""
    radius: PositiveNumber
    """r, in units of the inputs."""
    search: Annotated[WholeNumber, Field(ge=1, le=10_000)] = 10
    """Steps of the search from each sample."""
    samples: Annotated[WholeNumber, Field(ge=1)] = 256
    """The first so many training samples, or all of fewer."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 12."""
