"""Chains of linear maps have exact moments; rare events are checked in many digits and against exact quadrature."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.sparse import csr_array

from langevin_sgd.errors import UserError
from langevin_sgd.theory import escape
from langevin_sgd.theory import markov_chain as theory
from langevin_sgd.theory import occupancy as laws
from langevin_sgd.theory.elimination import Elimination


def moments(chain):
    """Mean and variance under the stationary law."""
    law = theory.stationary(chain)
    mean = law @ chain.grid
    return mean, law @ (chain.grid - mean) ** 2


def slope(x):
    return 4.0 * x * (x**2 - 1.0)


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_linear_map_with_gaussian_noise_has_its_exact_variance_and_relaxation(eta):
    k, theta = 2.0, 0.3
    chain = theory.euler_maruyama_chain(lambda x: k * x, theta, eta, np.linspace(-5, 5, 301))
    mean, variance = moments(chain)
    assert mean == pytest.approx(0.0, abs=1e-10)
    assert variance == pytest.approx(theta / (k * (1.0 - eta * k / 2.0)), rel=1e-10)
    assert theory.relaxation_steps(chain) == pytest.approx(-1.0 / np.log(1.0 - eta * k), rel=1e-8)


def test_noise_of_the_place_where_a_step_begins():
    """D = theta (1 + x^2): S = (1 - eta k)^2 S + 2 eta theta (1 + S)."""
    k, theta, eta = 2.0, 0.1, 0.1
    chain = theory.euler_maruyama_chain(lambda x: k * x, lambda x: theta * (1 + x**2), eta, np.linspace(-9, 9, 601))
    exact = 2.0 * eta * theta / (1.0 - (1.0 - eta * k) ** 2 - 2.0 * eta * theta)
    assert moments(chain)[1] == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_minibatch_chain_has_the_exact_moments_of_random_linear_maps(batch_size):
    """g_n = k_n x + b_n; with K, b the means of a batch, m = -eta E b/(eta E K) and E x^2 by the second moments."""
    rng = np.random.default_rng(0)
    k, b, eta = rng.uniform(0.5, 1.5, 40), rng.normal(size=40), 0.2
    at = np.linspace(-4, 4, 5)
    chain = theory.minibatch_chain(at, at[:, None] * k + b, eta, batch_size, points=401)
    mean = -b.mean() / k.mean()
    square_k = k.var() / batch_size + k.mean() ** 2
    square_b = b.var() / batch_size + b.mean() ** 2
    cross = np.mean((k - k.mean()) * b) / batch_size + k.mean() * b.mean()
    square = (eta**2 * square_b - 2 * eta * (b.mean() - eta * cross) * mean) / (2 * eta * k.mean() - eta**2 * square_k)
    found = moments(chain)
    assert found[0] == pytest.approx(mean, abs=1e-8)
    assert found[1] == pytest.approx(square - mean**2, rel=1e-7)


def test_batches_of_two_are_samples_of_all_pairs():
    """The law of B = 2 is that of B = 1 with the N^2 means of pairs for samples."""
    rng = np.random.default_rng(4)
    at = np.linspace(-3, 3, 61)
    gradients = slope(at)[:, None] * rng.uniform(0.5, 1.5, 24) + rng.normal(size=24) * (1.0 + 0.3 * at[:, None] ** 2)
    pairs = (gradients[:, :, None] + gradients[:, None, :]).reshape(len(at), -1) / 2.0
    by_pairs = theory.minibatch_chain(at, pairs, 0.03, 1, points=401)
    by_powers = theory.minibatch_chain(at, gradients, 0.03, 2, points=401)
    for boundary in (-1.0, 0.0, 0.7):
        first, second = (theory.interval_occupancy(c, theory.stationary(c), [boundary]) for c in (by_pairs, by_powers))
        np.testing.assert_allclose(first, second, atol=2e-5)


def noisy_double_well(scale, samples=200):
    """Gradients of a tilted double well, sample by sample, on a fine table."""
    rng = np.random.default_rng(0)
    at = np.linspace(-2.6, 2.6, 2601)
    factor, shift = rng.uniform(0.7, 1.3, samples), scale * rng.normal(size=samples)
    return at, (slope(at) + 0.3)[:, None] * factor + shift * (1.0 + 0.3 * at[:, None] ** 2)


@pytest.mark.parametrize(("batch_size", "eta"), [(1, 0.05), (4, 0.12)])
def test_minibatch_chain_to_fourth_order_in_the_spacing(batch_size, eta):
    at, gradients = noisy_double_well(3.5)
    means = []
    for points in (131, 261, 521):
        chain = theory.minibatch_chain(at, gradients, eta, batch_size, points=points)
        means.append(theory.stationary(chain) @ chain.grid)
    first, second = np.diff(means)
    assert np.log2(first / second) == pytest.approx(4.0, abs=0.6)


def test_negative_entries_must_not_pass_for_a_law():
    grid = np.array([0.0, 1.0, 2.0])
    growing = theory.Chain(grid, csr_array([[1.01, -0.01, 0.0], [0.2, 0.6, 0.2], [0.0, 0.5, 0.5]]))
    assert np.all(np.isnan(theory.stationary(growing)))
    assert theory.relaxation_steps(growing) == np.inf
    assert np.isnan(theory.mean_first_passage_steps(growing, grid > 1.5)[0])
    turning = theory.Chain(grid, csr_array([[1.1, -0.05, -0.05], [-0.05, 1.1, -0.05], [-0.05, -0.05, 1.1]]))
    assert theory.relaxation_steps(turning) == np.inf


def test_rare_escape_on_two_grids_shows_in_the_error():
    """Escape in 3e8 steps by bounded noise: the coarse grid is off, and says so."""
    at, gradients = noisy_double_well(1.2)
    law = theory.chain_law(lambda n: theory.minibatch_chain(at, gradients, 0.05, 1, points=n), [0.075], points=151)
    fine = theory.minibatch_chain(at, gradients, 0.05, 1, points=601)
    assert theory.relaxation_steps(fine) > 1e8
    exact = theory.interval_occupancy(fine, theory.stationary(fine), [0.075])
    assert np.all(np.abs(law.occupancy.values - exact) < law.occupancy.error)
    assert law.occupancy.error[0] > 1e-4


def test_refined_grids_agree_within_the_stated_error():
    def build(points):
        return theory.euler_maruyama_chain(lambda x: slope(x) + 0.3, 0.2, 0.04, np.linspace(-2.2, 2.2, points))

    coarse, fine = (theory.chain_law(build, [0.075], points=points) for points in (101, 301))
    assert np.all(np.abs(coarse.occupancy.values - fine.occupancy.values) <= coarse.occupancy.error + 1e-12)
    assert np.all(coarse.occupancy.error < 1e-4)
    assert fine.relaxation_steps == pytest.approx(coarse.relaxation_steps, rel=1e-8)
    assert fine.end_probability < 1e-12


def test_finite_step_law_is_right_to_first_order_in_the_step():
    """Halving eta halves the error of exp(-E/theta) and quarters that of exp(-U/theta)."""
    theta, ends, wall = 0.3, (-1.9, 1.9), 0.08

    def energy(w):
        return (w[0] ** 2 - 1.0) ** 2 + 0.3 * w[0] + 0.4 * w[0] ** 3

    def gradient(w):
        return slope(w) + 0.3 + 1.2 * w**2

    errors = []
    for eta in (0.016, 0.008):
        chain = theory.euler_maruyama_chain(gradient, theta, eta, np.linspace(-3, 3, 1201))
        exact = theory.interval_occupancy(chain, theory.stationary(chain), [wall])[0]
        corrected = laws.finite_step_energy(energy, gradient, lambda w: 12.0 * w[0] ** 2 - 4.0 + 2.4 * w[0], eta, theta)
        found = [
            laws.exact_occupancy(law, theta, [ends], lambda w: w[0] > wall, 2).values[0] for law in (energy, corrected)
        ]
        errors.append(np.array(found) - exact)
    ratios = errors[0] / errors[1]
    np.testing.assert_allclose(ratios, [2.0, 4.0], rtol=0.2)


@pytest.mark.parametrize(("barrier", "ratio"), [(4.0, 0.9902), (8.0, 0.9882)])
def test_escape_of_the_chain_over_that_of_the_continuum(barrier, ratio):
    """(x^2 - 1)^2 at eta = 0.01 with Gaussian noise, first entry to the neighbourhood of the far minimum."""
    eta = 0.01
    chain = theory.euler_maruyama_chain(slope, 1.0 / barrier, eta, np.linspace(-2.2, 2.2, 441))
    steps = theory.mean_first_passage_steps(chain, chain.grid > 0.995)
    exact = escape.mean_first_passage_time_1d(slope, 1.0 / barrier, -1.0, 1.0, -4.0)
    assert eta * steps[np.argmin(np.abs(chain.grid + 1.0))] / exact == pytest.approx(ratio, abs=2e-4)


def test_relaxation_far_below_rounding_is_the_sum_of_both_rates():
    """Barrier 34 theta: 1 - lambda_2 is near 1e-15, less than the rounding of any of the matrix's diagonal."""
    chain = theory.euler_maruyama_chain(slope, 1.0 / 34.0, 0.02, np.linspace(-1.7, 1.7, 301))
    across = theory.mean_first_passage_steps(chain, chain.grid >= 1.0 - 1e-9)[np.argmin(np.abs(chain.grid + 1.0))]
    assert across > 1e14
    assert theory.relaxation_steps(chain) == pytest.approx(across / 2.0, rel=1e-5)
    halves = theory.interval_occupancy(chain, theory.stationary(chain), [0.0])
    np.testing.assert_allclose(halves, 0.5, rtol=1e-9)


