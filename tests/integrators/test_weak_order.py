"""Weak orders and orders of the stationary bias: fitted slopes within 0.1 of the declared ones, without sampling noise.

On linear equations the second moments of a scheme's own lane program propagate exactly. On the double well and the
quartic its backward recursion u(y) <- sum_i p_i u(step(y, z_i)) runs on a grid with quintic splines, z_i and p_i the
points of the increments (Gauss and Hermite's for the Gaussian). Truths are closed forms, quadratures and the backward
equation; for baoab at a finite time, and nothing else, its own two finest steps extrapolated.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import eigh_tridiagonal, expm
from scipy.sparse import csr_array

from langevin_sgd.integrators.array_functions import NUMPY, array_functions
from langevin_sgd.integrators.generate import lane_program
from langevin_sgd.integrators.schemes import SCHEMES, scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

MU, T = 0.5, 0.5
OU = Expression("k*x**2/2", "x", {"k": 1.0})
DOUBLE_WELL = Expression("(x**2 - 1)**2", "x")
QUARTIC = Expression("x**4/4", "x")
LINEAR = {
    "additive": (OU, IsotropicNoise(T), (1.0,)),
    "diagonal": (Expression("-r*x**2/2", "x", {"r": 0.1}), PositionDependentNoise(("s*x",), {"s": 0.6}), (1.0,)),
    # dx = dV, dy = x dW
    "general": (Expression("0*x + 0*y", ("x", "y")), PositionDependentNoise(("1", "x")), (0.0, 0.0)),
}
CURVED = {"additive": IsotropicNoise(T), "diagonal": PositionDependentNoise(("s*sqrt(1 + x**2)",), {"s": 0.5})}


def points(increments, count, nodes=16):
    """Weights and points (count,) of the increments of a step."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    law = {
        "gaussian": list(zip(w / w.sum(), x, strict=True)),
        "three_point": [(1 / 6, -np.sqrt(3.0)), (2 / 3, 0.0), (1 / 6, np.sqrt(3.0))],
        "two_point": [(0.5, -1.0), (0.5, 1.0)],
    }[increments]
    drawn = itertools.product(law, repeat=count)
    return [(np.prod([p for p, _ in each]), np.array([z for _, z in each])) for each in drawn]


def stepper(name, landscape, noise, h):
    """The lane program of a scheme as a function of (state, increments), and the program."""
    chosen = scheme(name)
    own = {"momentum": MU} if name == "heavy_ball" else {}
    values = {**landscape.parameters, **noise.parameters, **chosen.parameters, **own, "time_step": h}
    if chosen.bind is not None:
        chosen, more = chosen.bind(landscape, noise, values, ())
        values |= more
    program = lane_program(landscape, noise, chosen)
    coefficients = program.function().values(values)
    step = array_functions(program, NUMPY).step
    return lambda y, z: step(y, z, coefficients), program


def slope(hs, errors):
    return np.polyfit(np.log(hs), np.log(np.abs(errors)), 1)[0]


# --- linear equations


def second_moments(name, kind, increments, h, steps):
    """E y y^T of position (and 1) after `steps` steps, by E[M kron M] of the map y <- M(z) y."""
    landscape, noise, start = LINEAR[kind]
    step, program = stepper(name, landscape, noise, h)
    size = len(program.state)
    whole = 0.0
    for weight, z in points(increments, len(program.draws)):
        columns = [np.zeros(size), *np.eye(size)]
        offset, *moved = (np.array(np.broadcast_arrays(*step(list(y), list(z)))) for y in columns)
        m = np.zeros((size + 1, size + 1))
        m[:-1, :-1], m[:-1, -1], m[-1, -1] = np.array(moved).T - offset[:, None], offset, 1.0
        whole = whole + weight * np.kron(m, m)
    first = np.outer(*[np.array([*start, *np.zeros(size - len(start)), 1.0])] * 2)
    if name == "leimkuhler_matthews":
        first[1, 1] = 1.0  # the noise before the first step is drawn
    return (np.linalg.matrix_power(whole, steps) @ first.ravel()).reshape(size + 1, size + 1)


