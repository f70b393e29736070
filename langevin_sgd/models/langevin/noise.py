"""Noise of a Langevin equation as a config writes it: C, the covariance of one per-sample gradient.

The noise of the equation is sqrt(eta C/B) dW. eta, B and the entries of C are its parameters, so that a scan over them
is one launch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import Number, PositiveNumber, Section, Text
from langevin_sgd.models.quadratic.given import CovarianceMatrix, Variances

if TYPE_CHECKING:
    from langevin_sgd.config.sgd import Sgd
    from langevin_sgd.noise import Noise

_RATE = "learning_rate/batch_size"


def _shared(sgd: Sgd) -> dict[str, float | None]:
    return {"learning_rate": sgd.learning_rate, "batch_size": float(sgd.batch_size)}


class GradientNoiseSection(Section):
    """The base of what may be written for C."""

    kind: str

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """Lists with one entry a coordinate, as (key, length)."""
        return ()

    def formulas(self) -> tuple[str, ...]:
        """Formulas of the position in `variances`."""
        return ()

    def numbers(self, sgd: Sgd, parameters: Mapping[str, float]) -> dict[str, float | None]:
        """The parameters of the noise by name; `parameters` are those of the landscape."""
        return _shared(sgd)

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """sqrt(eta C/B) dW with its `numbers`."""
        raise NotImplementedError

    def variance(self) -> float | None:
        """tr C/d; None where C depends on the position."""
        raise NotImplementedError


class IsotropicGradientNoise(GradientNoiseSection):
    """C = sigma^2 I, T = eta sigma^2/B."""

    kind: Literal["isotropic"]
    """Always `isotropic`."""
    scale: PositiveNumber
    """sigma, standard deviation of one component of one per-sample gradient."""

    def numbers(self, sgd: Sgd, parameters: Mapping[str, float]) -> dict[str, float | None]:
        """eta, B and sigma."""
        return {**_shared(sgd), "noise_scale": self.scale}

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """The same along every coordinate."""
        from langevin_sgd import noise  # of numpy, not of a config

        return noise.IsotropicNoise(f"{_RATE}*noise_scale**2", self.numbers(sgd, parameters))

    def variance(self) -> float:
        """sigma^2."""
        return self.scale**2


class DiagonalGradientNoise(GradientNoiseSection):
    """C diagonal in the coordinates of the landscape."""

    kind: Literal["diagonal"]
    """Always `diagonal`."""
    variances: Variances
    """Diagonal of C, one number a coordinate."""

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """One variance a coordinate."""
        return (("variances", len(self.variances)),)

    def numbers(self, sgd: Sgd, parameters: Mapping[str, float]) -> dict[str, float | None]:
        """eta, B and the variances."""
        return {**_shared(sgd), **{f"variance_{i}": value for i, value in enumerate(self.variances, 1)}}

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """Independent along the coordinates."""
        from langevin_sgd import noise

        temperatures = tuple(f"{_RATE}*variance_{i}" for i, _ in enumerate(self.variances, 1))
        return noise.DiagonalNoise(temperatures, self.numbers(sgd, parameters))

    def variance(self) -> float:
        """The mean of the diagonal."""
        import numpy as np

        return float(np.mean(self.variances))


class MatrixGradientNoise(GradientNoiseSection):
    """C given as a symmetric positive semidefinite matrix, in the coordinates of the landscape."""

    kind: Literal["full"]
    """Always `full`."""
    matrix: CovarianceMatrix
    """Rows of C, d x d."""

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """A row a coordinate."""
        return (("matrix", len(self.matrix)),)

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """Correlated as C says."""
        from langevin_sgd import noise

        return noise.FullNoise(self.matrix, _RATE, self.numbers(sgd, parameters))

    def variance(self) -> float:
        """The mean of the diagonal."""
        import numpy as np

        return float(np.trace(self.matrix)) / len(self.matrix)


class FormulaGradientNoise(GradientNoiseSection):
    """C(w) diagonal, each entry a formula of the position."""

    kind: Literal["formula"]
    """Always `formula`."""
    variances: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Diagonal of C(w) as formulas over the landscape's variables and parameters, one a coordinate, not negative."""
    interpretation: Literal["ito", "stratonovich"] = "ito"
    """How sqrt(eta C(w)/B) dW is meant; SGD is Ito."""

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """One formula a coordinate."""
        return (("variances", len(self.variances)),)

    def formulas(self) -> tuple[str, ...]:
        """All of them."""
        return self.variances

    def numbers(self, sgd: Sgd, parameters: Mapping[str, float]) -> dict[str, float | None]:
        """eta, B and the parameters of the landscape."""
        return {**_shared(sgd), **parameters}

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """Independent along the coordinates, by amplitudes that depend on the position."""
        from langevin_sgd import noise

        amplitudes = tuple(f"sqrt({_RATE}*({text}))" for text in self.variances)
        return noise.PositionDependentNoise(amplitudes, self.numbers(sgd, parameters), self.interpretation)

    def variance(self) -> None:
        """It has none that holds everywhere."""
        return


class LowRankGradientNoise(GradientNoiseSection):
    """C = F F^T."""

    kind: Literal["low_rank"]
    """Always `low_rank`."""
    factor: Annotated[tuple[Annotated[tuple[Number, ...], Field(min_length=1)], ...], Field(min_length=1)]
    """Rows of F, one a coordinate, each with as many numbers as there are noises."""

    @field_validator("factor", mode="after")
    @classmethod
    def _check(cls, factor: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        width = len(factor[0])
        for row, entries in enumerate(factor):
            if len(entries) != width:
                raise inconsistent([((row,), f"row {row + 1} has {len(entries)} entries and row 1 has {width}")])
        if width > len(factor):
            raise ValueError(f"has {width} noises for {len(factor)} coordinates; give at most as many")
        return factor

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """A row a coordinate."""
        return (("factor", len(self.factor)),)

    def of_equation(self, sgd: Sgd, parameters: Mapping[str, float]) -> Noise:
        """As many independent noises as F has columns."""
        from langevin_sgd import noise

        return noise.LowRankNoise(self.factor, _RATE, self.numbers(sgd, parameters))

    def variance(self) -> float:
        """|F|^2/d."""
        import numpy as np

        return float((np.array(self.factor) ** 2).sum()) / len(self.factor)


GradientNoise = Annotated[
    IsotropicGradientNoise | DiagonalGradientNoise | MatrixGradientNoise | FormulaGradientNoise | LowRankGradientNoise,
    Field(discriminator="kind"),
]
