"""Schemes keep what they declare: strong and weak orders by fitted slope, stationary bias against quadrature.

The slopes are taken on the lane programs run in numpy float64, over Brownian paths that all step sizes share; that
every backend runs the same programs is tested in test_integrate.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from langevin_sgd.integrators.array_functions import NUMPY, array_functions
from langevin_sgd.integrators.generate import lane_program, structure
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SCHEMES, SchemeError, scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
GROWTH = Expression("-r*x**2/2", ("x",), {"r": 0.1})
DOUBLE_WELL = Expression("(x**2 - 1)**2", ("x",))
QUARTIC = Expression("x**4/4", ("x",))
GEOMETRIC = PositionDependentNoise(("s*x",), {"s": 0.6})
BOUNDED = PositionDependentNoise(("s*sqrt(1 + x**2)",), {"s": 0.5})


class Paths:
    """Brownian paths on a fine grid: increments and time integrals over any coarser step."""

    def __init__(self, paths: int, fine: int, time: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.h = time / fine
        xi, zeta = rng.standard_normal((2, fine, paths))
        self.w = np.vstack([np.zeros(paths), np.cumsum(np.sqrt(self.h) * xi, axis=0)])
        own = self.h**1.5 * (xi + zeta / np.sqrt(3)) / 2
        # integral of W - W(0) from the start of the whole path
        self.integral = np.vstack([np.zeros(paths), np.cumsum(own + self.h * self.w[:-1], axis=0)])

    def draws(self, steps: int, count: int) -> np.ndarray:
        """Increments (steps, count, paths) for `steps` equal steps: xi, and zeta of a scheme with two draws."""
        every = (len(self.w) - 1) // steps
        h = self.h * every
        w, integral = self.w[::every], self.integral[::every]
        xi = np.diff(w, axis=0) / np.sqrt(h)
        over_step = np.diff(integral, axis=0) - h * w[:-1]
        zeta = np.sqrt(3) * (2 * over_step / h**1.5 - xi)
        return np.stack([xi, zeta][:count], axis=1)


def final(name, landscape, noise, draws, time, start, **own):
    """Position at the end of a numpy run of the lane program."""
    chosen = scheme(name)
    program = lane_program(landscape, noise, chosen)
    step = array_functions(program, NUMPY).step
    values = {**landscape.parameters, **noise.parameters, **chosen.parameters, **own, "time_step": time / len(draws)}
    coefficients = program.coefficient_values(values)
    y = [np.full(draws.shape[2], start), *(np.zeros(draws.shape[2]) for _ in program.state[1:])]
    for z in draws:
        y = step(y, z, coefficients)
    return y[0]


def slope(hs, errors):
    return np.polyfit(np.log(hs), np.log(errors), 1)[0]


STRONG = [
    (name, landscape, noise, start)
    for name in ("euler_maruyama", "milstein", "sra1", "stratonovich_heun", "sri2")
    for landscape, noise, start in ((OU, IsotropicNoise(0.5), 1.0), (DOUBLE_WELL, IsotropicNoise(1.0), 0.2),
                                    (GROWTH, GEOMETRIC, 1.0))
    if structure(landscape, noise) in SCHEMES[name].strong_order
]  # fmt: skip


@pytest.mark.parametrize(("name", "landscape", "noise", "start"), STRONG)
def test_strong_order(name, landscape, noise, start):
    """The fitted slope is the declared order within 0.1.

    The term of order 1.5 of sra1 is proportional to f'': on a linear equation its order is 2, and on the double well it
    is seen once the steps are small.
    """
    time = 1.0
    coarse, fine, runs = ((256, 512, 1024), 16384, 1000) if name == "sra1" else ((16, 32, 64, 128), 2048, 2000)
    paths = Paths(runs, fine, time, seed=4)
    count = SCHEMES[name].draws_per_step
    if noise is GEOMETRIC:
        s, r = 0.6, 0.1
        truth = start * np.exp((r - s**2 / 2) * time + s * paths.w[-1])
    else:
        truth = final("sra1", landscape, noise, paths.draws(fine, 2), time, start)
    ends = [final(name, landscape, noise, paths.draws(n, count), time, start) for n in coarse]
    errors = [np.sqrt(np.mean((end - truth) ** 2)) for end in ends]
    declared = SCHEMES[name].strong_order[structure(landscape, noise)]
    expected = 2.0 if name == "sra1" and landscape is OU else declared
    assert slope([time / n for n in coarse], errors) == pytest.approx(expected, abs=0.1)


def strong_errors(name, landscape, noise, truth, paths, start, coarse=(16, 32, 64, 128), **own):
    """Root mean square of the error at time 1 for four step sizes, and these steps."""
    ends = [final(name, landscape, noise, paths.draws(n, 1), 1.0, start, **own) for n in coarse]
    return [1.0 / n for n in coarse], [np.sqrt(np.mean((end - truth) ** 2)) for end in ends]


@pytest.mark.parametrize(("landscape", "start"), [(OU, 1.0), (DOUBLE_WELL, 0.2)])
def test_strong_order_of_leimkuhler_matthews(landscape, start):
    """Half of the last increment is still to come: order 1/2 in the path, whatever the averages gain.

    On the double well the term of order 1 is seen beside it until the steps are small.
    """
    paths, noise, coarse = Paths(1000, 8192, 1.0, seed=4), IsotropicNoise(0.5), (256, 512, 1024, 2048)
    truth = final("sra1", landscape, noise, paths.draws(8192, 2), 1.0, start)
    hs, errors = strong_errors("leimkuhler_matthews", landscape, noise, truth, paths, start, coarse)
    assert slope(hs, errors) == pytest.approx(SCHEMES["leimkuhler_matthews"].strong_order["additive"], abs=0.1)


@pytest.mark.parametrize(("landscape", "start"), [(OU, 1.0), (DOUBLE_WELL, 0.2)])
def test_strong_order_of_baoab_against_the_underdamped_equation(landscape, start):
    """The path of dw = v dt, dv = f dt - gamma v dt + sqrt(gamma) b dW, from rest, itself on a grid 64 times finer."""
    paths, noise = Paths(2000, 8192, 1.0, seed=4), IsotropicNoise(0.5)
    truth = final("baoab", landscape, noise, paths.draws(8192, 1), 1.0, start)
    hs, errors = strong_errors("baoab", landscape, noise, truth, paths, start)
    assert slope(hs, errors) == pytest.approx(SCHEMES["baoab"].strong_order["additive"], abs=0.1)


@pytest.mark.parametrize(
    ("landscape", "noise", "start"), [(DOUBLE_WELL, IsotropicNoise(0.1), 0.2), (GROWTH, GEOMETRIC, 1.0)]
)
def test_strong_order_of_the_heavy_ball_against_its_overdamped_limit(landscape, noise, start):
    """dw = (f dt + b dW)/(1 - mu) at fixed mu: the momentum still holds a part of the last increments, order 1/2."""
    paths, mu = Paths(2000, 2048, 1.0, seed=4), 0.5
    if noise is GEOMETRIC:
        r, s = 0.1 / (1 - mu), 0.6 / (1 - mu)
        truth = start * np.exp((r - s**2 / 2) + s * paths.w[-1])
    else:
        faster = Expression("2*(x**2 - 1)**2", ("x",))
        truth = final("sra1", faster, IsotropicNoise(0.1 / (1 - mu) ** 2), paths.draws(2048, 2), 1.0, start)
    hs, errors = strong_errors("heavy_ball", landscape, noise, truth, paths, start, momentum=mu)
    declared = SCHEMES["heavy_ball"].strong_order[structure(landscape, noise)]
    assert slope(hs, errors) == pytest.approx(declared, abs=0.1)


def test_every_strong_order_is_tested():
    own = {"leimkuhler_matthews", "baoab", "heavy_ball"}
    assert own | {name for name, *_ in STRONG} == set(SCHEMES)


def test_ito_and_stratonovich_are_two_readings_of_one_formula():
    """Milstein on the Stratonovich reading follows Heun's scheme, and not on the Ito reading."""
    paths = Paths(500, 4096, 1.0, seed=5).draws(4096, 1)
    other = PositionDependentNoise(BOUNDED.amplitudes, BOUNDED.parameters, "stratonovich")
    heun, milstein, ito = (
        final(name, DOUBLE_WELL, noise, paths, 1.0, 0.5)
        for name, noise in (("stratonovich_heun", other), ("milstein", other), ("milstein", BOUNDED))
    )
    assert np.abs(heun - milstein).mean() < 0.02 * np.abs(heun - ito).mean()


