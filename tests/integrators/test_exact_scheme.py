"""scheme="exact": the law of dw = -H (w - m) dt + b dW at any step, on every backend, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SchemeError
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.noise import FullNoise, IsotropicNoise, LowRankNoise, PositionDependentNoise

H = np.array([[2.0, 0.5], [0.5, 1.0]])
C = np.array([[1.0, -0.3], [-0.3, 0.2]])
MINIMUM = np.array([1.0, -1.0])


def law(hessian, covariance, time):
    """exp(-H t) and the covariance after t, by van Loan's block exponential (1978): no eigenvectors."""
    d = len(hessian)
    block = expm(np.block([[hessian, covariance], [np.zeros((d, d)), -hessian.T]]) * time)
    a = block[d:, d:].T
    return a, a @ block[:d, d:]


def covariance_of_step(landscape, noise, time, **values):
    """Mean map and covariance of one step, from the very numbers that the kernels are given."""
    from langevin_sgd.integrators.linear_law import at_points

    own = {**landscape.parameters, **noise.parameters, "time_step": time, **values}
    step, _ = at_points(landscape, noise, own, ())
    d = landscape.dimension
    return np.eye(d) + step.move[0], step.kick[0] @ step.kick[0].T


@pytest.mark.parametrize("time", [1e-3, 0.1, 3.0, 200.0])
@pytest.mark.parametrize(
    ("hessian", "noise", "c"),
    [
        (H, FullNoise(C, 0.3), 0.3 * C),
        (H, IsotropicNoise(0.3), 0.3 * np.eye(2)),
        # reaches the second coordinate through the curvature alone
        (H, LowRankNoise([[1.0], [0.0]]), np.diag([1.0, 0.0])),
        (np.diag([1e6, 1e-6]), IsotropicNoise(1.0), np.eye(2)),
    ],
)
def test_one_step_has_the_covariance_of_the_continuous_process(hessian, noise, c, time):
    from langevin_sgd.landscapes.expression import quadratic

    landscape = quadratic(hessian)
    if np.linalg.eigvalsh(hessian).max() * time < 20:
        a, s = law(hessian, c, time)
    else:  # the block exponential overflows; sum what it stands for
        k, v = np.linalg.eigh(hessian)
        sums = k[:, None] + k
        a, s = (v * np.exp(-k * time)) @ v.T, v @ (v.T @ c @ v * -np.expm1(-sums * time) / sums) @ v.T
    found_a, found_s = covariance_of_step(landscape, noise, time)
    scale = np.sqrt(np.outer(np.diag(s), np.diag(s)))
    assert np.allclose(found_a, a, rtol=0, atol=1e-12)
    assert (
        np.abs((found_s - s) / scale).max() < 1e-7
    )  # rounding grows as (k h)^-2 in a direction that the noise reaches indirectly


def test_one_long_step_and_many_short_ones_have_the_law_of_theory():
    """Entries of the covariance within 4 standard errors; 3% more temperature is seen."""
    n, landscape = 80_000, Quadratic.from_matrix(H, MINIMUM)
    a, s = law(H, 0.3 * C, 1.5)
    kwargs = dict(scheme="exact", trajectories=n, start=[2.0, 0.0])

    def deviation(factor, **steps):
        x = integrate(landscape, FullNoise(C, 0.3 * factor), **steps, **kwargs).state.vectors["position"]
        error = np.sqrt((s**2 + np.outer(np.diag(s), np.diag(s))) / n)
        mean = MINIMUM + a @ (np.array([2.0, 0.0]) - MINIMUM)
        assert np.all(np.abs(x.mean(axis=1) - mean) < 4 * np.sqrt(np.diag(s) / n))
        return np.abs((np.cov(x) - s) / error).max()

    assert deviation(1.0, time_step=1.5, steps=1, seed=1) < 4
    assert deviation(1.0, time_step=0.1, steps=15, seed=2) < 4
    assert deviation(1.03, time_step=1.5, steps=1, seed=1) > 4


