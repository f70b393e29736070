"""The process that a basins model runs, as functions of the position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.dynamics import SymbolicDynamics
from langevin_sgd.integrators.schemes import SCHEMES, Scheme
from langevin_sgd.landscapes.basins import Basins
from langevin_sgd.landscapes.condition import parse_condition
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import parse, symbol
from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.langevin.run import scheme_parameters
from langevin_sgd.noise import Noise

Array = NDArray[np.float64]


def bisected(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at `low` and not at `high` ceases to."""
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2.0


@dataclass(frozen=True)
class Process:
    """dw = f dt + b dW (Ito) of one point, as functions of positions (d, n).

    `target` is the condition that ends an escape, with `target_values` as its parameters; None without an escape.
    """

    model: BasinsModel
    sgd: Sgd
    landscape: Expression
    noise: Noise
    basins: Basins
    scheme: str
    time_step: float
    target: str | None
    target_values: Mapping[str, float]

    @cached_property
    def _symbolic(self) -> SymbolicDynamics:
        return SymbolicDynamics(self.landscape, self.noise, "ito")

    def _compiled(self, expressions: Any) -> Callable[..., Any]:
        values = {**self.landscape.parameters, **self.noise.parameters}
        names = [*self.landscape.variables, *values]
        function = sympy.lambdify([symbol(name) for name in names], expressions, "numpy", cse=True, dummify=True)
        return lambda points: function(*points, *values.values())

    @cached_property
    def _drift(self) -> Callable[..., Any]:
        return self._compiled(list(self._symbolic.drift_expressions))

    @cached_property
    def _amplitude(self) -> Callable[..., Any]:
        return self._compiled(self._symbolic.amplitude.tolist())

    def drift(self, points: Array) -> Array:
        """f, (d, n)."""
        return np.stack([np.broadcast_to(f, points.shape[1:]) for f in self._drift(points)]).astype(float)

    def diffusion(self, points: Array) -> Array:
        """D = b b^T/2, (d, d, n)."""
        rows = self._amplitude(points)
        b = np.array([[np.broadcast_to(entry, points.shape[1:]) for entry in row] for row in rows], float)
        return np.asarray(np.einsum("ik...,jk...->ij...", b, b) / 2.0 / (1.0 - self.momentum))

    @property
    def momentum(self) -> float:
        """mu of a scheme that knows it, which raises the temperature by 1/(1 - mu) to leading order; 0 of others."""
        return self.sgd.momentum if "momentum" in self._declared.parameters else 0.0

    @property
    def pace(self) -> float:
        """Mean velocity over the drift: 1/(1 - mu) of the heavy ball, 1/gamma of baoab."""
        return self._declared.mobility(scheme_parameters(self.model, self.sgd, self.scheme))

    @property
    def alone(self) -> bool:
        """Whether a single well is looked at, and no passage."""
        return len(self.basins.labels) == 1

    @property
    def inertial(self) -> bool:
        """Whether the walker has a velocity that the equation has not: its positions alone are no diffusion."""
        return self._declared.inertia

    @property
    def euler_steps(self) -> bool:
        """Whether a step is w + f h + b sqrt(h) xi, the map whose transition matrix and corrections are known."""
        return self._declared.euler_step

    @property
    def momentum_steps(self) -> bool:
        """Whether a step is that of the heavy ball, whose law in position and velocity is known on a line."""
        return self._declared.momentum_step

    @property
    def _declared(self) -> Scheme:
        return SCHEMES[self.scheme]

    @cached_property
    def additive(self) -> bool:
        """Whether the noise is the same everywhere."""
        return not self._symbolic.amplitude.free_symbols & set(self.landscape.coordinates)

    @cached_property
    def isotropic(self) -> bool:
        """Whether D = theta I everywhere."""
        if not self.additive:
            return False
        d = self.diffusion(np.zeros((self.landscape.dimension, 1)))[..., 0]
        return bool(np.allclose(d, d[0, 0] * np.eye(len(d)), rtol=1e-12, atol=0.0))

    @cached_property
    def linear(self) -> tuple[Array, Array] | None:
        """A (d, d) and f(0) (d,) of a drift f(0) - A w; None of another, or where the noise depends on the position."""
        slopes = sympy.Matrix([sympy.expand(f) for f in self._symbolic.drift_expressions]).jacobian(
            list(self.landscape.coordinates)
        )
        if not self.additive or slopes.free_symbols & set(self.landscape.coordinates):
            return None
        origin = np.zeros(self.landscape.dimension)
        a = -np.array(self._compiled(slopes.tolist())(origin), float)
        return a, self.drift(origin[:, None])[:, 0]

    @cached_property
    def thermal_energy(self) -> float:
        """theta = D of isotropic noise; the largest eigenvalue of D at minima and saddles otherwise."""
        points = [self.basins.minima, *(s.position[None] for s in self.basins.saddles)]
        at = np.concatenate(points)
        at = at[np.isfinite(at).all(axis=1)]
        if not at.size:
            at = np.zeros((1, self.landscape.dimension))
        with np.errstate(invalid="ignore"):
            d = np.moveaxis(self.diffusion(at.T), -1, 0)
        if not np.isfinite(d).all():
            raise UserError("the noise is not finite at a minimum or saddle; its variances must not be negative there")
        return float(np.linalg.eigvalsh(d).max())

    @property
    def transverse(self) -> str:
        """Curvature of the coordinates but the first, where E is quadratic in them; empty otherwise."""
        return "" if self.model.family is None else self.model.family.transverse

    def energy(self, points: Array) -> Array:
        """E, (n,)."""
        return self.landscape.energy_at(points)

    def laplacian(self, points: Array) -> Array:
        """Trace of the Hessian, (n,)."""
        return np.asarray(np.einsum("ii...", self.landscape.hessian_at(points)))

    def line_energy(self, points: Array, thermal_energy: float | None = None) -> Array:
        """Free energy E_1(x) + (d - 1) theta ln(k(x))/2 of the first coordinate, the others integrated out, (1, n)."""
        theta = self.thermal_energy if thermal_energy is None else thermal_energy
        d = self.landscape.dimension
        whole = np.zeros((d, *points.shape[1:]))
        whole[0] = points[0]
        return self.energy(whole) + (d - 1) * theta / 2.0 * np.log(self._transverse_curvature(whole))

    def line_drift(self, points: Array) -> Array:
        """Minus its slope, (1, n), by differences."""
        h = 1e-5
        return -(self.line_energy(points + h) - self.line_energy(points - h))[None] / (2.0 * h)

    def reached(self, points: Array) -> NDArray[np.bool_]:
        """Whether points lie in the target of the escape, (n,)."""
        assert self.target is not None
        values = {**self.landscape.parameters, **self.target_values}
        names = [*self.landscape.variables, *values]
        test = sympy.lambdify([symbol(n) for n in names], parse_condition(self.target, names), "numpy", dummify=True)
        with np.errstate(all="ignore"):  # as where basins are told apart
            return np.asarray(np.broadcast_to(test(*points, *values.values()), points.shape[1:]))

    def _transverse_curvature(self, points: Array) -> Array:
        read = parse(self.transverse, [*self.landscape.variables, *self.landscape.parameters])
        return np.asarray(np.broadcast_to(self._compiled(read)(points), points.shape[1:]), float)


