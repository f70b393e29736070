"""H and C of a quadratic model, each given or measured on a network, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import (
    NonNegativeNumber,
    Number,
    PositiveNumber,
    Section,
    Text,
)

SYMMETRY_TOLERANCE = 1e-8
"""Largest |M - M^T| of a matrix that counts as symmetric, relative to its largest entry."""

Matrix = Annotated[tuple[tuple[Number, ...], ...], Field(min_length=1)]
Spectrum = Annotated[tuple[Number, ...], Field(min_length=1)]
Variances = Annotated[tuple[NonNegativeNumber, ...], Field(min_length=1)]


def _symmetric(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    size = len(matrix)
    ragged = [
        ((row,), f"row {row + 1} has {len(entries)} entries; a square matrix of {size} rows needs {size}")
        for row, entries in enumerate(matrix)
        if len(entries) != size
    ]
    if ragged:
        raise inconsistent(ragged[:1])
    allowed = SYMMETRY_TOLERANCE * max(abs(entry) for row in matrix for entry in row)
    for i in range(size):
        for j in range(i):
            if abs(matrix[i][j] - matrix[j][i]) > allowed:
                fault = (
                    f"must be symmetric, but entry ({i + 1}, {j + 1}) is {matrix[i][j]} "
                    f"and ({j + 1}, {i + 1}) is {matrix[j][i]}"
                )
                raise inconsistent([((i,), fault)])
    return matrix


def _measured_by_default(value: Any) -> Any:
    # `{from: NAME}` alone tells by itself which alternative it is.
    if isinstance(value, str):
        raise ValueError(f'must be a mapping, got "{value}"; write {{from: {value}}} to take it from a network')
    if isinstance(value, Mapping) and "from" in value and "kind" not in value:
        return {"kind": "from", **value}
    return value


def _exactly_one(section: Section, first: str, second: str) -> None:
    given = [name for name in (first, second) if getattr(section, name.replace("from", "from_")) is not None]
    if len(given) != 1:
        found = "both" if given else "neither"
        raise inconsistent([((given[-1],) if given else (), f"needs exactly one of {first} and {second}, got {found}")])


class _Alternatives(Section):
    @model_serializer(mode="wrap")
    def _without_the_alternative(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Of two alternatives only the one that was chosen is written.
        return {key: value for key, value in handler(self).items() if value is not None}


class _Measured(Section):
    kind: Literal["from"] = "from"
    """Always `from`; may be left out."""
    from_: Text = Field(alias="from")
    """Name of the network."""

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "kind"}


class MeasuredHessian(_Measured):
    """H as measured at the minimum of a network of the same study."""


class DiagonalHessian(Section):
    """H given by its eigenvalues, in the basis of its eigenvectors."""

    from_: ClassVar[None] = None
    kind: Literal["diagonal"]
    """Always `diagonal`."""
    eigenvalues: Spectrum
    """k, one per mode."""


class FullHessian(Section):
    """H given as a symmetric matrix."""

    from_: ClassVar[None] = None
    kind: Literal["full"]
    """Always `full`."""
    matrix: Matrix
    """Rows of H, d x d."""

    @field_validator("matrix", mode="after")
    @classmethod
    def _check(cls, matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        return _symmetric(matrix)


class MeasuredNoise(_Measured):
    """C as measured at the minimum of a network of the same study."""


class IsotropicNoise(_Alternatives):
    """C = sigma^2 I."""

    kind: Literal["isotropic"]
    """Always `isotropic`."""
    from_: Text | None = Field(default=None, alias="from")
    """Name of a network: sigma^2 = tr C / d as measured there."""
    scale: PositiveNumber | None = None
    """sigma itself (standard deviation of one component of one per-sample gradient)."""

    @model_validator(mode="after")
    def _one_source(self) -> IsotropicNoise:
        _exactly_one(self, "from", "scale")
        return self


class DiagonalNoise(_Alternatives):
    """C diagonal: a measured one in the basis of the Hessian's eigenvectors, a given one in the coordinates of H."""

    kind: Literal["diagonal"]
    """Always `diagonal`."""
    from_: Text | None = Field(default=None, alias="from")
    """Name of a network: the measured C without its elements between different eigenvectors of the Hessian."""
    variances: Variances | None = None
    """Diagonal of C in the coordinates in which H is given (for a diagonal H: in the order of its `eigenvalues`)."""

    @model_validator(mode="after")
    def _one_source(self) -> DiagonalNoise:
        _exactly_one(self, "from", "variances")
        if self.variances is not None and not any(self.variances):
            raise inconsistent([(("variances",), "all are zero, so nothing fluctuates; at least one must be > 0")])
        return self


class FullNoise(Section):
    """C given as a symmetric positive semidefinite matrix, in the same coordinates as the Hessian."""

    from_: ClassVar[None] = None
    kind: Literal["full"]
    """Always `full`."""
    matrix: Matrix
    """Rows of C, d x d."""

    @field_validator("matrix", mode="after")
    @classmethod
    def _check(cls, matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        import numpy  # only a study with a matrix in it pays for the import

        _symmetric(matrix)
        try:
            with numpy.errstate(all="ignore"):
                eigenvalues = numpy.linalg.eigvalsh(numpy.array(matrix))
        except numpy.linalg.LinAlgError:
            eigenvalues = numpy.full(len(matrix), numpy.nan)
        if not numpy.isfinite(eigenvalues).all():
            raise ValueError("has entries too large for its eigenvalues to be found")
        if eigenvalues[-1] <= 0:
            raise ValueError("has no positive eigenvalue, so nothing fluctuates")
        if eigenvalues[0] < -1e-10 * eigenvalues[-1]:
            raise ValueError(f"a covariance has no negative eigenvalues, but this one has {eigenvalues[0]:.3g}")
        return matrix


class Displacement(Section):
    """A starting point away from the minimum."""

    displacement: Annotated[tuple[Number, ...], Field(min_length=1)]
    """w - w_min, d numbers in the coordinates in which H is given."""


def _start_tag(value: Any) -> str:
    return "displacement" if isinstance(value, Mapping | Displacement) else "name"


Hessian = Annotated[
    MeasuredHessian | DiagonalHessian | FullHessian, Field(discriminator="kind"), BeforeValidator(_measured_by_default)
]
Noise = Annotated[
    MeasuredNoise | IsotropicNoise | DiagonalNoise | FullNoise,
    Field(discriminator="kind"),
    BeforeValidator(_measured_by_default),
]
Start = Annotated[
    Annotated[Literal["minimum", "stationary"], Tag("name")] | Annotated[Displacement, Tag("displacement")],
    Discriminator(_start_tag),
]
