"""The law of a Langevin twin lies between those of SGD and of the continuum, by its time step."""

import numpy as np
import pytest
import scipy.linalg

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.twin import twin_at_minimum
from langevin_sgd.theory.least_squares import second_moments

SGD = Sgd(learning_rate=0.5, batch_size=3)
K = np.array([2.9, 1.1, 0.2])


@pytest.fixture
def c():
    root = np.random.default_rng(0).normal(size=(3, 3))
    return root @ root.T


@pytest.mark.parametrize("substeps", [1, 2, 4, 8])
def test_the_law_is_that_of_the_map_of_a_step_of_the_twin_and_of_svag(c, substeps):
    """S = A S A + q with the mean of a step, A = I - eta H/l, and its noise, that of both minibatches of svag."""
    l = substeps  # noqa: E741
    process = twin_at_minimum(K, c, SGD, substeps=l)
    a, s = np.eye(3) - SGD.learning_rate / l * np.diag(K), np.sqrt(2 * l - 1)
    shares = (0.5 * (1 + s)) ** 2 + (0.5 * (1 - s)) ** 2
    q = (SGD.learning_rate / l) ** 2 * shares * c / SGD.batch_size
    np.testing.assert_allclose(process.covariance("twin"), scipy.linalg.solve_discrete_lyapunov(a, q), rtol=1e-10)


def test_it_is_sgd_at_its_own_step_and_the_continuum_in_the_limit(c):
    one, many = (twin_at_minimum(K, c, SGD, substeps=substeps) for substeps in (1, 1000))
    np.testing.assert_allclose(one.covariance("twin"), one.covariance("discrete"), rtol=1e-12)
    np.testing.assert_allclose(many.covariance("twin"), many.covariance("continuum"), rtol=2e-3)
    assert np.abs(one.covariance("twin") / one.covariance("continuum") - 1).max() > 0.3


def test_times_are_counted_in_steps_of_sgd(c):
    steps = np.array([1, 5, 400])
    process = twin_at_minimum(K, c, SGD, substeps=4)
    reached = process.transient_variance(steps)
    np.testing.assert_allclose(reached[-1], np.diag(process.covariance("twin")), rtol=1e-9)
    one_step = 4 * (SGD.learning_rate / 4) ** 2 / (SGD.batch_size / 4) * np.diag(c)  # were there no drift
    assert (reached[0] < one_step).all()
    assert (reached[0] > 0.1 * one_step).all()
    assert reached[0, -1] == pytest.approx(one_step[-1], rel=0.1)  # the flattest mode drifts least
    slow = 1.0 / (SGD.learning_rate * K[-1])
    assert process.autocorrelation_time()[-1] == pytest.approx(slow, rel=0.05)


def test_where_sgd_is_unstable_the_twin_need_not_be(c):
    sharp = K * 2  # eta lambda = 2.9
    with pytest.raises(Diverged):
        twin_at_minimum(sharp, c, SGD, substeps=1).refuse_unstable()
    twin_at_minimum(sharp, c, SGD, substeps=2).refuse_unstable()


def test_of_least_squares_it_has_the_noise_of_every_point(c):
    rng = np.random.default_rng(1)
    roots = rng.normal(size=(40, 1, 3))
    k, basis = np.linalg.eigh(np.einsum("noi,noj->ij", roots, roots) / 40)
    turned = roots @ basis
    sgd = SGD.model_copy(update={"learning_rate": 0.1})
    process = twin_at_minimum(k, c, sgd, substeps=2, samples=40, roots=turned)
    expected = second_moments(k, c, turned, 0.05, 1.5).covariance()
    np.testing.assert_allclose(process.covariance("twin"), expected, rtol=1e-10)
    assert np.trace(expected) > 1.02 * np.trace(process.fine.covariance("discrete"))
