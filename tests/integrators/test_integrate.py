"""The public call: laws, bits, backends, records and errors."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SchemeError
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.landscapes.formula import FormulaError
from langevin_sgd.noise import (
    DiagonalNoise,
    FullNoise,
    IsotropicNoise,
    LowRankNoise,
    PositionDependentNoise,
)
from langevin_sgd.random_numbers.streams import Stream, normals

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
DOUBLE_WELL = Expression("a*(x**2 - 1)**2 + b*x", ("x",), {"a": 1.0, "b": 0.1})
PLANE = Expression("(x**2 - 1)**2 + y**2/2 + c*sin(x*y)", ("x", "y"), {"c": 0.1})
WARM = IsotropicNoise(0.25)
UNEVEN = PositionDependentNoise(("s*sqrt(1 + x**2)", "s*(1 + y**2/10)"), {"s": 0.3})


def positions(result):
    return result.state.vectors["position"]


# --- laws


def test_ornstein_uhlenbeck_has_the_variance_of_the_discrete_map():
    n, steps, h = 40_000, 300, 0.05
    k = np.array([[2.0, 0.5], [0.5, 1.0]])
    c = np.array([[1.0, -0.3], [-0.3, 0.2]])
    run = integrate(quadratic(k), FullNoise(c, scale=0.3), time_step=h, steps=steps, trajectories=n, seed=1)
    s = np.zeros((2, 2))
    m = np.eye(2) - h * k
    for _ in range(steps):
        s = m @ s @ m + h * 0.3 * c
    x = positions(run)
    # entries of a sample covariance: standard error sqrt((S_ij^2 + S_ii S_jj)/n); 4 of them
    error = np.sqrt((s**2 + np.outer(np.diag(s), np.diag(s))) / n)
    assert np.all(np.abs(np.cov(x) - s) < 4 * error)
    assert np.all(np.abs(x.mean(axis=1)) < 4 * np.sqrt(np.diag(s) / n))


def test_a_temperature_wrong_by_three_per_cent_is_seen():
    n, steps, h = 40_000, 300, 0.05
    planted = integrate(OU, IsotropicNoise(0.25 * 1.03), time_step=h, steps=steps, trajectories=n, seed=1)
    s = 0.25 * h * (1 - (1 - h) ** (2 * steps)) / (1 - (1 - h) ** 2)
    assert abs(positions(planted).var() - s) > 3 * s * np.sqrt(2 / n)


def test_heavy_ball_has_the_exact_covariance_of_the_map():
    """eta c/(k (1-mu) (2 - eta k/(1+mu))) with noise T = eta c, Liu, Ziyin and Ueda (2021)."""
    n, eta, mu, k, c = 40_000, 0.1, 0.9, 1.5, 0.7
    run = integrate(
        OU,
        IsotropicNoise("eta*c", {"eta": eta, "c": c}),
        scheme="heavy_ball",
        time_step=eta,
        steps=400,
        trajectories=n,
        seed=3,
        parameters={"k": k, "momentum": mu},
    )
    s = eta * c / (k * (1 - mu) * (2 - eta * k / (1 + mu)))
    assert abs(positions(run).var() - s) < 4 * s * np.sqrt(2 / n)


@pytest.mark.covering
@pytest.mark.parametrize(("backend", "rounding"), [("batched", 1e-13), ("fused", 2e-6)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_time_step_of_eta_is_sgd_with_gaussian_noise_step_by_step(backend, rounding, momentum):
    """Minibatch SGD typed in by hand: gradient H w + C^(1/2) xi/sqrt(B), replayed from `random_numbers.normals`.

    The fused backend's normals are those numbers rounded to float32.
    """
    eta, batch, steps, replicas = 0.1, 16, 40, 5
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 4, 4)) / 2
    hessian, c = a @ a.T, b @ b.T
    run = integrate(
        quadratic(hessian), FullNoise(c, "eta/B", {"eta": eta, "B": batch}),
        scheme="heavy_ball" if momentum else "euler_maruyama", time_step=eta, steps=steps, trajectories=replicas,
        seed=5, start=[1.0, -1.0, 0.5, 2.0], backend=backend, device="cpu",
        parameters={"momentum": momentum} if momentum else {},
    )  # fmt: skip
    drawn = normals(5, trajectories=range(replicas), steps=range(steps), components=4, stream=Stream.LANGEVIN_NOISE)
    values, vectors = np.linalg.eigh(c)
    root = (vectors * np.sqrt(values)) @ vectors.T
    w, m = np.tile([1.0, -1.0, 0.5, 2.0], (replicas, 1)), np.zeros((replicas, 4))
    for xi in drawn:
        # a noise of either sign is the same SGD; the integrator adds b dW to the position
        gradient = w @ hessian - xi @ root / np.sqrt(batch)
        m = momentum * m + gradient
        w = w - eta * m
    assert np.allclose(positions(run).T, w, rtol=0, atol=rounding)


def test_leimkuhler_matthews_is_exact_on_a_quadratic_and_euler_maruyama_is_not():
    n, h, k, t = 100_000, 0.5, 1.0, 0.25
    kwargs = dict(time_step=h, steps=60, trajectories=n, seed=9, parameters={"k": k})
    exact, first = (
        positions(integrate(OU, WARM, scheme=scheme, **kwargs)).var()
        for scheme in ("leimkuhler_matthews", "euler_maruyama")
    )
    s = t / (2 * k)
    assert abs(exact - s) < 4 * s * np.sqrt(2 / n)
    assert abs(first - s / (1 - h * k / 2)) < 4 * s * np.sqrt(2 / n)


# --- bits


RECORD = Record(
    steps=(0, 5, 17, 40),
    each=("x", "energy"),
    means=("squared_displacement",),
    histograms={"x": (-2.0, 2.0, 10)},
    basins={"left": "x < 0 and x > -1", "right": "not x < 0"},
    first_passage="x > 0.3",
)


@pytest.mark.parametrize("increments", ["gaussian", "three_point"])
def test_bits_depend_on_seed_number_and_step_alone(increments):
    kwargs = dict(time_step=0.01, steps=130, seed=(1 << 40) + 3, increments=increments)
    whole = integrate(DOUBLE_WELL, WARM, trajectories=1200, threads=1, **kwargs)
    x = positions(whole)
    assert np.array_equal(x, positions(integrate(DOUBLE_WELL, WARM, trajectories=1200, threads=2, **kwargs)))
    assert np.array_equal(x[:, :700], positions(integrate(DOUBLE_WELL, WARM, trajectories=700, threads=2, **kwargs)))
    # stop at any step, go on, and let only some of them go on
    state = None
    for steps in (1, 2, 4, 60, 63):
        state = integrate(DOUBLE_WELL, WARM, trajectories=1200, state=state, **{**kwargs, "steps": steps}).state
        state = State.from_arrays(state.arrays())
    assert state.step == 130
    assert np.array_equal(x, state.vectors["position"])
    half = integrate(DOUBLE_WELL, WARM, trajectories=1200, **{**kwargs, "steps": 65}).state
    few = np.array([3, 511, 512, 1199])
    alone = integrate(DOUBLE_WELL, WARM, trajectories=4, state=half.subset(few), **{**kwargs, "steps": 65})
    assert np.array_equal(x[:, few], positions(alone))


def test_a_parameter_per_trajectory_gives_the_bits_of_a_shared_one():
    kwargs = dict(time_step=0.01, steps=50, seed=3)
    each = integrate(
        DOUBLE_WELL, WARM, trajectories=600, parameters={"b": np.full(600, 0.2), "a": np.ones(600)}, **kwargs
    )
    shared = integrate(DOUBLE_WELL, WARM, trajectories=600, parameters={"b": 0.2, "a": 1.0}, **kwargs)
    assert np.array_equal(positions(each), positions(shared))


def test_a_scan_point_keeps_its_bits_when_replicas_and_points_are_added():
    kwargs = dict(time_step=0.01, steps=20, seed=3, record=Record(steps=(20,), each=("x",)))
    small = integrate(DOUBLE_WELL, WARM, trajectories=3, scan={"b": [0.0, 0.2]}, **kwargs).data.x
    large = integrate(DOUBLE_WELL, WARM, trajectories=7, scan={"b": [0.0, 0.2, 0.3]}, **kwargs).data.x
    assert large.dims == ("b", "replica", "time")
    assert np.array_equal(small, large[:2, :3])
    assert len(np.unique(large)) == large.size


# --- backends


@pytest.mark.parametrize(
    ("scheme", "landscape", "noise", "increments"),
    [
        pytest.param("euler_maruyama", PLANE, UNEVEN, "gaussian", marks=pytest.mark.validate),  # as in milstein's
        ("euler_maruyama", PLANE, DiagonalNoise((0.1, 0.3)), "three_point"),
        ("euler_maruyama", DOUBLE_WELL, WARM, "two_point"),
        ("heavy_ball", DOUBLE_WELL, WARM, "gaussian"),
        ("milstein", PLANE, UNEVEN, "gaussian"),
        ("sra1", DOUBLE_WELL, WARM, "gaussian"),
        ("leimkuhler_matthews", PLANE, LowRankNoise([[0.2], [0.1]]), "three_point"),
        ("baoab", DOUBLE_WELL, WARM, "gaussian"),
        ("stratonovich_heun", PLANE, UNEVEN, "gaussian"),
        ("sri2", PLANE, UNEVEN, "gaussian"),
    ],
)
def test_backends_agree(scheme, landscape, noise, increments):
    kwargs = dict(
        time_step=0.02,
        steps=40,
        trajectories=20,
        seed=7,
        scheme=scheme,
        increments=increments,
        start=[0.1] * landscape.dimension,
        record=RECORD,
        parameters={"momentum": 0.5} if scheme == "heavy_ball" else {},
        scan={"c": [0.1, 0.2]} if landscape is PLANE else None,
        force=increments == "two_point",
    )
    fused = integrate(landscape, noise, **kwargs)
    batched = integrate(landscape, noise, backend="batched", device="cpu", **kwargs)
    for name in fused.data:
        # the fused backend's normals are float32, torch's are float64
        np.testing.assert_allclose(fused.data[name], batched.data[name], rtol=0, atol=2e-6, err_msg=str(name))
    if scheme in ("euler_maruyama", "stratonovich_heun", "sri2"):
        reference = integrate(landscape, noise, backend="reference", **kwargs)
        for name in fused.data:
            np.testing.assert_allclose(fused.data[name], reference.data[name], rtol=0, atol=1e-10, err_msg=str(name))
    else:
        with pytest.raises(SchemeError, match="sdeint has no"):
            integrate(landscape, noise, backend="reference", **kwargs)


@pytest.mark.parametrize("cases", ["few", pytest.param("more", marks=pytest.mark.validate)])
def test_gpu_kernels_under_the_simulator(cases):
    """In a process of its own: numba's CUDA simulator must be chosen before numba is imported."""
    script = os.path.join(os.path.dirname(__file__), "gpu_simulation.py")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run([sys.executable, script, cases], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[-1] == "agree"


def test_the_fused_backend_imports_no_torch():
    integrate(OU, WARM, time_step=0.05, steps=3, trajectories=2)  # the kernel is there by then
    code = (
        "import sys; from langevin_sgd.integrators.integrate import integrate;"
        "from langevin_sgd.noise import IsotropicNoise as I;"
        "from langevin_sgd.landscapes.expression import Expression as E;"
        "integrate(E('k*x**2/2', ('x',), {'k': 1.0}), I(0.25), time_step=0.05, steps=3, trajectories=2);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


# --- records


def test_reductions_are_those_of_the_trajectories():
    n = 700
    run = integrate(DOUBLE_WELL, WARM, time_step=0.02, steps=40, trajectories=n, seed=2, start=[0.2], record=RECORD)
    data = run.data
    x = data.x.values
    assert data.x.dims == ("replica", "time")
    assert np.array_equal(x[:, 0], np.full(n, 0.2))
    assert np.array_equal(x[:, -1], positions(run)[0])
    assert np.allclose(data.time, 0.02 * np.array([0, 5, 17, 40]))
    assert np.allclose(data.energy, DOUBLE_WELL.energy_at(x[None]))
    moved = (x - 0.2) ** 2
    assert np.allclose(data.squared_displacement_mean, moved.mean(axis=0))
    assert np.allclose(data.squared_displacement_stderr, moved.std(axis=0, ddof=1) / np.sqrt(n), atol=1e-9)
    for t in range(4):
        assert np.array_equal(data.x_histogram[t], np.histogram(x[:, t], 10, (-2, 2))[0])
    assert np.allclose(data.occupancy.sel(basin="left"), ((x < 0) & (x > -1)).mean(axis=0))
    assert np.allclose(data.occupancy.sel(basin="right"), (x >= 0).mean(axis=0))
    every = Record(steps=range(41), each=("x",))
    path = integrate(
        DOUBLE_WELL, WARM, time_step=0.02, steps=40, trajectories=n, seed=2, start=[0.2], record=every
    ).data.x
    above = path.values[:, 1:] > 0.3
    first = np.where(above.any(axis=1), above.argmax(axis=1) + 1, -1)
    assert np.array_equal(data.escape_step, first)
    assert np.array_equal(np.isnan(data.escape_time), first < 0)


def test_first_passage_and_records_go_on_after_a_stop():
    kwargs = dict(time_step=0.02, trajectories=50, seed=2, record=RECORD)
    whole = integrate(DOUBLE_WELL, WARM, steps=40, **kwargs)
    first = integrate(DOUBLE_WELL, WARM, steps=17, until=40, **kwargs)
    with pytest.raises(UserError, match="recorded step 40 is beyond the end of the run, step 39"):
        integrate(DOUBLE_WELL, WARM, steps=22, state=first.state, **kwargs)
    second = integrate(DOUBLE_WELL, WARM, steps=23, state=first.state, **kwargs)
    assert np.array_equal(whole.data.escape_step, second.data.escape_step)
    assert list(first.data.step) + list(second.data.step) == [0, 5, 17, 40]
    assert np.array_equal(whole.data.x[:, -1], second.data.x[:, -1])
    assert np.array_equal(whole.data.squared_displacement_mean[-1], second.data.squared_displacement_mean[-1])


# --- errors


def test_bad_input_is_one_line_with_the_mend():
    def call(landscape=OU, noise=WARM, **kwargs):
        return integrate(landscape, noise, **{"time_step": 0.1, "steps": 2, **kwargs})

    for kind, match, arguments in [
        (UserError, "did you mean euler_maruyama", dict(scheme="euler_maruyma")),
        (SchemeError, "3 is no scheme", dict(scheme=3)),
        (SchemeError, "takes additive noise.*use milstein", dict(scheme="sra1", landscape=PLANE, noise=UNEVEN)),
        (SchemeError, "general; use euler", dict(scheme="milstein", landscape=PLANE,
                                                 noise=PositionDependentNoise(("y", "x")))),
        (SchemeError, "does not keep its order with two_point", dict(scheme="baoab", increments="two_point")),
        (SchemeError, "two_point increments are wrong for first passage",
         dict(increments="two_point", record=Record(first_passage="x > 1"))),
        (UserError, "unknown increments", dict(increments="four_point")),
        (UserError, "unknown parameter 'kk'; did you mean 'k'", dict(parameters={"kk": 1.0})),
        (UserError, "unknown increments 'gauss'; did you mean 'gaussian'", dict(increments="gauss")),
        (UserError, "scan over k needs", dict(scan={"k": []})),
        (UserError, "'momentum' has no value", dict(scheme="heavy_ball")),
        (UserError, "time step must be", dict(time_step=0.0)),
        (UserError, "one value for each", dict(parameters={"k": [1.0, 2.0, 3.0]}, trajectories=2)),
        (UserError, "start of position has shape", dict(start=[1.0, 2.0])),
        (UserError, "not finite", dict(start=[np.nan])),
        (UserError, "has no vector 'velocity'", dict(start={"velocity": [0.0]})),
        (FormulaError, "2 temperatures for a landscape of 1", dict(noise=DiagonalNoise((1.0, 2.0)))),
        (FormulaError, "unknown quantity", dict(record=Record(steps=(1,), each=("enrgy",)))),
        (FormulaError, "always", dict(record=Record(first_passage="1 > 2"))),
        (UserError, "unknown backend", dict(backend="fast")),
        (UserError, "unknown precision", dict(precision="half")),
        (UserError, "unknown device", dict(device="tpu")),
    ]:  # fmt: skip
        with pytest.raises(kind, match=match) as caught:
            call(**arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("matrix", [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0]]])
def test_a_matrix_that_is_no_covariance_is_refused(matrix):
    with pytest.raises(ValueError, match="covariance"):
        FullNoise(matrix)


def test_divergence_is_noticed():
    with pytest.raises(Diverged, match="no longer finite"):
        integrate(Expression("-x**4", ("x",)), WARM, time_step=0.1, steps=200, trajectories=3, start=[2.0])


# --- torch callables


def test_a_torch_function_follows_the_formula_of_the_same_landscape():
    from langevin_sgd.landscapes.torch_callable import TorchCallable

    def energy(w):
        return (w[0] ** 2 - 1) ** 2 + w[1] ** 2 / 2 + 0.1 * (w[0] * w[1]).sin()

    given = TorchCallable(energy, 2)
    record = Record(steps=(0, 30), each=("energy", "squared_displacement"))
    for scheme, noise in (("baoab", WARM), ("sra1", FullNoise([[0.2, 0.1], [0.1, 0.3]])), ("heavy_ball", WARM)):
        kwargs = dict(
            time_step=0.02, steps=30, trajectories=5, seed=7, scheme=scheme, start=[0.1, 0.2], record=record,
            parameters={"momentum": 0.5} if scheme == "heavy_ball" else {},
        )  # fmt: skip
        formula = integrate(PLANE, noise, backend="batched", device="cpu", **kwargs)
        called = integrate(given, noise, device="cpu", **kwargs)
        assert np.allclose(positions(formula), positions(called), rtol=0, atol=1e-12)
        for name in record.each:
            assert np.allclose(formula.data[name], called.data[name], rtol=0, atol=1e-12)
    with pytest.raises(SchemeError, match="no source to compile"):
        integrate(given, WARM, time_step=0.1, steps=1, backend="fused")
    with pytest.raises(FormulaError, match="needs a landscape given by a formula"):
        integrate(given, UNEVEN, time_step=0.1, steps=1)
    with pytest.raises(UserError, match="one number"):
        TorchCallable(lambda w: w, 2)
    with pytest.raises(UserError, match="math:no_such_thing: math is a module of Python itself"):
        TorchCallable.from_name("math:no_such_thing", 2)
