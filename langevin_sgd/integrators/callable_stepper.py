"""A scheme's rule run on tensors, for a landscape that is a torch function: the rule that kernels are made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
import torch
from numpy.typing import NDArray

from langevin_sgd.integrators.generate import LaneProgram
from langevin_sgd.integrators.polynomials import lane_symbol
from langevin_sgd.integrators.problem import Problem
from langevin_sgd.integrators.record import Quantities, Record
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.landscapes.torch_callable import TensorLandscape
from langevin_sgd.landscapes.torch_quadratic import column_product
from langevin_sgd.noise import Noise

_LARGEST_MATRIX = 256


def callable_program(landscape: TensorLandscape, noise: Noise, scheme: Scheme) -> LaneProgram:
    """A lane's shape without formulas. Raises `SchemeError` for a scheme that needs derivatives of the noise."""
    if "noise_slope" in scheme.needs:
        raise SchemeError(f"{scheme.name} differentiates the noise and needs a formula; use euler_maruyama")
    d, m = landscape.dimension, noises(landscape, noise)
    widths = scheme.widths(d, m)
    return LaneProgram(
        dimension=d,
        widths=widths,
        state=tuple(lane_symbol(f"y{i}") for i in range(sum(widths.values()))),
        draws=tuple(lane_symbol(f"z{i}") for i in range(scheme.draws(d, m))),
        start=(),
        stages=(),
        results=(),
        quantities=(),
        target=None,
        target_fails=None,
        coefficients=(),
        parameters=(),
    )


def noises(landscape: TensorLandscape, noise: Noise) -> int:
    """Number m of independent noises. Raises `FormulaError` for noise that depends on the position."""
    if noise.is_isotropic:
        return landscape.dimension
    if landscape.dimension > _LARGEST_MATRIX:
        raise FormulaError(f"beyond {_LARGEST_MATRIX} coordinates a callable landscape takes isotropic noise alone")
    if not noise.is_constant:
        raise FormulaError("noise that depends on the position needs a landscape given by a formula")
    return int(noise.amplitude([symbol(f"_w{i}") for i in range(landscape.dimension)]).shape[1])


def callable_quantities(record: Record) -> Quantities:
    """Energy and squared displacement, which are all that a callable landscape can record inside a run."""
    if record.basins or record.formulas or record.first_passage is not None:
        raise FormulaError("basins, formulas and first passage need a landscape given by a formula")
    names: list[str] = []

    def row(name: str) -> int:
        if name not in ("energy", "squared_displacement"):
            raise FormulaError(f"unknown quantity {name!r} to record; known: energy, squared_displacement")
        if name not in names:
            names.append(name)
        return names.index(name)

    each = tuple(row(name) for name in record.each)
    means = tuple(row(name) for name in record.means)
    histograms = tuple(row(name) for name in record.histograms)
    edges = tuple(record.histograms.values())
    return Quantities(tuple(names), tuple(names), each, means, histograms, edges)


def constant_amplitude(
    landscape: TensorLandscape, noise: Noise, values: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """b of a constant noise: a number or one for each trajectory, and the matrix (d, m) that it multiplies, or None
    for the identity."""
    noises(landscape, noise)
    names = list(noise.parameters)
    arguments = [symbol(name) for name in names]
    numbers = [np.asarray(values[name]) for name in names]
    with np.errstate(invalid="ignore"):
        if noise.is_isotropic:
            root = noise.amplitude([symbol("_w0")])[0, 0]
            scale = np.asarray(sympy.lambdify(arguments, root, "numpy", dummify=True)(*numbers), dtype=np.float64)
            matrix = None
        else:
            if any(n.ndim for n in numbers):
                raise FormulaError("with a callable landscape only isotropic noise may differ between trajectories")
            entries = noise.amplitude([symbol(f"_w{i}") for i in range(landscape.dimension)]).tolist()
            scale = np.ones(())
            matrix = np.array(sympy.lambdify(arguments, entries, "numpy", dummify=True)(*numbers), dtype=np.float64)
    if not np.isfinite(scale).all() or not (matrix is None or np.isfinite(matrix).all()):
        raise FormulaError("the noise is not finite for the parameters given; check their values")
    return scale, matrix


class TensorDynamics:
    """The Langevin equation of a torch function and a constant noise, evaluated."""

    def __init__(self, landscape: TensorLandscape, noise: Noise, run: Problem, where: torch.device, dtype: torch.dtype):
        self.landscape = landscape
        self.values = {
            name: torch.as_tensor(np.asarray(value), dtype=dtype, device=where) for name, value in run.values.items()
        }
        self.time_step = self.values["time_step"]
        scale, matrix = constant_amplitude(landscape, noise, run.values)
        self.scale = torch.as_tensor(scale, dtype=dtype, device=where)
        self.matrix = None if matrix is None else torch.as_tensor(matrix, dtype=dtype, device=where)

    def parameter(self, name: str) -> torch.Tensor:
        """The parameter's value or values."""
        return self.values[name]

    def root(self, value: Any) -> Any:
        """Square root."""
        return torch.sqrt(value) if isinstance(value, torch.Tensor) else math.sqrt(value)

    def exponential(self, value: Any) -> Any:
        """Exponential."""
        return torch.exp(value) if isinstance(value, torch.Tensor) else math.exp(value)

    def named(self, value: torch.Tensor) -> torch.Tensor:
        """Already computed once."""
        return value

    def drift(self, position: torch.Tensor) -> torch.Tensor:
        """Minus the gradient."""
        return -self.landscape.gradient_at(position)

    def noise(self, position: torch.Tensor, increment: torch.Tensor) -> torch.Tensor:
        """b @ increment."""
        return self.scale * increment if self.matrix is None else column_product(self.matrix, increment)

    def noise_slope(self, position: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Zero: the noise is constant."""
        return torch.zeros_like(weights)


class CallableStepper:
    """One step of all trajectories by the scheme's own rule."""

    def __init__(
        self,
        landscape: TensorLandscape,
        noise: Noise,
        scheme: Scheme,
        run: Problem,
        where: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.model = TensorDynamics(landscape, noise, run, where, dtype)
        self.scheme = scheme
        self.quantities = run.quantities.names
        self.widths = run.program.widths
        self.noises = run.program.draws // scheme.draws_per_step

    def step(self, state: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """One step."""
        vectors = dict(zip(self.widths, torch.split(state, list(self.widths.values())), strict=True))
        after = self.scheme.after(self.model, vectors, torch.split(draws, self.noises))
        return torch.cat([after[name] for name in self.scheme.state])

    def reached(self, state: torch.Tensor) -> torch.Tensor | None:
        """No first passage."""
        return None

    def undecided(self, state: torch.Tensor) -> torch.Tensor | None:
        """No first passage."""
        return None

    def observe(self, state: torch.Tensor, start: torch.Tensor) -> list[torch.Tensor]:
        """Energy and squared displacement, as recorded."""
        position = state[: self.model.landscape.dimension]
        known = {
            "energy": lambda: self.model.landscape.energy_at(position),
            "squared_displacement": lambda: ((position - start) ** 2).sum(dim=0),
        }
        return [known[name]() for name in self.quantities]