def exact_second_moment(name, kind, time):
    """E of the last coordinate squared in the equation that the scheme converges to."""
    if name == "baoab":  # dx = v dt, dv = -x dt - v dt + sqrt(T) dW from (1, 0)
        a = np.array([[0.0, 1.0], [-1.0, -1.0]])
        s = np.diag([T / 2, T / 2])
        m = expm(a * time)
        return (m @ np.outer([1.0, 0.0], [1.0, 0.0]) @ m.T + s - m @ s @ m.T)[0, 0]
    speed = 1.0 / (1 - MU) if name == "heavy_ball" else 1.0
    if kind == "additive":
        decay = np.exp(-2 * speed * time)
        return decay + T * speed / 2 * (1 - decay)
    if kind == "diagonal":
        return np.exp((0.2 * speed + (0.6 * speed) ** 2) * time)
    return speed**4 * time**2 / 2


ACCEPTED = [(name, kind, i) for name, s in SCHEMES.items() for kind in s.accepts for i in s.increments]


@pytest.mark.parametrize(("name", "kind", "increments"), ACCEPTED)
def test_weak_order_on_linear_equations(name, kind, increments):
    where = len(LINEAR[kind][2]) - 1
    declared, counts = SCHEMES[name].weak_order[kind], np.array([256, 512, 1024, 2048])
    found = [second_moments(name, kind, increments, 1 / n, n)[where, where] for n in counts]
    errors = np.array(found) - exact_second_moment(name, kind, 1.0)
    if declared == np.inf:
        assert np.abs(errors).max() < 1e-12
    else:
        assert slope(1 / counts, errors) == pytest.approx(declared, abs=0.1)


@pytest.mark.parametrize(("name", "increments"), [(n, i) for n, kind, i in ACCEPTED if kind == "additive"])
def test_stationary_bias_on_a_quadratic(name, increments):
    """leimkuhler_matthews, baoab and exact have none."""
    order = SCHEMES[name].sampling_order
    hs = np.array([1 / 8, 1 / 16, 1 / 32, 1 / 64])
    speed = 1.0 / (1 - MU) if name == "heavy_ball" else 1.0
    errors = np.array([second_moments(name, "additive", increments, h, 1 << 14)[0, 0] for h in hs]) - T * speed / 2
    if order.get("linear", order["additive"]) == np.inf:
        assert np.abs(errors).max() < 1e-10
    else:
        assert slope(hs, errors) == pytest.approx(order["additive"], abs=0.1)


# --- equations that are not linear


class Grid:
    """Functions on a product grid, interpolated by quintic splines."""

    def __init__(self, axes):
        self.axes = axes
        self.knots = [make_interp_spline(x, x, k=5).t for x in axes]
        pairs = zip(axes, self.knots, strict=True)
        self.inverse = [np.linalg.inv(BSpline.design_matrix(x, t, 5).toarray()) for x, t in pairs]

    def mesh(self):
        return [m.ravel() for m in np.meshgrid(*self.axes, indexing="ij")]

    def at(self, places):
        """The matrix from spline coefficients to values at `places` (coordinate after coordinate)."""
        columns, entries = np.zeros((places[0].size, 1), int), np.ones((places[0].size, 1))
        for x, t, place in zip(self.axes, self.knots, places, strict=True):
            rows = BSpline.design_matrix(np.clip(place, x[0], x[-1]), t, 5)
            own, share = rows.indices.reshape(-1, 6), rows.data.reshape(-1, 6)
            columns = (columns[:, :, None] * x.size + own[:, None, :]).reshape(len(columns), -1)
            entries = (entries[:, :, None] * share[:, None, :]).reshape(len(entries), -1)
        row = np.repeat(np.arange(len(columns)), columns.shape[1])
        shape = (len(columns), np.prod([x.size for x in self.axes]))
        return csr_array((entries.ravel(), (row, columns.ravel())), shape)

    def coefficients(self, values):
        for axis, inverse in enumerate(self.inverse):
            shaped = values.reshape([x.size for x in self.axes])
            values = np.moveaxis(np.tensordot(inverse, shaped, (1, axis)), 0, axis).ravel()
        return values


