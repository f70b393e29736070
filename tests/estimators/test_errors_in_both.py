"""A line through points with errors in both coordinates: a known table, and its error over many sets of points."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.estimators.errors_in_both import line

# the data of Pearson with the weights of York, and the solution that York et al. 2004 quote for them
X = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
Y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
WEIGHT_X = np.array([1000.0, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1])
WEIGHT_Y = np.array([1.0, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])


def test_the_line_of_pearsons_data_with_yorks_weights():
    found = line(X, Y, 1.0 / WEIGHT_X, 1.0 / WEIGHT_Y, np.zeros(10))
    assert found.intercept == pytest.approx(5.47991, abs=1e-5)
    assert found.slope == pytest.approx(-0.480533, abs=1e-6)
    assert found.slope_stderr == pytest.approx(0.0579850, abs=1e-6)
    assert found.misfit == pytest.approx(11.866 / 8, abs=1e-3)


def test_slope_and_error_are_right_with_correlated_errors():
    generator = np.random.default_rng(2)
    covariance = np.array([[0.04, 0.03], [0.03, 0.06]])
    truth = np.linspace(0.0, 2.0, 20)
    fits = []
    for _ in range(300):
        noise = generator.multivariate_normal([0.0, 0.0], covariance, size=20)
        parts = (np.full(20, part) for part in (covariance[0, 0], covariance[1, 1], covariance[0, 1]))
        fits.append(line(truth + noise[:, 0], 1.3 * truth + 0.2 + noise[:, 1], *parts))
    slopes = np.array([each.slope for each in fits])
    assert abs(slopes.mean() - 1.3) < 4.0 * slopes.std() / np.sqrt(300)
    assert np.mean([each.slope_stderr for each in fits]) == pytest.approx(slopes.std(), rel=0.17)  # 4 errors of it
    assert np.mean([each.misfit for each in fits]) == pytest.approx(1.0, abs=4.0 / np.sqrt(9 * 300))


def test_two_points_have_no_error():
    assert np.isnan(line(X[:2], Y[:2], 1.0 / WEIGHT_X[:2], 1.0 / WEIGHT_Y[:2], np.zeros(2)).slope)
