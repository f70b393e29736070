"""The noise of a Langevin equation dw = -grad E dt + b(w) dW: the amplitude b, symbolic, in five kinds.

The noise of SGD at learning rate eta and batch size B has b b^T = (eta/B) C with C the covariance of one per-sample
gradient; isotropic, b = sqrt(T) I with the temperature T = eta sigma^2/B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.by_value import ByValue
from langevin_sgd.landscapes.expression import checked_parameters, listed
from langevin_sgd.landscapes.formula import FormulaError, check_names, parse
from langevin_sgd.landscapes.symbols import sympy
from langevin_sgd.real_array import real_array, real_number

Interpretation = Literal["ito", "stratonovich"]
Parameters = Mapping[str, float | None]
Number = float | str


class NoiseError(UserError, ValueError):
    """Numbers that are no noise."""


class Noise(Protocol):
    """What an integrator asks of a noise."""

    @property
    def parameters(self) -> Parameters:
        """Names of the symbols in the amplitude that are no coordinates, with their values (None: must be given)."""

    @property
    def interpretation(self) -> Interpretation:
        """How b(w) dW is meant; the same thing for a constant b."""

    @property
    def is_isotropic(self) -> bool:
        """Whether b is a number times the identity, the same number everywhere."""

    @property
    def is_constant(self) -> bool:
        """Whether b is the same everywhere."""

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """b, (d, m), over the coordinates and parameters."""


def _no_parameters() -> Parameters:
    return {}


@dataclass(frozen=True, eq=False)
class IsotropicNoise(ByValue):
    """b = sqrt(T) I, T = `temperature`: a number, which is then the parameter named temperature, or a formula.

    IsotropicNoise("learning_rate*noise_scale**2/batch_size", {"learning_rate": 0.1, ...}) makes eta, sigma and B
    parameters, so that each may differ between trajectories. Raises `NoiseError` for a negative temperature.
    """

    temperature: Number
    parameters: Parameters = field(default_factory=_no_parameters)
    interpretation: Interpretation = "ito"
    is_isotropic: ClassVar[bool] = True
    is_constant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        own: dict[str, float | None] = {}
        if not isinstance(self.temperature, str):
            own["temperature"] = _not_negative(self.temperature, "temperature")
        object.__setattr__(self, "parameters", _parameters(self.parameters, own))

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """sqrt(T) I, (d, d)."""
        temperature = "temperature" if not isinstance(self.temperature, str) else self.temperature
        root = _root(temperature, self.parameters)
        return sympy.ImmutableDenseMatrix(root * sympy.eye(len(coordinates)))


@dataclass(frozen=True, eq=False)
class DiagonalNoise(ByValue):
    """b = diag(sqrt(T_1), ..., sqrt(T_d)): numbers (then parameters temperature_1, ...) or formulas."""

    temperatures: tuple[Number, ...]
    parameters: Parameters = field(default_factory=_no_parameters)
    interpretation: Interpretation = "ito"
    is_isotropic: ClassVar[bool] = False
    is_constant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given: Any = self.temperatures
        if not isinstance(given, str) and np.ndim(given) != 1:
            raise NoiseError("temperatures are a list, one number or formula for each coordinate")
        object.__setattr__(self, "temperatures", listed(given))
        own: dict[str, float | None] = {
            f"temperature_{i}": _not_negative(temperature, f"temperature {i}")
            for i, temperature in enumerate(self.temperatures, 1)
            if not isinstance(temperature, str)
        }
        object.__setattr__(self, "parameters", _parameters(self.parameters, own))

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """diag(sqrt(T_i)), (d, d)."""
        _same_dimension(len(self.temperatures), len(coordinates), "temperatures")
        texts = [t if isinstance(t, str) else f"temperature_{i}" for i, t in enumerate(self.temperatures, 1)]
        return sympy.ImmutableDenseMatrix(sympy.diag(*(_root(text, self.parameters) for text in texts)))


@dataclass(frozen=True, eq=False)
class FullNoise(ByValue):
    """b b^T = scale D, with D = `covariance` (d, d) constant, symmetric and positive semidefinite; b is D's root.

    `scale` is a number (the parameter named noise_scale_factor) or a formula, for example "learning_rate/batch_size"
    with D = C. Raises `NoiseError` when D is not symmetric or has a negative eigenvalue.
    """

    covariance: ArrayLike
    scale: Number = 1.0
    parameters: Parameters = field(default_factory=_no_parameters)
    interpretation: Interpretation = "ito"
    is_isotropic: ClassVar[bool] = False
    is_constant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        matrix = real_array(self.covariance, "the entries of a noise covariance", NoiseError)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
            raise NoiseError(f"a noise covariance is a square matrix of finite numbers, not of shape {matrix.shape}")
        size = float(np.abs(matrix).max(initial=0.0))
        if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * size):
            raise NoiseError("the noise covariance is not symmetric; give (D + D^T)/2")
        lowest = float(np.linalg.eigvalsh(matrix).min(initial=0.0))
        if lowest < -1e-9 * len(matrix) * size:
            raise NoiseError(
                f"the noise covariance has the negative eigenvalue {lowest:.4g}; shrink its off-diagonal entries"
            )
        object.__setattr__(self, "parameters", _scaled(self.scale, self.parameters))

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """sqrt(scale) times the symmetric root of D, (d, d)."""
        matrix = np.asarray(self.covariance, dtype=np.float64)
        _same_dimension(len(matrix), len(coordinates), "rows of the noise covariance")
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        return _numeric(root, self.scale, self.parameters)


@dataclass(frozen=True, eq=False)
class LowRankNoise(ByValue):
    """b = sqrt(scale) F with a constant factor F (d, m), m <= d noises; `scale` as in `FullNoise`."""

    factor: ArrayLike
    scale: Number = 1.0
    parameters: Parameters = field(default_factory=_no_parameters)
    interpretation: Interpretation = "ito"
    is_isotropic: ClassVar[bool] = False
    is_constant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        factor = real_array(self.factor, "the entries of a noise factor", NoiseError)
        if factor.ndim != 2 or factor.shape[1] > factor.shape[0] or not np.isfinite(factor).all():
            raise NoiseError(f"a low-rank factor is (d, m) with m <= d finite columns, not of shape {factor.shape}")
        object.__setattr__(self, "parameters", _scaled(self.scale, self.parameters))

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """sqrt(scale) F, (d, m)."""
        factor = np.asarray(self.factor, dtype=np.float64)
        _same_dimension(len(factor), len(coordinates), "rows of the noise factor")
        return _numeric(factor, self.scale, self.parameters)


@dataclass(frozen=True, eq=False)
class PositionDependentNoise(ByValue):
    """b = diag(b_1(w), ..., b_d(w)) by formulas over coordinates and parameters; Ito unless said otherwise.

    With interpretation "stratonovich" an Ito scheme adds the drift b_i db_i/dw_i / 2 of the Stratonovich reading, and
    the other way round for a Stratonovich scheme (Kloeden and Platen, section 4.9).
    """

    amplitudes: tuple[str, ...]
    parameters: Parameters = field(default_factory=_no_parameters)
    interpretation: Interpretation = "ito"
    is_isotropic: ClassVar[bool] = False
    is_constant: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitudes", listed(self.amplitudes))
        if self.interpretation not in ("ito", "stratonovich"):
            raise NoiseError(f"the interpretation is 'ito' or 'stratonovich', not {self.interpretation!r}")
        object.__setattr__(self, "parameters", _parameters(self.parameters, {}))

    def amplitude(self, coordinates: Sequence[sympy.Symbol]) -> sympy.ImmutableDenseMatrix:
        """diag(b_i(w)), (d, d)."""
        _same_dimension(len(self.amplitudes), len(coordinates), "noise amplitudes")
        names = [*(x.name for x in coordinates), *self.parameters]
        return sympy.ImmutableDenseMatrix(sympy.diag(*(parse(text, names) for text in self.amplitudes)))


_NUMBERS_IN_SYMBOLS = ("covariance", "factor")  # all others are parameters, whose values the amplitude does not hold


def amplitude_of(noise: Noise) -> list[Any] | None:
    """What determines a noise's amplitude beside its parameters' names, as JSON; None of a kind that is not ours."""
    if not (isinstance(noise, ByValue) and type(noise).__module__ == __name__):
        return None
    said: list[Any] = [type(noise).__name__]
    for one in fields(noise):  # type: ignore[arg-type]
        value = getattr(noise, one.name)
        if one.name in _NUMBERS_IN_SYMBOLS:
            said.append(np.asarray(value, dtype=np.float64).tolist())
        elif one.name != "parameters":
            said.append([_formula(each) for each in value] if isinstance(value, tuple) else _formula(value))
    return said


def _formula(given: Number) -> str | None:
    return given if isinstance(given, str) else None


def _not_negative(value: Any, what: str) -> float:
    number = real_number(value, f"the {what}", NoiseError)
    if not (number >= 0.0 and np.isfinite(number)):
        raise NoiseError(f"the {what} is a finite number, not negative: {number}")
    return number


def _parameters(given: Any, own: Mapping[str, float | None]) -> Parameters:
    """The parameters given and the noise's own ones, which no other may be named like."""
    checked = checked_parameters(given, NoiseError)
    check_names([*checked, *own], "the parameter")
    return {**checked, **own}


def _root(text: str, parameters: Parameters) -> sympy.Expr:
    square = parse(text, parameters)
    if square.is_number and square < 0:
        raise NoiseError(f"{text!r} is negative, and noise needs the square root of it; give a number from 0 on")
    return sympy.sqrt(square)


def _same_dimension(given: int, dimension: int, what: str) -> None:
    if given != dimension:
        raise FormulaError(f"{given} {what} for a landscape of {dimension} coordinates; give {dimension}")


def _scaled(scale: Number, parameters: Parameters) -> Parameters:
    own = {} if isinstance(scale, str) else {"noise_scale_factor": _not_negative(scale, "scale")}
    return _parameters(parameters, own)


def _numeric(matrix: NDArray[np.float64], scale: Number, parameters: Parameters) -> sympy.ImmutableDenseMatrix:
    root = _root(scale if isinstance(scale, str) else "noise_scale_factor", parameters)
    return sympy.ImmutableDenseMatrix(
        *matrix.shape, [root * sympy.Float(x) if x else sympy.Integer(0) for x in matrix.ravel().tolist()]
    )
