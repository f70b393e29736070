"""The `neural_tangent_kernel` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection

_AT = ("kernel_look", "kernel_replica")
_RESIDUAL = "along each leading eigenvector of the kernel at the start"


class NeuralTangentKernelProbe(FirstReplicasSection):
    """Theta = J J^T of the first n training samples x outputs, J the derivatives of the outputs by all weights.

    Its drift |Theta_t - Theta_0|/|Theta_0|, of Frobenius, the largest eigenvalues of Theta_t/n, and the residual, the
    derivative of the samples' losses by the outputs (output less target, of mse), along the leading eigenvectors of
    Theta_0. Where the kernel stays as it is, full-batch descent of mse on these n samples makes of the residual along
    the eigenvector of eigenvalue k of Theta_0/n the (1 - learning_rate k)^step-fold, exp(-learning_rate k step) of
    small steps (Jacot, Gabriel and Hongler 2018; Lee et al. 2019). That is emitted beside it where the training is
    such a descent: no momentum, weight decay or schedule, and all training samples in every minibatch and in n.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.neural_tangent_kernel.measure:NeuralTangentKernel"
    DECLARES: ClassVar[Declarations] = {
        "kernel_drift": Variable(_AT, "|Theta_t - Theta_0|/|Theta_0| of the neural tangent kernel Theta"),
        "kernel_eigenvalue": Variable((*_AT, "kernel_mode"), "largest eigenvalues of Theta_t/n over n samples"),
        "kernel_residual": Variable((*_AT, "kernel_mode"), f"residual {_RESIDUAL}"),
        "kernel_residual_predicted": Variable((*_AT, "kernel_mode"), f"residual, if the kernel stayed, {_RESIDUAL}"),
        "kernel_residual_norm": Variable(_AT, "norm of the residual over all n samples and outputs"),
        "kernel_step": Coordinate(("kernel_look",), "step at which the tangent kernel is measured", "step"),
        "kernel_replica": Coordinate(("kernel_replica",), "replica of which the tangent kernel is measured"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["neural_tangent_kernel"]
    """Always `neural_tangent_kernel`."""
    samples: Annotated[WholeNumber, Field(ge=1, le=4096)] | None = None
    """n, the first so many training samples. null: 64, or all if there are fewer."""
    modes: Annotated[WholeNumber, Field(ge=1, le=500)] | None = None
    """How many leading eigenvectors. null: ten, or all n x outputs if these are fewer."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times after the start, the last among them; the start is seen too. null: as many as a fifth of the
    training pays, one to 24."""

    def emits(self) -> frozenset[str]:
        """All but what is predicted, which not every training has."""
        return super().emits() - {"kernel_residual_predicted"}