def recursion(name, landscape, noise, increments, h):
    """Grid, one step of the backward recursion as a matrix on spline coefficients, and u = x^2 at step 0.

    leimkuhler_matthews is a chain in y = x - b sqrt(h) xi/2, xi the noise last used: with the noise ahead set to zero
    one step from (y + b sqrt(h) xi/2, xi) gives the next y.
    """
    step, program = stepper(name, landscape, noise, h)
    wide = 2.6 if landscape is DOUBLE_WELL else 3.5
    axes = [np.linspace(-wide, wide, 401)]
    if len(program.state) > 1 and name != "leimkuhler_matthews":
        reach = 6 * np.sqrt(T / (h * (1 - MU**2))) if name == "heavy_ball" else 4.0
        axes = [np.linspace(-wide, wide, 91), np.linspace(-reach, reach, 47)]
    grid = Grid(axes)
    mesh = grid.mesh()
    law = points(increments, len(program.draws), 16 if len(axes) == 1 else 8)
    if name == "leimkuhler_matthews":
        shift = np.sqrt(T * h) / 2
        operator = sum(
            p * grid.at(step([mesh[0] + shift * z[0], np.full_like(mesh[0], z[0])], [0.0])[:1]) for p, z in law
        )
        return grid, operator, sum(p * (mesh[0] + shift * z[0]) ** 2 for p, z in law)
    operator = sum(p * grid.at([np.broadcast_to(x, mesh[0].shape) for x in step(mesh, z)]) for p, z in law)
    return grid, operator, mesh[0] ** 2


def expectation(name, noise, increments, h, steps, start):
    """E x^2 after `steps` steps from (start, 0, ...)."""
    grid, operator, value = recursion(name, DOUBLE_WELL, noise, increments, h)
    for _ in range(steps - 1):
        value = operator @ grid.coefficients(value)
    step, program = stepper(name, DOUBLE_WELL, noise, h)
    law = points(increments, len(program.draws))
    rest = [np.zeros(1) for _ in program.state[1:]]
    total = 0.0
    for p, z in law:
        if name == "leimkuhler_matthews":
            ahead = step([np.array([start]), np.array([z[0]])], [0.0])[:1]
        else:
            ahead = step([np.array([start]), *rest], z)
        total += p * float((grid.at([np.broadcast_to(x, 1) for x in ahead]) @ grid.coefficients(value))[0])
    return total


def exponent(kind, y):
    """Integral of 2 f/b^2 in the double well."""
    return -2 * (y**2 - 1) ** 2 / T if kind == "additive" else 32 * np.log(1 + y**2) - 16 * y**2


def amplitude_squared(kind, y):
    return T + 0 * y if kind == "additive" else 0.25 * (1 + y**2)


@cache
def backward_equation(kind, speed, time, start):
    """E x^2 at `time` for dx = speed (f dt + b dW): finite volumes of (exp(phi) u')'/rho, two spacings extrapolated."""
    found = []
    for n in (1100, 2200):
        x = np.linspace(-2.2, 2.2, n + 1)
        middle = (x[1:] + x[:-1]) / 2
        rho = np.exp(exponent(kind, x) / speed) * 2 / (speed**2 * amplitude_squared(kind, x))
        between = np.exp(exponent(kind, middle) / speed) / (x[1] - x[0]) ** 2
        leave = np.concatenate([[0.0], between]) + np.concatenate([between, [0.0]])
        root = np.sqrt(rho)
        k, v = eigh_tridiagonal(-leave / rho, between / (root[1:] * root[:-1]))
        where = round((start + 2.2) / (x[1] - x[0]))
        found.append((v[where] * np.exp(k * time)) @ (v.T @ (root * x**2)) / root[where])
    return (4 * found[1] - found[0]) / 3


# by default each scheme with the coarsest increments and the most general noise that it takes: the others agree with it
# on the linear equations, where all are run
BENT = [(name, kind, i) for name, kind, i in ACCEPTED if kind in CURVED and name != "exact"]
HARDEST = {name: (kind, SCHEMES[name].increments[-1]) for kind in CURVED for name, other, _ in BENT if other == kind}
BENT = [pytest.param(*case, marks=() if case[1:] == HARDEST[case[0]] else pytest.mark.validate) for case in BENT]


