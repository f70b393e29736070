"""Strong orders: fitted slopes within 0.1 of the declared ones, over Brownian paths that all step sizes share.

The schemes' lane programs run in numpy float64; that every backend runs the same programs is tested in
test_integrate.py. Steps are those at which the next order is small beside the first: step x curvature below 1/32. The
standard error of each slope comes from ten groups of paths and is asserted to be below 0.03.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from langevin_sgd.integrators.array_functions import NUMPY, array_functions
from langevin_sgd.integrators.generate import lane_program, structure
from langevin_sgd.integrators.schemes import SCHEMES, scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

GROUPS = 10
MU = 0.5


@dataclass(frozen=True)
class Problem:
    """An equation, when it ends, where it starts and the numbers of steps over which the slope is fitted."""

    landscape: Expression
    noise: object
    time: float
    start: tuple[float, ...]
    coarse: tuple[int, ...]


GEOMETRIC = PositionDependentNoise(("s*x",), {"s": 0.3})
PROBLEMS = {
    "linear": Problem(Expression("k*x**2/2", "x", {"k": 1.0}), IsotropicNoise(0.5), 1.0, (1.0,), (32, 64, 128, 256)),
    # curvature 8 at the minima; steps below 1/256
    "additive": Problem(Expression("(x**2 - 1)**2", "x"), IsotropicNoise(1.0), 0.25, (0.2,), (64, 128, 256, 512)),
    "diagonal": Problem(Expression("-r*x**2/2", "x", {"r": 0.1}), GEOMETRIC, 1.0, (1.0,), (32, 64, 128, 256)),
    # dx = dV, dy = x dW: all of the error is in the area between the two paths, which no increments determine
    "general": Problem(
        Expression("0*x + 0*y", ("x", "y")), PositionDependentNoise(("1", "x")), 1.0, (0.0, 0.0), (32, 64, 128, 256)
    ),
}
FINE = {"linear": 8192, "additive": 8192, "diagonal": 2048, "general": 8192}


class Paths:
    """Brownian paths on a fine grid: increments and time integrals over any coarser step."""

    def __init__(self, dimension: int, paths: int, fine: int, time: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.h = time / fine
        xi, zeta = rng.standard_normal((2, fine, dimension, paths))
        zero = np.zeros((1, dimension, paths))
        self.w = np.concatenate([zero, np.cumsum(np.sqrt(self.h) * xi, axis=0)])
        own = self.h**1.5 * (xi + zeta / np.sqrt(3)) / 2
        # integral of W - W(0) from the start of the whole path
        self.integral = np.concatenate([zero, np.cumsum(own + self.h * self.w[:-1], axis=0)])

    def draws(self, steps: int, count: int) -> np.ndarray:
        """Increments (steps, count x dimension, paths) for `steps` equal steps: xi, and zeta of a scheme with two."""
        every = (len(self.w) - 1) // steps
        h = self.h * every
        w, integral = self.w[::every], self.integral[::every]
        xi = np.diff(w, axis=0) / np.sqrt(h)
        over_step = np.diff(integral, axis=0) - h * w[:-1]
        zeta = np.sqrt(3) * (2 * over_step / h**1.5 - xi)
        return np.concatenate([xi, zeta][:count], axis=1)


@cache
def paths(kind):
    problem = PROBLEMS[kind]
    many = 4000 if kind == "diagonal" else 1000
    return Paths(len(problem.start), many, FINE[kind], problem.time, seed=4)


def final(name, landscape, noise, draws, time, start, **own):
    """Position (d, paths) at the end of a numpy run of the lane program, from rest."""
    chosen = scheme(name)
    values = {**landscape.parameters, **noise.parameters, **chosen.parameters, **own, "time_step": time / len(draws)}
    if chosen.bind is not None:
        chosen, more = chosen.bind(landscape, noise, values, ())
        values |= more
    program = lane_program(landscape, noise, chosen)
    step = array_functions(program, NUMPY).step
    coefficients = program.function().values(values)
    y = [np.full(draws.shape[2], x) for x in start]
    y += [np.zeros(draws.shape[2]) for _ in program.state[len(start) :]]
    for z in draws:
        y = step(y, z, coefficients)
    return np.array([np.broadcast_to(x, draws.shape[2]) for x in y[: len(start)]])


@cache
def solution(name, kind):
    """What the scheme converges to: closed, or on the finest grid by sra1 (baoab: itself)."""
    problem, path = PROBLEMS[kind], paths(kind)
    slower = 1.0 / (1 - MU) if name == "heavy_ball" else 1.0  # its limit at fixed momentum: dw = (f dt + b dW)/(1 - mu)
    if kind == "diagonal":
        r, s = 0.1 * slower, 0.3 * slower
        return problem.start[0] * np.exp((r - s**2 / 2) * problem.time + s * path.w[-1])
    if kind == "general":
        x = path.w[:-1, 0] * slower
        return np.array([path.w[-1, 0] * slower, (x * np.diff(path.w[:, 1], axis=0)).sum(axis=0) * slower])
    finest = path.draws(FINE[kind], 2)
    if name == "baoab":
        return final("baoab", problem.landscape, problem.noise, finest[:, :1], problem.time, problem.start)
    faster = Expression(f"{slower}*({problem.landscape.formula})", "x", problem.landscape.parameters)
    hotter = IsotropicNoise(problem.noise.temperature * slower**2)
    return final("sra1", faster, hotter, finest, problem.time, problem.start)


def fitted_slope(name, kind):
    """Slope of the root mean square error at the end over the step, and its standard error."""
    problem, declared = PROBLEMS[kind], SCHEMES[name]
    own = {"momentum": MU} if name == "heavy_ball" else {}
    squares = []
    for n in problem.coarse:
        draws = paths(kind).draws(n, declared.draws_per_step)
        end = final(name, problem.landscape, problem.noise, draws, problem.time, problem.start, **own)
        squares.append(((end - solution(name, kind)) ** 2).sum(axis=0))
    logarithm = np.log(problem.time / np.array(problem.coarse))

    def fit(mean_squares):
        return np.polyfit(logarithm, np.log(mean_squares) / 2, 1)[0]

    grouped = np.reshape(squares, (len(squares), GROUPS, -1)).mean(axis=2)
    slopes = [fit(np.delete(grouped, g, axis=1).mean(axis=1)) for g in range(GROUPS)]
    return fit(grouped.mean(axis=1)), np.std(slopes) * np.sqrt(GROUPS - 1)  # jackknife


CASES = [
    (name, kind)
    for name, declared in SCHEMES.items()
    for kind in PROBLEMS
    if (kind in declared.accepts or kind == "linear") and (name, kind) != ("exact", "additive")
]


@pytest.mark.covering
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_strong_order(name, kind):
    problem, declared = PROBLEMS[kind], SCHEMES[name].strong_order
    assert kind in (structure(problem.landscape, problem.noise), "linear")
    slope, error = fitted_slope(name, kind)
    assert error < 0.03
    assert slope == pytest.approx(declared.get(kind, declared["additive"]), abs=0.1)


def test_ito_and_stratonovich_are_two_readings_of_one_formula():
    """Milstein on the Stratonovich reading follows Heun's scheme, and not on the Ito reading."""
    draws = Paths(1, 500, 4096, 1.0, seed=5).draws(4096, 1)
    landscape, amplitude = PROBLEMS["additive"].landscape, (("s*sqrt(1 + x**2)",), {"s": 0.5})
    ito, other = (PositionDependentNoise(*amplitude, reading) for reading in ("ito", "stratonovich"))
    heun, milstein, wrong = (
        final(name, landscape, noise, draws, 1.0, (0.5,))
        for name, noise in (("stratonovich_heun", other), ("milstein", other), ("milstein", ito))
    )
    assert np.abs(heun - milstein).mean() < 0.02 * np.abs(heun - wrong).mean()
