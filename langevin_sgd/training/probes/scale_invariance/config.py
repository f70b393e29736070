"""The `scale_invariance` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveNumber, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection
from langevin_sgd.training.probes.section import Watched

_AT = ("rescaling", "rescaled_replica")


class ScaleInvarianceProbe(FirstReplicasSection):
    """Where training ended the first layer is multiplied by l and the weights of the next divided by l: sharpness then.

    With ReLU between them the function stays as it is, and so does sum_k w_k^2 H_kk, but not the largest eigenvalue of
    H nor its trace, which go as l^2 for large l (Dinh et al. 2017). H is that of the loss, without weight decay.
    The sum is the mean of (w z)^T H (w z) over random signs z, the trace that of z^T H z, on the same z for all l.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.scale_invariance.measure:ScaleInvariance"
    DECLARES: ClassVar[Declarations] = {
        "rescaled_top": Variable(_AT, "largest eigenvalue of the loss's Hessian after rescaling"),
        "rescaled_trace": Variable(_AT, "trace of the loss's Hessian after rescaling"),
        "rescaled_invariant": Variable(_AT, "sum of w^2 times the diagonal of the loss's Hessian after rescaling"),
        "rescaled_output_change": Variable(
            _AT, "largest change of an output on the training set by rescaling, over the largest output"
        ),
        "rescaling": Coordinate(("rescaling",), "l, what the first layer is multiplied by"),
        "rescaled_replica": Coordinate(("rescaled_replica",), "replica that is rescaled"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["scale_invariance"]
    """Always `scale_invariance`."""
    factors: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)] = (1.0, 2.0, 4.0)
    """l."""
    vectors: Annotated[WholeNumber, Field(ge=1, le=1000)] = 8
    """Random vectors for trace and sum."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many replicas, and each l once."""
        yield from super().problems(watched, model=model, probe=probe)
        if len(set(self.factors)) < len(self.factors):
            yield (*probe, "factors"), "one of them is there twice; remove it"

    def passes(self) -> float:
        """What one replica takes, in passes of the training set through the gradient."""
        return _PASSES_OF_A_PRODUCT * len(self.factors) * (_STEPS_OF_THE_LARGEST + 2 * self.vectors)


_PASSES_OF_A_PRODUCT, _STEPS_OF_THE_LARGEST = 2.5, 20
