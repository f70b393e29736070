"""The `hessian_spectrum` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.recording.config import Precision

_AT = ("spectrum_look", "spectrum_replica")
_OF = "of the energy's Hessian"


class HessianSpectrumProbe(FirstReplicasSection):
    """Largest eigenvalues of the energy's Hessian, weight decay included, its trace, log-determinant and density.

    No matrix of parameters x parameters is kept. Eigenvalues are found by Lanczos iteration, each within 1e-3 of itself
    unless its residual, which bounds the error, says otherwise. On what is orthogonal to their eigenvectors,
    trace (Hutchinson 1989), log-determinant and density are averages over random signs, the latter two by
    stochastic Lanczos quadrature (Golub and Welsch 1969; Ubaru, Chen and Saad 2017).
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.hessian_spectrum.measure:HessianSpectrum"
    DECLARES: ClassVar[Declarations] = {
        "hessian_top": Variable((*_AT, "top"), f"largest eigenvalues {_OF}"),
        "hessian_top_residual": Variable((*_AT, "top"), f"bound of the error of the largest eigenvalues {_OF}"),
        "hessian_trace": Variable(_AT, f"trace {_OF}"),
        "hessian_trace_stderr": Variable(_AT, f"standard error of the trace {_OF}, over random vectors"),
        "hessian_log_determinant": Variable(
            _AT, f"sum of ln k over the eigenvalues k {_OF}; nan if one is not > 0, or below rounding"
        ),
        "hessian_log_determinant_stderr": Variable(_AT, "standard error of it, over random vectors"),
        "hessian_density_node": Variable((*_AT, "node"), f"eigenvalues at which the spectral density {_OF} is held"),
        "hessian_density_weight": Variable((*_AT, "node"), f"share of all eigenvalues {_OF} at these; their sum is 1"),
        "spectrum_step": Coordinate(("spectrum_look",), "step at which the Hessian's spectrum is measured", "step"),
        "spectrum_replica": Coordinate(("spectrum_replica",), "replica of which the Hessian's spectrum is measured"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["hessian_spectrum"]
    """Always `hessian_spectrum`."""
    eigenvalues: Annotated[WholeNumber, Field(ge=1, le=500)] = 10
    """How many of the largest eigenvalues."""
    vectors: Annotated[WholeNumber, Field(ge=2, le=1000)] = 4
    """Random vectors for what is left: errors of trace and log-determinant go as one over the root of it."""
    quadrature: Annotated[WholeNumber, Field(ge=2, le=500)] = 24
    """Lanczos steps from each of them: so many nodes of the density."""
    precision: Precision = "float64"
    """Arithmetic of the products with the Hessian; what is made of them is in float64. float32 takes half as long; its
    rounding, up to 1e-6 of the largest eigenvalue, is in `hessian_top_residual`, and there is a log-determinant only if
    all eigenvalues are above 1e-4 of the largest, so that each ln k is right to 0.01."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to six."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many eigenvalues and replicas."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.parameters is not None and self.eigenvalues >= watched.parameters:
            yield (
                (*probe, "eigenvalues"),
                f"the network has {watched.parameters} weights; give at most {watched.parameters - 1}",
            )

    def passes(self) -> float:
        """What one measurement takes, in passes of the training set through the gradient."""
        return _PASSES_OF_A_PRODUCT * (_STEPS_OF_A_LEADING_ONE * self.eigenvalues + self.vectors * self.quadrature)


_PASSES_OF_A_PRODUCT, _STEPS_OF_A_LEADING_ONE = 2.5, 6
