"""The closed forms against scipy's Lyapunov solvers, brute-force recursions and 50-digit arithmetic."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov

from langevin_sgd.theory import heavy_ball
from langevin_sgd.theory import ornstein_uhlenbeck as theory

ETA, BATCH = 0.1, 4  # eta * lambda_max = 1.5 in the problems of the fixture


def companion(hessian, noise, momentum):
    """The map of (w, u = eta m) in one step, and the covariance of its noise, (2d, 2d) each."""
    eye = np.eye(len(hessian))
    step = np.block([[eye - ETA * hessian, -momentum * eye], [ETA * hessian, momentum * eye]])
    return step, ETA**2 / BATCH * np.block([[noise, -noise], [-noise, noise]])


@pytest.mark.parametrize("dimension", [1, 5, 50])
def test_continuum_covariance_solves_its_lyapunov_equation(problem, dimension):
    p = problem(dimension)
    expected = solve_continuous_lyapunov(p.hessian, ETA / BATCH * p.noise)
    found = p.vectors @ theory.continuum_covariance(p.k, p.c, ETA, BATCH) @ p.vectors.T
    np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())
    with_momentum = theory.continuum_covariance(p.k, p.c, ETA, BATCH, 0.9)
    np.testing.assert_allclose(with_momentum, 10 * theory.continuum_covariance(p.k, p.c, ETA, BATCH))


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("dimension", [1, 5, 50])
def test_discrete_covariance_solves_the_lyapunov_equation_of_the_sgd_map(problem, dimension, momentum):
    p = problem(dimension)
    expected = solve_discrete_lyapunov(*companion(p.hessian, p.noise, momentum))
    position = theory.discrete_covariance(p.k, p.c, ETA, BATCH, momentum)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(p.vectors @ position @ p.vectors.T, expected[:dimension, :dimension], atol=1e-10 * scale)
    blocks = heavy_ball.stationary_blocks(ETA * p.k, momentum, position)
    for i, j in np.ndindex(2, 2):
        part = expected[i * dimension : (i + 1) * dimension, j * dimension : (j + 1) * dimension]
        np.testing.assert_allclose(p.vectors @ blocks[i, j] @ p.vectors.T, part, atol=1e-10 * scale)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_discrete_covariance_solves_the_matrix_equation_of_liu_ziyin_ueda(problem, momentum):
    p, mu = problem(20), momentum
    h, s = p.hessian, p.vectors @ theory.discrete_covariance(p.k, p.c, ETA, BATCH, mu) @ p.vectors.T
    left = (1 - mu) * ETA * (h @ s + s @ h) - (1 + mu**2) / (1 - mu**2) * ETA**2 * h @ s @ h
    left += mu / (1 - mu**2) * ETA**2 * (h @ h @ s + s @ h @ h)
    np.testing.assert_allclose(left, ETA**2 / BATCH * p.noise, atol=1e-12)


def test_the_discrete_law_tends_to_the_continuum_law(problem):
    p = problem(5)
    for momentum in (0.0, 0.9):
        discrete = theory.discrete_covariance(p.k, p.c, 1e-6, BATCH, momentum)
        np.testing.assert_allclose(
            discrete, theory.continuum_covariance(p.k, p.c, 1e-6, BATCH, momentum), rtol=2e-3, atol=1e-12
        )


def test_wrong_laws_are_far_beyond_the_tolerance_of_these_tests(problem):
    p = problem(5)
    right = theory.discrete_covariance(p.k, p.c, ETA, BATCH)
    swapped = theory.discrete_covariance(np.diagonal(p.c), np.diag(p.k), ETA, BATCH)
    for wrong in (1.03 * right, 2 * right, swapped):
        assert np.abs(wrong - right).max() > 1e-2 * np.abs(right).max()


def test_isotropic_law_is_boltzmann_with_exponent_two_energies_over_temperature(problem):
    p = problem(5)
    temperature = theory.temperature(ETA, BATCH, theory.noise_scale(p.c))
    assert temperature == pytest.approx(ETA * np.trace(p.noise) / 5 / BATCH)
    law = theory.isotropic_covariance(p.k, p.c, ETA, BATCH)
    np.testing.assert_allclose(law, np.diag(temperature / 2 / p.k))
    np.testing.assert_allclose(theory.isotropic_covariance(p.k, p.c, ETA, BATCH, 0.75), 4 * law)
    # the mean energy cannot tell the noises apart: tr(HS) = (eta/2B) tr C for both
    full = theory.continuum_covariance(p.k, p.c, ETA, BATCH)
    assert p.k @ np.diagonal(full) == pytest.approx(p.k @ np.diagonal(law))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_discrete_transients_are_those_of_the_recursion(problem, momentum):
    p = problem(6)
    step, noise = companion(p.hessian, p.noise, momentum)
    steps = np.array([0, 1, 2, 3, 17, 64, 129, 500])
    start = np.arange(1.0, 7.0)
    variances = theory.transient_covariance(p.k, p.c, ETA, BATCH, steps, momentum)
    means = theory.transient_mean(p.k, start, ETA, steps, momentum)
    rotation = np.kron(np.eye(2), p.vectors)
    mean, covariance = np.concatenate([p.vectors @ start, np.zeros(6)]), np.zeros((12, 12))
    recursion = {}
    for number in range(501):
        in_modes = rotation.T @ covariance @ rotation
        recursion[number] = (np.diagonal(in_modes)[:6], (rotation.T @ mean)[:6])
        mean, covariance = step @ mean, step @ covariance @ step.T + noise
    for row, number in enumerate(steps):
        np.testing.assert_allclose(variances[row], recursion[number][0], rtol=1e-10, atol=1e-18)
        np.testing.assert_allclose(means[row], recursion[number][1], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("steps", [1, 2, 127, 128, 129, 130, 700])
@pytest.mark.parametrize("momentum", [0.1, 0.9])
def test_covariance_of_many_momentum_steps_is_that_of_the_recursion(problem, steps, momentum):
    p = problem(6)
    step, noise = companion(p.hessian, p.noise, momentum)
    expected = np.zeros((12, 12))
    for _ in range(steps):
        expected = step @ expected @ step.T + noise
    a = ETA * p.k
    stationary = heavy_ball.stationary_blocks(a, momentum, theory.discrete_covariance(p.k, p.c, ETA, BATCH, momentum))
    found = heavy_ball.step_blocks(a, momentum, ETA**2 / BATCH * p.c, stationary, steps)
    for i, j in np.ndindex(2, 2):
        part = p.vectors.T @ expected[i * 6 : i * 6 + 6, j * 6 : j * 6 + 6] @ p.vectors
        np.testing.assert_allclose(found[i, j], part, atol=1e-12 * np.abs(expected).max())


def test_continuum_transients_are_those_of_the_matrix_exponential(problem):
    p = problem(6)
    for momentum in (0.0, 0.9):
        rate = ETA / (1 - momentum)
        forward = expm(-p.hessian * rate * 7)
        stationary = solve_continuous_lyapunov(p.hessian, rate / BATCH * p.noise)
        expected = p.vectors.T @ (stationary - forward @ stationary @ forward.T) @ p.vectors
        found = theory.transient_covariance(p.k, p.c, ETA, BATCH, [7], momentum, "continuum")
        np.testing.assert_allclose(found[0], np.diagonal(expected), rtol=1e-9)
        start = np.arange(1.0, 7.0)
        moved = theory.transient_mean(p.k, start, ETA, [7], momentum, "continuum")
        np.testing.assert_allclose(moved[0], p.vectors.T @ forward @ p.vectors @ start, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_transients_reach_the_stationary_law(problem, momentum):
    p = problem(20)
    late = theory.transient_covariance(p.k, p.c, ETA, BATCH, [10**6], momentum)[0]
    np.testing.assert_allclose(
        late, np.diagonal(theory.discrete_covariance(p.k, p.c, ETA, BATCH, momentum)), rtol=1e-10
    )


@pytest.mark.parametrize("momentum", [0.0, 0.25, 0.9])
def test_transient_variance_is_exact_for_slow_critical_and_oscillating_modes(momentum):
    critical = (1 - momentum**0.5) ** 2
    a = np.array([1e-14, 1e-9, 1e-4, critical, critical * (1 + 1e-9), 0.3, 1.0, 1.5, 1.9999])
    variances = theory.transient_covariance(a, np.eye(a.size), 1.0, 1, [1, 40, 300], momentum)
    with localcontext() as context:
        context.prec = 50
        mu = Decimal(momentum)
        for mode, value in enumerate(a):
            response, before, total = Decimal(1), Decimal(0), Decimal(0)
            for number in range(1, 301):
                total += response * response
                response, before = (1 + mu - Decimal(float(value))) * response - mu * before, response
                if number in (1, 40, 300):
                    row = (1, 40, 300).index(number)
                    assert variances[row, mode] == pytest.approx(float(total), rel=2e-12)


@pytest.mark.parametrize("dynamics", ["discrete", "continuum"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_autocorrelation_is_that_of_the_stationary_process(problem, momentum, dynamics):
    p = problem(6)
    lags = [0, 1, 2, 9]
    found = theory.autocorrelation(p.k, ETA, lags, momentum, dynamics)
    for row, lag in enumerate(lags):
        if dynamics == "continuum":
            expected = np.exp(-ETA * p.k * lag / (1 - momentum))
        else:
            step, noise = companion(np.diag(p.k), p.c, momentum)
            stationary = solve_discrete_lyapunov(step, noise)
            lagged = np.linalg.matrix_power(step, lag) @ stationary
            expected = (np.diagonal(lagged) / np.diagonal(stationary))[:6]
        np.testing.assert_allclose(found[row], expected, atol=1e-11)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_autocorrelation_time_is_that_of_the_slowest_eigenvalue(problem, momentum):
    p = problem(6)
    times = theory.autocorrelation_time(p.k, ETA, momentum)
    for mode, k in enumerate(p.k):
        step = companion(np.array([[k]]), np.eye(1), momentum)[0]
        assert times[mode] == pytest.approx(-1 / np.log(np.abs(np.linalg.eigvals(step)).max()), rel=1e-9)
    assert theory.relaxation_steps(p.k, p.c, ETA, momentum) == times.max()


def test_autocorrelation_time_at_the_edges():
    k = np.array([-1.0, 0.0, 1e-15, 1.0, 2.0, 5.0])
    np.testing.assert_allclose(theory.autocorrelation_time(k, 1.0), [np.inf, np.inf, 1e15, 0, np.inf, np.inf])
    np.testing.assert_allclose(theory.autocorrelation_time([1e-15], 1.0, 0.9), [1e14], rtol=1e-9)
    np.testing.assert_allclose(theory.autocorrelation_time([0.5], 0.1, 0.9, "continuum"), [2.0])
    np.testing.assert_allclose(theory.autocorrelation_time([0.0], 0.1, 0.9, "continuum"), [np.inf])


def test_noise_free_modes_have_no_variance_whatever_their_curvature(problem):
    p = problem(4)
    k = np.concatenate([p.k, [1e-18, 0.0, -1e-12, 40.0]])
    c = np.zeros((8, 8))
    c[:4, :4] = p.c
    c[4:, 4:] = 1e-17
    assert theory.noisy_modes(k, c).tolist() == [True] * 4 + [False] * 4
    for law in (theory.continuum_covariance, theory.discrete_covariance):
        covariance = law(k, c, ETA, BATCH)
        np.testing.assert_array_equal(covariance[:4, :4], law(p.k, p.c, ETA, BATCH))
        assert not covariance[4:].any()
    for momentum in (0.0, 0.9):
        transient = theory.transient_covariance(k, c, ETA, BATCH, [1, 100], momentum)
        assert not transient[:, 4:].any()
    assert theory.relaxation_steps(k, c, ETA) == theory.relaxation_steps(p.k, p.c, ETA)
    assert np.all(np.isinf(np.diagonal(theory.isotropic_covariance(k, c, ETA, BATCH))[5:7]))


def test_no_noise_at_all():
    zero = np.zeros((3, 3))
    assert not theory.noisy_modes(np.ones(3), zero).any()
    assert not theory.discrete_covariance(np.ones(3), zero, ETA, BATCH).any()
    assert theory.relaxation_steps(np.ones(3), zero, ETA) == 0.0


def test_a_noisy_mode_without_stationary_state_is_named():
    c = np.eye(3)
    for law in (theory.continuum_covariance, theory.discrete_covariance, theory.isotropic_covariance):
        with pytest.raises(ValueError, match=r"mode 1 feels the gradient noise but its Hessian eigenvalue is -0\.1"):
            law([1.0, -0.1, 1.0], c, ETA, BATCH)
    with pytest.raises(ValueError, match=r"mode 2 has learning rate x Hessian eigenvalue = 2\.1.*= 2;"):
        theory.discrete_covariance([1.0, 1.0, 21.0], c, ETA, BATCH)
    theory.discrete_covariance([1.0, 1.0, 21.0], c, ETA, BATCH, 0.5)
    theory.continuum_covariance([1.0, 1.0, 21.0], c, ETA, BATCH)
    with pytest.raises(ValueError, match="mode 0"):
        theory.transient_covariance([3.0], [[1.0]], 1.0, 1, [1], 0.0)
    assert theory.stability_limit(0.9) == pytest.approx(3.8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"dynamics": "exact"}, "dynamics"),
        ({"steps": [-1]}, "steps"),
        ({"steps": [0.5]}, "steps"),
        ({"c": np.eye(3)}, "do not fit"),
        ({"learning_rate": 0.0}, "learning_rate"),
    ],
)
def test_impossible_arguments_are_refused(change, message):
    given = {"k": [1.0, 2.0], "c": np.eye(2), "learning_rate": 0.1, "batch_size": 1, "steps": [1]} | change
    with pytest.raises(ValueError, match=message):
        theory.transient_covariance(**given)
