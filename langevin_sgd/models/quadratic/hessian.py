"""H of a quadratic energy: given by its eigenvalues or as a matrix, or measured on another model of the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from langevin_sgd.config.fields import Section
from langevin_sgd.models.quadratic.given import Measured, Spectrum, SymmetricMatrix, measured_by_default

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from langevin_sgd.models.section import ModelSection

    Array = NDArray[np.float64]


class HessianSection(Section):
    """The base of what may be written for H."""

    KEY: ClassVar[str]
    """The key that is to blame for its eigenvalues."""
    ROUNDING: ClassVar[float] = 0.0
    """Part of the largest eigenvalue by which any may be off: given ones are what they are."""

    def source(self) -> str | None:
        """The model on which it is measured; None if it is given."""
        return None

    def size(self, models: Mapping[str, ModelSection]) -> int | None:
        """d, where it is known before anything runs; `models` are those of the study."""
        raise NotImplementedError

    def eigenbasis(self, lent: Mapping[str, xr.Dataset]) -> tuple[Array, Array]:
        """k (d,), largest first, and V (d, d) with H = V diag(k) V^T; `lent` are the models on which it is measured."""
        raise NotImplementedError

    def spectrum(self) -> tuple[Array, Array | None]:
        """k (d,) and V (d, d) of a given one, before anything runs; no V where each k belongs to a coordinate.

        Then k is in the order of the coordinates, and no d x d matrix is made of a long list.
        """
        return self.eigenbasis({})


class MeasuredHessian(Measured, HessianSection):
    """H as measured at the minimum of a network of the same study."""

    KEY: ClassVar[str] = "from"

    def size(self, models: Mapping[str, ModelSection]) -> int | None:
        """The number of parameters of the model on which it is measured."""
        return models[self.from_].parameters()

    def eigenbasis(self, lent: Mapping[str, xr.Dataset]) -> tuple[Array, Array]:
        """As that model has them."""
        source = lent[self.from_]
        return source["hessian_eigenvalue"].values, source["hessian_eigenvector"].values


class DiagonalHessian(HessianSection):
    """H given by its eigenvalues, in the basis of its eigenvectors."""

    KEY: ClassVar[str] = "eigenvalues"
    kind: Literal["diagonal"]
    """Always `diagonal`."""
    eigenvalues: Spectrum
    """k, one per mode."""

    def size(self, models: Mapping[str, ModelSection]) -> int:
        """One a mode."""
        return len(self.eigenvalues)

    def eigenbasis(self, lent: Mapping[str, xr.Dataset]) -> tuple[Array, Array]:
        """The unit vectors in the order of the eigenvalues."""
        import numpy as np  # a config that is only read does without

        given = self.spectrum()[0]
        order = np.argsort(-given, kind="stable")
        return given[order], np.eye(given.size)[:, order]

    def spectrum(self) -> tuple[Array, Array | None]:
        """As they are given."""
        import numpy as np

        return np.asarray(self.eigenvalues, dtype=np.float64), None


class FullHessian(HessianSection):
    """H given as a symmetric matrix."""

    KEY: ClassVar[str] = "matrix"
    ROUNDING: ClassVar[float] = 1e-12
    kind: Literal["full"]
    """Always `full`."""
    matrix: SymmetricMatrix
    """Rows of H, d x d."""

    def size(self, models: Mapping[str, ModelSection]) -> int:
        """Its rows."""
        return len(self.matrix)

    def eigenbasis(self, lent: Mapping[str, xr.Dataset]) -> tuple[Array, Array]:
        """By LAPACK, with signs that are always the same. Raises `LinAlgError` for entries beyond its reach."""
        from langevin_sgd.landscapes.eigenbasis import eigenbasis

        return eigenbasis(self.matrix)


Hessian = Annotated[
    MeasuredHessian | DiagonalHessian | FullHessian, Field(discriminator="kind"), BeforeValidator(measured_by_default)
]