def counts_for(name, kind):
    """Numbers of steps; two more for baoab, whose truth they are."""
    if SCHEMES[name].weak_order[kind] == 1.0:
        return np.array([256, 512, 1024])
    return np.array([32, 64, 128, 256, 512] if name == "baoab" else [32, 64, 128])


def weak_errors(name, kind, increments, counts):
    """Errors of E x^2 at time 1/2 from 0.2 for numbers of steps."""
    found = [expectation(name, CURVED[kind], increments, 0.5 / n, n, 0.2) for n in counts]
    if name == "baoab":
        return np.array(found[:-2]) - (4 * found[-1] - found[-2]) / 3
    speed = 1.0 / (1 - MU) if name == "heavy_ball" else 1.0
    return np.array(found) - backward_equation(kind, speed, 0.5, 0.2)


@pytest.mark.parametrize(("name", "kind", "increments"), BENT)
def test_weak_order_in_the_double_well(name, kind, increments):
    """Step x curvature (8) from 1/8 for the second order and from 1/64 for the first: there the next order is small."""
    counts = counts_for(name, kind)
    errors = weak_errors(name, kind, increments, counts)
    assert slope(1 / counts[: len(errors)], errors) == pytest.approx(SCHEMES[name].weak_order[kind], abs=0.1)


def stationary_mean(name, landscape, noise, increments, h):
    """<x^2> of the scheme, by running its backward recursion until it is constant."""
    grid, operator, value = recursion(name, landscape, noise, increments, h)
    middle, steps = value.size // 2, max(1, round(1 / h))
    whole = None
    if len(grid.axes) == 1 and steps > 200:  # a unit of time as one matrix: ten products and not a thousand steps
        whole, steps = np.linalg.matrix_power(operator @ grid.inverse[0], steps), 1
    for _ in range(100):
        for _ in range(steps):
            value = operator @ grid.coefficients(value) if whole is None else whole @ value
        near = np.abs(grid.mesh()[0]) < 0.5
        if (
            np.ptp(value[near & (np.abs(grid.mesh()[-1]) < 0.5 * np.abs(grid.axes[-1][-1]))])
            < 1e-5 * h ** SCHEMES[name].sampling_order["additive"]
        ):
            return float(value[middle])
    raise AssertionError("the recursion is not constant yet")


def stationary_errors(name, kind, increments, hs):
    landscape, noise = (QUARTIC, IsotropicNoise(T)) if kind == "additive" else (DOUBLE_WELL, CURVED[kind])
    speed = 1.0 / (1 - MU) if name == "heavy_ball" else 1.0
    x = np.linspace(-6, 6, 40001)
    phi = -(x**4) / (2 * T * speed) if kind == "additive" else exponent(kind, x) / speed
    density = np.exp(phi - phi.max()) / amplitude_squared(kind, x)
    exact = (density * x**2).sum() / density.sum()
    return np.array([stationary_mean(name, landscape, noise, increments, h) for h in hs]) - exact


@pytest.mark.parametrize(("name", "kind", "increments"), BENT)
def test_order_of_the_stationary_bias(name, kind, increments):
    """On a quartic, and for noise that depends on the position on the double well, against quadrature."""
    hs = STEPS[kind, SCHEMES[name].sampling_order[kind]]
    errors = stationary_errors(name, kind, increments, hs)
    assert slope(hs, errors) == pytest.approx(SCHEMES[name].sampling_order[kind], abs=0.1)


# curvature 3 <x^2> = 1 on the quartic and 8 on the double well: the next order is small, and the bias of second order
# still large beside the grid's error
STEPS = {
    ("additive", 1.0): np.array([0.0025, 0.005, 0.01]),
    ("additive", 2.0): np.array([0.02, 0.03, 0.04]),
    ("diagonal", 1.0): np.array([1 / 1024, 1 / 512, 1 / 256]),
}


def test_every_scheme_declares_its_orders_for_every_kind_of_noise():
    for _, declared in SCHEMES.items():
        assert set(declared.weak_order) == set(declared.accepts)
        assert set(declared.sampling_order) - {"linear"} == set(declared.accepts)