def exact_moments(landscape, temperature, grid):
    e = landscape.energy_at(grid[None])
    p = np.exp(-2 * (e - e.min()) / temperature)
    return np.array([(grid**2 * p).sum(), (e * p).sum()]) / p.sum()


def stationary_bias(name, h, temperature, *, trajectories, samples, every):
    """Bias of <x^2> over quadrature on the quartic, and its standard error."""
    burn = int(20 / h)
    record = Record(steps=range(burn, burn + samples * every, every), formulas={"square": "x**2"}, means=("square",))
    noise = IsotropicNoise(temperature)
    data = integrate(
        QUARTIC, noise, scheme=name, time_step=h, steps=burn + samples * every, trajectories=trajectories, seed=11,
        record=record, start=[0.5],
    ).data  # fmt: skip
    exact = exact_moments(QUARTIC, temperature, np.linspace(-5, 5, 20001))[0]
    each = data.square_mean.values - exact
    return each.mean(), each.std(ddof=1) / np.sqrt(samples)


def test_second_order_sampling_is_closer_than_first_order():
    """At a step of 0.2 the first-order bias is more than twice the second-order one, by 5 standard errors."""
    first, e1 = stationary_bias("euler_maruyama", 0.2, 1.0, trajectories=20_000, samples=40, every=15)
    second, e2 = stationary_bias("leimkuhler_matthews", 0.2, 1.0, trajectories=20_000, samples=40, every=15)
    assert abs(first) > 2 * abs(second) + 5 * np.hypot(e1, e2)