def test_elimination_in_many_digits(monkeypatch):
    """A random chain with transitions down to 1e-40, of several blocks, against elimination in 120 digits."""
    monkeypatch.setattr("langevin_sgd.theory.elimination._BLOCK", 8)
    rng = np.random.default_rng(7)
    number = 28
    matrix = 10.0 ** rng.uniform(-40, 0, (number, number))
    matrix /= matrix.sum(axis=1, keepdims=True)
    elimination = Elimination(matrix)
    with mpmath.workdps(120):
        exact = mpmath.matrix(matrix.tolist())
        generator = -exact
        for i in range(number):
            generator[i, i] = mpmath.fsum(exact[i, j] for j in range(number) if j != i)
        times = mpmath.lu_solve(generator[1:, 1:], mpmath.ones(number - 1, 1))
        flow = mpmath.matrix([generator[0, j] for j in range(1, number)])
        weights = [mpmath.mpf(1), *mpmath.lu_solve(generator[1:, 1:].T, -flow)]
        law = [float(weight / mpmath.fsum(weights)) for weight in weights]
    np.testing.assert_allclose(elimination.solve(np.ones(number))[1:], [float(t) for t in times], rtol=1e-11)
    np.testing.assert_allclose(elimination.stationary(), law, rtol=1e-11)


