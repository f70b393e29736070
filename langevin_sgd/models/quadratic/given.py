"""Matrices written in a config, and sections of which one source, given or measured, must be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import NonNegativeNumber, Number, Section, Text

SYMMETRY_TOLERANCE = 1e-8
"""Largest |M - M^T| of a matrix that counts as symmetric, relative to its largest entry."""


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


SymmetricMatrix = Annotated[tuple[tuple[Number, ...], ...], Field(min_length=1), AfterValidator(_symmetric)]


def _semidefinite(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    import numpy  # only a study with a matrix in it pays for the import

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


CovarianceMatrix = Annotated[SymmetricMatrix, AfterValidator(_semidefinite)]
Spectrum = Annotated[tuple[Number, ...], Field(min_length=1)]
Variances = Annotated[tuple[NonNegativeNumber, ...], Field(min_length=1)]


def measured_by_default(value: Any) -> Any:
    """`{from: NAME}` alone tells by itself which alternative it is. Raises `ValueError` for a bare name."""
    if isinstance(value, str):
        raise ValueError(f'must be a mapping, got "{value}"; write {{from: {value}}} to take it from a network')
    if isinstance(value, Mapping) and "from" in value and "kind" not in value:
        return {"kind": "from", **value}
    return value


def exactly_one(section: Section, first: str, second: str) -> None:
    """Raise the fault of a section that gives both of two keys, or neither."""
    given = [name for name in (first, second) if getattr(section, name.replace("from", "from_")) is not None]
    if len(given) != 1:
        found = "both" if given else "neither"
        raise inconsistent([((given[-1],) if given else (), f"needs exactly one of {first} and {second}, got {found}")])


class Alternatives(Section):
    """A section with two keys of which one is given: of two alternatives only the one that was chosen is written."""

    @model_serializer(mode="wrap")
    def _without_the_alternative(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class Measured(Section):
    """A section that names nothing but the model on which it is measured."""

    kind: Literal["from"] = "from"
    """Always `from`; may be left out."""
    from_: Text = Field(alias="from")
    """Name of the network."""

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "kind"}

    def source(self) -> str | None:
        """The model on which it is measured."""
        return self.from_
