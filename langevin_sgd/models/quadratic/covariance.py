"""C, the covariance of one per-sample gradient: given, or measured on another model of the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import PositiveNumber, Section, Text
from langevin_sgd.models.quadratic.given import (
    Alternatives,
    CovarianceMatrix,
    Measured,
    Variances,
    exactly_one,
    measured_by_default,
)

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from langevin_sgd.models.section import ModelSection

    Array = NDArray[np.float64]


class CovarianceSection(Section):
    """The base of what may be written for C."""

    AS_MEASURED: ClassVar[bool] = False
    """Whether it is all of C, as it is measured."""
    kind: str

    def source(self) -> str | None:
        """The model on which it is measured; None if it is given."""
        return None

    def size(self, models: Mapping[str, ModelSection]) -> tuple[str, int | None]:
        """The key that sets d, and d where it has one that is known before anything runs."""
        raise NotImplementedError

    def covariance(self, size: int, lent: Mapping[str, xr.Dataset]) -> Array:
        """C (d, d) in the coordinates of H; `lent` are the models on which it is measured."""
        raise NotImplementedError

    def in_modes(self, vectors: Array, lent: Mapping[str, xr.Dataset]) -> Array:
        """V^T C V (d, d) for the eigenvectors V of H."""
        turned = vectors.T @ self.covariance(len(vectors), lent) @ vectors
        symmetric: Array = 0.5 * (turned + turned.T)
        return symmetric

    def strengths(self, vectors: Array | None, size: int) -> Array:
        """The diagonal of V^T C V (d,), up to a factor, before anything runs; of what is not known yet, zeros.

        Without `vectors` V is the identity.
        """
        raise NotImplementedError


def _lent(source: str, lent: Mapping[str, xr.Dataset]) -> Array:
    covariance: Array = lent[source]["noise_covariance"].values
    return covariance


class MeasuredCovariance(Measured, CovarianceSection):
    """C as measured at the minimum of a network of the same study."""

    AS_MEASURED: ClassVar[bool] = True
    kind: Literal["from"] = "from"
    """Always `from`; may be left out."""

    def size(self, models: Mapping[str, ModelSection]) -> tuple[str, int | None]:
        """The number of parameters of the model on which it is measured."""
        return "from", models[self.from_].parameters()

    def covariance(self, size: int, lent: Mapping[str, xr.Dataset]) -> Array:
        """As that model has it."""
        return _lent(self.from_, lent)

    def strengths(self, vectors: Array | None, size: int) -> Array:
        """Nothing is known yet."""
        import numpy as np

        return np.zeros(size)


class IsotropicCovariance(Alternatives, CovarianceSection):
    """C = sigma^2 I."""

    kind: Literal["isotropic"]
    """Always `isotropic`."""
    from_: Text | None = Field(default=None, alias="from")
    """Name of a network: sigma^2 = tr C / d as measured there."""
    scale: PositiveNumber | None = None
    """sigma itself (standard deviation of one component of one per-sample gradient)."""

    @model_validator(mode="after")
    def _one_source(self) -> IsotropicCovariance:
        exactly_one(self, "from", "scale")
        return self

    def source(self) -> str | None:
        """The model on which sigma is measured."""
        return self.from_

    def size(self, models: Mapping[str, ModelSection]) -> tuple[str, int | None]:
        """It fits any."""
        return "scale", None

    def covariance(self, size: int, lent: Mapping[str, xr.Dataset]) -> Array:
        """sigma^2 I, or the measured C that sigma^2 is taken from."""
        import numpy as np  # a config that is only read does without

        if self.from_ is not None:
            return _lent(self.from_, lent)
        assert self.scale is not None  # one of the two is given
        return self.scale**2 * np.eye(size)

    def in_modes(self, vectors: Array, lent: Mapping[str, xr.Dataset]) -> Array:
        """tr C/d times the identity, in any basis."""
        import numpy as np

        variance = float(np.trace(self.covariance(len(vectors), lent))) / len(vectors)
        return variance * np.eye(len(vectors))

    def strengths(self, vectors: Array | None, size: int) -> Array:
        """It moves every mode."""
        import numpy as np

        return np.ones(size)


class DiagonalCovariance(Alternatives, CovarianceSection):
    """C diagonal: a measured one in the basis of the Hessian's eigenvectors, a given one in the coordinates of H."""

    kind: Literal["diagonal"]
    """Always `diagonal`."""
    from_: Text | None = Field(default=None, alias="from")
    """Name of a network: the measured C without its elements between different eigenvectors of the Hessian."""
    variances: Variances | None = None
    """Diagonal of C in the coordinates in which H is given (for a diagonal H: in the order of its `eigenvalues`)."""

    @model_validator(mode="after")
    def _one_source(self) -> DiagonalCovariance:
        exactly_one(self, "from", "variances")
        if self.variances is not None and not any(self.variances):
            raise inconsistent([(("variances",), "all are zero, so nothing fluctuates; at least one must be > 0")])
        return self

    def source(self) -> str | None:
        """The model on which it is measured."""
        return self.from_

    def size(self, models: Mapping[str, ModelSection]) -> tuple[str, int | None]:
        """Its entries, or the number of parameters of the model on which it is measured."""
        if self.variances is not None:
            return "variances", len(self.variances)
        assert self.from_ is not None  # one of the two is given
        return "from", models[self.from_].parameters()

    def covariance(self, size: int, lent: Mapping[str, xr.Dataset]) -> Array:
        """diag(variances), or the measured C with all its elements."""
        import numpy as np

        return np.diag(np.asarray(self.variances, dtype=np.float64)) if self.from_ is None else _lent(self.from_, lent)

    def in_modes(self, vectors: Array, lent: Mapping[str, xr.Dataset]) -> Array:
        """A measured one without its elements between modes."""
        import numpy as np

        whole = super().in_modes(vectors, lent)
        return whole if self.from_ is None else np.diag(np.diagonal(whole))

    def strengths(self, vectors: Array | None, size: int) -> Array:
        """Of a measured one nothing is known yet."""
        import numpy as np

        if self.variances is None:
            return np.zeros(size)
        strengths: Array = np.array(self.variances)
        return strengths if vectors is None else strengths @ vectors**2


class MatrixCovariance(CovarianceSection):
    """C given as a symmetric positive semidefinite matrix, in the same coordinates as the Hessian."""

    kind: Literal["full"]
    """Always `full`."""
    matrix: CovarianceMatrix
    """Rows of C, d x d."""

    def size(self, models: Mapping[str, ModelSection]) -> tuple[str, int | None]:
        """Its rows."""
        return "matrix", len(self.matrix)

    def covariance(self, size: int, lent: Mapping[str, xr.Dataset]) -> Array:
        """The matrix."""
        import numpy as np

        return np.asarray(self.matrix, dtype=np.float64)

    def strengths(self, vectors: Array | None, size: int) -> Array:
        """v^T C v of every eigenvector."""
        import numpy as np

        matrix: Array = np.array(self.matrix)
        return matrix.diagonal() if vectors is None else np.einsum("im,im->m", vectors, matrix @ vectors)


Covariance = Annotated[
    MeasuredCovariance | IsotropicCovariance | DiagonalCovariance | MatrixCovariance,
    Field(discriminator="kind"),
    BeforeValidator(measured_by_default),
]