def core_numbers(model: BasinsModel, found: Basins) -> dict[str, float]:
    """Numbers of the core that ends an escape: its centre and squared radius, as parameters of a condition."""
    escape = model.escape
    if escape is None or isinstance(escape.core, str):
        return {}
    origin, target = (found.minima[found.number(label)] for label in (escape.origin, escape.to))
    if not np.isfinite([origin, target]).all():
        raise UserError(f"no minimum was found in {escape.origin} or {escape.to}; give escape core a condition")
    away = target - origin
    if target.size == 1:  # a line is left through the near end of the core, however long a step is
        return {"core_side": float(np.sign(away[0])), "core_edge": float(target[0] - escape.core * away[0])}
    centre = {f"core_{i}": float(x) for i, x in enumerate(target, 1)}
    return {**centre, "core_square": float(escape.core**2 * (away @ away))}


def core_condition(model: BasinsModel, variables: Sequence[str]) -> str | None:
    """The first passage that an escape is, as a condition; None without an escape."""
    if model.escape is None:
        return None
    if isinstance(model.escape.core, str):
        return model.escape.core
    if len(variables) == 1:
        return f"core_side*({variables[0]} - core_edge) > 0"
    return " + ".join(f"({name} - core_{i})**2" for i, name in enumerate(variables, 1)) + " < core_square"
