"""Equations that cannot be run are refused in one line with the mend, before the first step where that is known."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError, UserError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.landscapes.quadratic import HessianError, Quadratic
from langevin_sgd.noise import DiagonalNoise, FullNoise, IsotropicNoise, LowRankNoise, PositionDependentNoise

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
WARM = IsotropicNoise(0.25)
SHARP = quadratic([[4.0, 1.0], [1.0, 2.0]])
SHARPEST = 3.0 + np.sqrt(2.0)


@pytest.mark.parametrize(
    ("scheme", "own", "limit"),
    [
        ("euler_maruyama", {}, 2.0 / SHARPEST),
        ("milstein", {}, 2.0 / SHARPEST),
        ("sra1", {}, 2.0 / SHARPEST),
        ("leimkuhler_matthews", {}, 2.0 / SHARPEST),
        ("stratonovich_heun", {}, 2.0 / SHARPEST),
        ("sri2", {}, 2.0 / SHARPEST),
        ("heavy_ball", {"momentum": 0.0}, 2.0 / SHARPEST),
        ("heavy_ball", {"momentum": 0.9}, 2.0 * 1.9 / SHARPEST),
        ("baoab", {"friction": 1.0}, 2.0 / np.sqrt(SHARPEST)),
    ],
)
def test_an_unstable_step_is_refused_before_the_first_step(scheme, own, limit):
    """The limits are those of PHYSICS section 2 and of the leapfrog; they come out of the rules."""
    backend = {} if scheme == "euler_maruyama" else {"backend": "batched", "device": "cpu"}  # which compiles nothing
    kwargs = dict(scheme=scheme, parameters=own, steps=2, trajectories=2, **backend)
    with pytest.raises(IntegrationError, match=f"{scheme} is unstable.*take a time_step below {limit:.4g}") as caught:
        integrate(SHARP, WARM, time_step=limit * 1.0001, **kwargs)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)
    integrate(SHARP, WARM, time_step=limit * 0.9999, **kwargs)
    integrate(SHARP, WARM, time_step=limit * 1.0001, force=True, **kwargs)


def test_the_limit_itself_is_unstable_and_saddles_and_valleys_are_no_fault_of_the_step():
    with pytest.raises(IntegrationError, match=r"= 2; take a time_step below 0\.5"):
        integrate(OU, WARM, time_step=0.5, steps=1, parameters={"k": 4.0})
    for k in (0.0, -1.0, 1e-14):
        integrate(OU, WARM, time_step=0.5, steps=1, parameters={"k": k}, backend="batched", device="cpu")
    with pytest.raises(IntegrationError, match="no time_step is stable"):
        integrate(OU, WARM, scheme="heavy_ball", time_step=0.1, steps=1, parameters={"momentum": 1.0})


def test_one_unstable_point_of_a_scan_is_found():
    kwargs = dict(time_step=0.1, steps=1, trajectories=2, backend="batched", device="cpu")
    integrate(OU, WARM, scan={"k": [1.0, 19.0]}, **kwargs)
    with pytest.raises(IntegrationError, match="largest curvature 21"):
        integrate(OU, WARM, scan={"k": [1.0, 21.0, 2.0]}, **kwargs)
    with pytest.raises(IntegrationError, match=r"time_step 0\.4 "):
        integrate(SHARP, WARM, scan={"time_step": [0.1, 0.2, 0.4], "h1_1": [6.0]}, **kwargs)
    with pytest.raises(IntegrationError, match=r"time_step 0\.5 "):
        integrate(OU, WARM, parameters={"k": [9.0, 5.0], "time_step": [0.2, 0.5]}, **kwargs)


@pytest.mark.parametrize("backend", ["fused", "batched", "reference"])
def test_a_drift_that_is_no_number_at_the_start_is_the_users_to_mend(backend):
    landscape = Expression("log(x) + x*y", ("x", "y"))
    kwargs = dict(time_step=0.1, steps=5, trajectories=2, start=[[1.0, 0.0], [1.0, 1.0]], device="cpu")
    match = r"not finite at the start \(0, 1\) of trajectory 1; start elsewhere"
    with pytest.raises(IntegrationError, match=match) as caught, np.errstate(all="ignore"):
        integrate(landscape, WARM, backend=backend, **kwargs)
    assert "\n" not in str(caught.value)


def test_a_torch_function_without_a_number_at_the_start_is_the_users_to_mend():
    from langevin_sgd.landscapes.torch_callable import TorchCallable

    with pytest.raises(IntegrationError, match="not finite at the start"):
        integrate(TorchCallable(lambda w: w.log().sum(), 2), WARM, time_step=0.1, steps=5, device="cpu")


def test_a_matrix_that_is_no_hessian_is_refused():
    for matrix, match in (
        ([[1.0, 2.0], [0.0, 1.0]], "symmetric.*; give"),
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
    ):
        for make in (Quadratic.from_matrix, quadratic):
            with pytest.raises(HessianError, match=match) as caught:
                make(matrix)
            assert isinstance(caught.value, UserError)
            assert "\n" not in str(caught.value)


def bad_calls():
    """(arguments of integrate, what the message says)."""
    plane = Expression("x**2 + y**2", ("x", "y"))

    def other():
        return integrate(OU, WARM, time_step=0.1, steps=1).state

    def with_record(**kwargs):
        return lambda: dict(record=Record(**kwargs))

    return [
        (lambda: dict(noise=0.25), "0.25 is no noise"),
        (lambda: dict(landscape="x**2"), "is no landscape"),
        (lambda: dict(record={"steps": [1]}), "must be a Record"),
        (lambda: dict(parameters=[1.0]), "given as {name"),
        (lambda: dict(parameters={"k": "abc"}), "'k' must be real numbers"),
        (lambda: dict(parameters={"k": None}), "'k' is not finite"),
        (lambda: dict(parameters={"k": np.nan}), "'k' is not finite"),
        (lambda: dict(parameters={"k": [[1.0], [1.0, 2.0]]}), "'k' must be real numbers in equal rows"),
        (lambda: dict(parameters={"k": [1.0, 2.0]}), "one value for each of 1"),
        (lambda: dict(parameters={"temperature": -1.0}), "not finite for the parameters given"),
        (lambda: dict(parameters={"k": 1.0}, scan={"k": [1.0]}), "given as a parameter and scanned"),
        (lambda: dict(scan={"k": "abc"}), "values of k to scan must be real numbers"),
        (lambda: dict(scan={"k": [np.inf]}), "scan over k needs a list of finite"),
        (lambda: dict(scan={"k": [[1.0]]}), "scan over k needs a list"),
        (lambda: dict(scan={"temperature": [0.1, -1.0]}), "not finite for the parameters given"),
        (lambda: dict(start="abc"), "start of position must be real numbers"),
        (lambda: dict(start=[[1.0], [1.0, 2.0]]), "start of position must be real numbers in equal rows"),
        (lambda: dict(start=[1j]), "start of position must be real"),
        (lambda: dict(start=np.array([1j])), "start of position must be real"),
        (lambda: dict(start=[np.inf]), "start of position is not finite"),
        (lambda: dict(start=np.zeros((1, 1, 1))), "start of position has shape"),
        (lambda: dict(start={"velocity": ["a"]}, scheme="baoab"), "start of velocity must be real"),
        (lambda: dict(start={1: [0.0]}), "no vector 1"),
        (lambda: dict(steps=10**30), "steps must lie between"),
        (lambda: dict(steps=-1), "steps must lie between"),
        (lambda: dict(steps=1.5), "steps must be a whole number"),
        (lambda: dict(steps="2"), "steps must be a whole number"),
        (lambda: dict(trajectories=0), "trajectories must lie between"),
        (lambda: dict(trajectories=1 << 40), "trajectories must lie between"),
        (lambda: dict(trajectories=2.5), "trajectories must be a whole number"),
        (lambda: dict(trajectories=1 << 32), "would keep"),
        (lambda: dict(seed=-1), "seed must lie between"),
        (lambda: dict(seed=1 << 64), "seed must lie between"),
        (lambda: dict(seed=0.5), "seed must be a whole number"),
        (lambda: dict(threads=0), "threads must lie between"),
        (lambda: dict(threads=-2), "threads must lie between"),
        (lambda: dict(time_step="a"), "time step must be real"),
        (lambda: dict(time_step=[0.1, 0.2]), "time step must be one real number"),
        (lambda: dict(time_step=np.nan), "time step must be a positive number"),
        (lambda: dict(time_step=-0.1), "time step must be a positive number"),
        (lambda: dict(device="cuda:abc"), "unknown device"),
        (lambda: dict(device="cudax"), "unknown device"),
        (lambda: dict(device=None), "unknown device"),
        (lambda: dict(scheme=None), "None is no scheme; give a name"),
        (lambda: dict(scheme=3), "3 is no scheme; give a name"),
        (lambda: dict(increments=[]), "unknown increments"),
        (lambda: dict(precision=[]), "unknown precision"),
        (lambda: dict(backend=None), "unknown backend"),
        (lambda: dict(state=other(), scheme="baoab"), "state has no velocity"),
        (lambda: dict(state=other(), landscape=plane), r"shape \(1, 1\), and this landscape and noise need \(2, 1\)"),
        (lambda: dict(state=other(), trajectories=3), "the state has 1 trajectories and the run 3"),
        (lambda: dict(state={"step": 1}), "must be a State"),
        (lambda: dict(landscape=Expression("time_step*x", "x", {"time_step": 3.0})), "'time_step' of the run is 0.1"),
        (lambda: dict(landscape=Expression("time_step**2", "time_step")), "a coordinate and a parameter of the run"),
        (
            lambda: dict(landscape=Expression("friction*x", "x", {"friction": 3.0}), scheme="baoab"),
            "of baoab is 1.0",
        ),
        (
            lambda: dict(landscape=Expression("s*x", "x", {"s": 3.0}), noise=PositionDependentNoise("s", {"s": 0.2})),
            "'s' of the noise is 0.2, and elsewhere it is 3.0; rename",
        ),
        (lambda: dict(noise=PositionDependentNoise("x", {"x": 1.0})), "'x' is a coordinate"),
        (lambda: dict(noise=PositionDependentNoise("q*x")), "unknown symbol 'q'"),
        (lambda: dict(noise=IsotropicNoise("-1")), "negative, and noise needs the square root"),
        (lambda: dict(landscape=Expression("start_x*x", "x", {"start_x": 1.0})), "'start_x' is given twice"),
        (with_record(steps=[1.7]), "recorded step must be a whole number"),
        (with_record(steps="abc"), "steps of a record must be a list"),
        (with_record(steps=3), "steps of a record must be a list"),
        (with_record(steps=[5, 3]), "must ascend"),
        (with_record(steps=[-1]), "must ascend"),
        (
            with_record(steps=[1, 3, 4]),
            r"recorded step 3 is beyond the end of the run, step 2; .* or until=4 for a part",
        ),
        (lambda: dict(record=Record(steps=[1, 5]), until=4), "recorded step 5 is beyond the end of the run, step 4"),
        (lambda: dict(until=1), "until is step 1, and this part of the run ends at step 2; give 2 or more"),
        (with_record(steps=[1], each="energy"), "each of a record must be a list"),
        (with_record(steps=[1], histograms={"x": (0, 1)}), r"must be \(low, high, bins\)"),
        (with_record(steps=[1], histograms={"x": (0, 1, 5.5)}), "number of bins .* must be a whole number"),
        (with_record(steps=[1], histograms={"x": (0, 1, 10**12)}), "bins, not"),
        (with_record(steps=[1], histograms={"x": (np.nan, 1, 5)}), "needs low < high"),
        (with_record(steps=[1], histograms={"x": (-np.inf, 1, 5)}), "needs low < high"),
        (with_record(steps=[1], each=["energy"], formulas={"energy": "x"}), "'energy' is known already"),
        (with_record(steps=[1], each=["x"], formulas={"x": "x**2"}), "'x' is known already"),
        (with_record(basins={"a": "x"}), "is no condition"),
    ]


@pytest.mark.parametrize(("arguments", "match"), bad_calls())
def test_every_wrong_argument_has_one_line(arguments, match):
    def call(landscape=OU, noise=WARM, **given):
        integrate(landscape, noise, **{"time_step": 0.1, "steps": 2, **given})

    with pytest.raises(UserError, match=match) as caught:
        call(**arguments())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_parameter_without_a_value_takes_that_of_another_part():
    """eta in the noise is the run's time step; the same value twice is no clash."""
    noise = IsotropicNoise("time_step*s**2", {"time_step": None, "s": 2.0})
    run = integrate(Expression("s*x**2/2", "x", {"s": 2.0}), noise, time_step=0.1, steps=4, trajectories=3, seed=1)
    same = integrate(OU, IsotropicNoise(0.4), time_step=0.1, steps=4, trajectories=3, seed=1, parameters={"k": 2.0})
    assert np.allclose(run.state.vectors["position"], same.state.vectors["position"], rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Quadratic(np.ones(2), np.ones((2, 2)), np.zeros(2)), "not orthonormal"),
        (lambda: Quadratic(np.array([np.nan]), np.eye(1), np.zeros(1)), "finite"),
        (lambda: Quadratic.from_matrix(np.zeros((0, 0))), "at least one coordinate"),
        (lambda: Quadratic.from_matrix("a"), "must be real numbers"),
        (lambda: Quadratic.from_matrix([[1.0], [1.0, 2.0]]), "equal rows"),
        (lambda: Quadratic.from_matrix([[1.0]], ["a"]), "must be real numbers"),
        (lambda: FullNoise([[1.0], [1.0, 2.0]]), "equal rows"),
        (lambda: FullNoise("abc"), "must be real numbers"),
        (lambda: FullNoise([[1.0, 2.0], [2.0, 1.0]]), "negative eigenvalue"),
        (lambda: LowRankNoise("a"), "must be real numbers"),
        (lambda: LowRankNoise([1.0]), r"is \(d, m\)"),
        (lambda: DiagonalNoise(1.0), "temperatures are a list"),
        (lambda: DiagonalNoise((-1.0,)), "temperature 1"),
        (lambda: IsotropicNoise(None), "temperature must be one real number"),
        (lambda: IsotropicNoise([1.0]), "temperature must be one real number"),
        (lambda: IsotropicNoise(1.0, {"temperature": 2.0}), "given twice"),
    ],
)
def test_numbers_that_are_no_landscape_and_no_noise_have_one_line(make, match):
    with pytest.raises(UserError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