def test_what_is_refused():
    with pytest.raises(UserError, match="take 401 or more"):
        theory.euler_maruyama_chain(lambda x: x, 0.5, 0.0001, np.linspace(-2, 2, 100))
    with pytest.raises(UserError, match="vanishes"):
        theory.euler_maruyama_chain(lambda x: x, lambda x: x**2, 0.1, np.linspace(-2, 2, 101))
    with pytest.raises(UserError, match="gradient is not finite"):
        theory.euler_maruyama_chain(lambda x: x + np.inf, 1.0, 0.1, np.linspace(-2, 2, 99))
    with pytest.raises(UserError, match="gradient is not finite"):
        theory.minibatch_chain(np.arange(4.0), np.full((4, 2), np.nan), 0.1, 2)
    with pytest.raises(UserError, match="equal distances"):
        theory.euler_maruyama_chain(lambda x: x, 1.0, 0.1, np.geomspace(1, 2, 9))
    with pytest.raises(UserError, match="must increase"):
        theory.euler_maruyama_chain(lambda x: x, 1.0, 0.1, np.linspace(1, -1, 9))
    chain = theory.euler_maruyama_chain(lambda x: x, 1.0, 0.1, np.linspace(-4, 4, 99))
    with pytest.raises(UserError, match="no point of the chain"):
        theory.mean_first_passage_steps(chain, chain.grid > 5)
    at = np.linspace(-1, 1, 101)
    parted = theory.minibatch_chain(at, -np.sign(at)[:, None] * np.ones(3), 0.1, 1)  # away from the middle
    with pytest.raises(UserError, match="falls into parts"):
        theory.stationary(parted)


def test_weights_beyond_the_range_of_doubles(monkeypatch):
    """Up with 1/2, down with 1e-200: the states weigh 1 to 5e199 to 2.5e399."""
    monkeypatch.setattr("langevin_sgd.theory.elimination._BLOCK", 1)
    matrix = np.array([[0.5, 0.5, 0.0], [1e-200, 0.5, 0.5], [0.0, 1e-200, 1.0]])
    np.testing.assert_allclose(Elimination(matrix).stationary(), [0.0, 2e-200, 1.0], rtol=1e-12)