@pytest.mark.validate
@pytest.mark.parametrize(
    ("name", "hs", "trajectories", "samples"),
    [
        ("euler_maruyama", (0.025, 0.05, 0.1), 200_000, 400),
        ("baoab", (0.2, 0.3, 0.4), 1_000_000, 1000),
    ],
)
def test_order_of_the_stationary_bias(name, hs, trajectories, samples):
    """The slope of the bias over the step, within 0.2: the next order shows at the largest steps."""
    every = [max(1, int(2 / h)) for h in hs]
    found = [
        stationary_bias(name, h, 1.0, trajectories=trajectories, samples=samples, every=n)
        for h, n in zip(hs, every, strict=True)
    ]
    biases, errors = np.abs([b for b, _ in found]), np.array([e for _, e in found])
    assert np.all(biases > 10 * errors)
    assert slope(hs, biases) == pytest.approx(SCHEMES[name].sampling_order, abs=0.2)


def expectation(h, time, nodes, weights):
    """E x^2 at `time` in the double well from 0.2, by the backward recursion of the lane program on a grid."""
    noise = IsotropicNoise(0.5)
    program = lane_program(DOUBLE_WELL, noise, scheme("euler_maruyama"))
    step = array_functions(program, NUMPY).step
    coefficients = program.coefficient_values({**noise.parameters, "time_step": h})
    grid = np.linspace(-3, 3, 1201)
    ahead = [np.clip(step([grid], [z], coefficients)[0], -3, 3) for z in nodes]
    value = grid**2
    for _ in range(round(time / h)):
        spline = CubicSpline(grid, value)
        value = sum(w * spline(x) for w, x in zip(weights, ahead, strict=True))
    return float(CubicSpline(grid, value)(0.2))