def test_flat_directions_saddles_and_scans():
    """k = 0 diffuses, k < 0 escapes, a tilt without curvature drifts; every point of a scan has its own matrices."""
    tilted = Expression("k*x**2/2 + g*x", "x", {"k": 1.0, "g": 0.5})
    ks, ts, time, n = np.array([-0.5, 0.0, 2.0]), np.array([0.1, 0.4]), 2.0, 20_000
    run = integrate(
        tilted, IsotropicNoise(0.1), scheme="exact", time_step=time / 4, steps=4, trajectories=n, seed=4,
        scan={"k": ks, "temperature": ts}, record=Record(steps=(4,), each=("x",)),
    )  # fmt: skip
    for i, k in enumerate(ks):
        mean = -0.5 * time if k == 0 else -0.5 / k * (1 - np.exp(-k * time))
        growth = time if k == 0 else (1 - np.exp(-2 * k * time)) / (2 * k)
        for j, t in enumerate(ts):
            x = run.data.x.values[i, j, :, 0]
            assert abs(x.mean() - mean) < 4 * np.sqrt(t * growth / n)
            assert abs(x.var() / (t * growth) - 1) < 4 * np.sqrt(2 / n)


def test_backends_and_stops_agree():
    landscape = Quadratic.from_matrix(H, MINIMUM)
    kwargs = dict(scheme="exact", time_step=0.7, trajectories=600, seed=3)
    whole = integrate(landscape, FullNoise(C), steps=9, threads=1, **kwargs).state
    batched = integrate(landscape, FullNoise(C), steps=9, backend="batched", device="cpu", **kwargs).state
    assert np.allclose(whole.vectors["position"], batched.vectors["position"], rtol=0, atol=2e-6)
    stopped = integrate(landscape, FullNoise(C), steps=4, threads=2, **kwargs).state
    resumed = integrate(landscape, FullNoise(C), steps=5, state=stopped, **kwargs).state
    assert np.array_equal(whole.vectors["position"], resumed.vectors["position"])


@pytest.mark.parametrize("noise", [IsotropicNoise(0.25), FullNoise(np.diag(np.linspace(0.1, 1.0, 20)))])
def test_beyond_sixteen_coordinates(noise):
    d, n = 20, 6000
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
    landscape = Quadratic(np.linspace(5.0, 0.1, d), vectors, np.arange(d) / d)
    run = integrate(landscape, noise, scheme="exact", time_step=0.8, steps=3, trajectories=n, seed=3, device="cpu")
    c = 0.25 * np.eye(d) if isinstance(noise, IsotropicNoise) else np.asarray(noise.covariance)
    a, s = law(landscape.hessian(), c, 2.4)
    x = run.state.vectors["position"]
    error = np.sqrt((s**2 + np.outer(np.diag(s), np.diag(s))) / n)
    assert np.abs((np.cov(x) - s) / error).max() < 4.5  # 210 entries: false alarm below 2e-3
    mean = landscape.minimum - a @ landscape.minimum
    assert np.all(np.abs(x.mean(axis=1) - mean) < 4.5 * np.sqrt(np.diag(s) / n))


def test_what_has_no_such_law_is_refused_in_one_line():
    from langevin_sgd.landscapes.tabulated import Tabulated
    from langevin_sgd.landscapes.torch_callable import TorchCallable

    table = Tabulated(np.array([[1.0, 0.0, 1.0]]))
    wide = Quadratic.from_matrix(np.eye(20))
    uneven = PositionDependentNoise(("1 + x**2/10",))
    for landscape, noise, match, more in (
        (Expression("x**4", "x"), IsotropicNoise(0.1), "takes a quadratic landscape.*varies", {}),
        (Expression("cos(x)", "x"), IsotropicNoise(0.1), "takes a quadratic landscape", {}),
        (Expression("x**2", "x"), uneven, "takes additive noise", {}),
        (TorchCallable(lambda w: (w**2).sum(), 2), IsotropicNoise(0.1), "takes a quadratic.*torch function", {}),
        (table, IsotropicNoise(0.1), "exact", {}),
        (wide, IsotropicNoise(0.1), "takes one time step", {"scan": {"time_step": [0.1, 0.2]}}),
        (Expression("x**2", "x"), IsotropicNoise(0.1), "order with three_point", {"increments": "three_point"}),
    ):
        with pytest.raises(SchemeError, match=match) as caught:
            integrate(landscape, noise, scheme="exact", time_step=0.1, steps=1, device="cpu", **more)
        assert "\n" not in str(caught.value)
    assert Expression("(x + 1)**2 - 2*x*y + 3", ("x", "y")).is_quadratic  # multiplied out, it is
