"""The `gauss_newton` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection
from langevin_sgd.training.probes.section import Watched

_AT = ("gauss_newton_look", "gauss_newton_replica")
_PASSES_OF_A_PRODUCT, _STEPS_OF_A_LEADING_ONE = 2.5, 6


class GaussNewtonProbe(FirstReplicasSection):
    """H of the loss against F = C + g g^T, the second moment of the samples' gradients, and g along H's eigenvectors.

    F is what H would be if the labels were drawn from the network's own probabilities, on average over them. The
    distance |H - F|, of Frobenius, is estimated over random signs z by the mean of |(H - F) z|^2, and so are |H| and
    |F| on the same z. Weight decay is in none of them.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.gauss_newton.measure:GaussNewton"
    DECLARES: ClassVar[Declarations] = {
        "gauss_newton_difference": Variable(_AT, "|H - F|/|H|, F the second moment of the samples' gradients"),
        "gauss_newton_difference_stderr": Variable(_AT, "standard error of |H - F|/|H|, over random vectors"),
        "gauss_newton_scale": Variable(_AT, "tr(H F)/tr(H H): the F that is as long along H, over H"),
        "gradient_in_top": Variable(
            (*_AT, "top"), "share of |g|^2 along each of the sharpest eigenvectors of the loss's Hessian"
        ),
        "gauss_newton_step": Coordinate(("gauss_newton_look",), "step at which H and F are compared", "step"),
        "gauss_newton_replica": Coordinate(("gauss_newton_replica",), "replica of which H and F are compared"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["gauss_newton"]
    """Always `gauss_newton`."""
    eigenvectors: Annotated[WholeNumber, Field(ge=1, le=500)] = 10
    """How many of the sharpest."""
    vectors: Annotated[WholeNumber, Field(ge=2, le=1000)] = 8
    """Random vectors for the distances."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 12."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many eigenvectors and replicas."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.parameters is not None and self.eigenvectors >= watched.parameters:
            yield (
                (*probe, "eigenvectors"),
                f"the network has {watched.parameters} weights; give at most {watched.parameters - 1}",
            )

    def passes(self) -> float:
        """What one measurement takes, in passes of the training set through the gradient."""
        return _PASSES_OF_A_PRODUCT * (_STEPS_OF_A_LEADING_ONE * self.eigenvectors + 2 * self.vectors)