def stationary_mean(name, h, temperature):
    """<x^2> of the scheme on the quartic, by running its backward recursion until it is constant.

    leimkuhler_matthews is a chain in y = x - b sqrt(h) xi/2, xi the noise last used: with the noise ahead set to zero
    one step from (y + b sqrt(h) xi/2, xi) gives the next y.
    """
    noise = IsotropicNoise(temperature)
    program = lane_program(QUARTIC, noise, scheme(name))
    step = array_functions(program, NUMPY).step
    coefficients = program.coefficient_values({**noise.parameters, "time_step": h})
    xi, weights = np.polynomial.hermite_e.hermegauss(16)
    weights = weights / weights.sum()
    grid = np.linspace(-3.5, 3.5, 701)
    if name == "leimkuhler_matthews":
        at = [grid + np.sqrt(temperature * h) * z / 2 for z in xi]
        ahead = [step([x, np.full_like(x, z)], [0.0], coefficients)[0] for x, z in zip(at, xi, strict=True)]
        value = sum(w * x**2 for w, x in zip(weights, at, strict=True))
    else:
        ahead = [step([grid], [z], coefficients)[0] for z in xi]
        value = grid**2
    ahead = [np.clip(x, -3.5, 3.5) for x in ahead]
    for _ in range(round(14 / h)):
        spline = CubicSpline(grid, value)
        value = sum(w * spline(x) for w, x in zip(weights, ahead, strict=True))
    assert np.ptp(value[300:401]) < 1e-5
    return float(value[350])


@pytest.mark.parametrize("name", ["euler_maruyama", "leimkuhler_matthews"])
def test_order_of_the_stationary_bias_by_quadrature(name):
    exact = exact_moments(QUARTIC, 1.0, np.linspace(-5, 5, 20001))[0]
    hs = (0.04, 0.06, 0.08)
    biases = [abs(stationary_mean(name, h, 1.0) - exact) for h in hs]
    assert slope(hs, biases) == pytest.approx(SCHEMES[name].sampling_order, abs=0.1)


def test_weak_order_of_every_kind_of_increment():
    """Slope 1 within 0.1 for the bias of E x^2 at time 1, deterministic up to the grid."""
    x, w = np.polynomial.hermite_e.hermegauss(24)
    laws = {
        "gaussian": (x, w / w.sum()),
        "three_point": (np.sqrt([3.0, 0.0, 3.0]) * [-1, 1, 1], [1 / 6, 2 / 3, 1 / 6]),
        "two_point": ([-1.0, 1.0], [0.5, 0.5]),
    }
    truth = 2 * expectation(1 / 1024, 1.0, *laws["three_point"]) - expectation(1 / 512, 1.0, *laws["three_point"])
    hs = (1 / 32, 1 / 64, 1 / 128)
    for law in laws.values():
        biases = [abs(expectation(h, 1.0, *law) - truth) for h in hs]
        assert slope(hs, biases) == pytest.approx(1.0, abs=0.1)


@pytest.mark.validate
def test_escape_times_by_kind_of_increment():
    """Mean first passage on (x^2 - 1)^2, barrier/theta 4, step 0.01: three-point within 2%, two-point off."""
    n, h, temperature = 40_000, 0.01, 0.5
    means = {}
    for kind in ("gaussian", "three_point", "two_point"):
        run = integrate(
            DOUBLE_WELL, IsotropicNoise(temperature), time_step=h, steps=100_000, trajectories=n, seed=3,
            start=[-1.0], increments=kind, record=Record(first_passage="x > 0.9"), force=True,
        )  # fmt: skip
        times = run.data.escape_time.values
        assert np.isfinite(times).mean() > 0.999
        means[kind] = np.nanmean(times)
    assert means["three_point"] == pytest.approx(means["gaussian"], rel=0.02)
    assert means["two_point"] > 1.04 * means["gaussian"]


def test_declarations_are_complete():
    for name, declared in SCHEMES.items():
        assert declared.name == name
        assert declared.source
        assert "gaussian" in declared.increments
        assert declared.state[0] == "position"
        if declared.sampling_order > 1:
            assert "two_point" not in declared.increments
    with pytest.raises(SchemeError, match="known schemes"):
        scheme("qqq")
