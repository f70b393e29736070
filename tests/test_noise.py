"""Each noise is the amplitude b that its covariance asks for, and refuses what is no noise."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.noise import (
    DiagonalNoise,
    FullNoise,
    IsotropicNoise,
    LowRankNoise,
    NoiseError,
    PositionDependentNoise,
)

PLANE = (symbol("x"), symbol("y"))
COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])


def covariance(noise, **values):
    """b b^T at the values given, with the noise's own parameters filled in."""
    amplitude = noise.amplitude(PLANE)
    known = {symbol(name): value for name, value in {**noise.parameters, **values}.items() if value is not None}
    return np.array((amplitude * amplitude.T).xreplace({k: sympy.Float(v) for k, v in known.items()}), dtype=float)


def test_each_noise_has_its_covariance():
    np.testing.assert_allclose(covariance(IsotropicNoise(0.3)), 0.3 * np.eye(2))
    np.testing.assert_allclose(covariance(DiagonalNoise((2.0, 1.0))), np.diag([2.0, 1.0]))
    np.testing.assert_allclose(covariance(FullNoise(COVARIANCE, scale=0.1)), 0.1 * COVARIANCE)
    np.testing.assert_allclose(covariance(LowRankNoise([[2.0], [1.0]])), [[4.0, 2.0], [2.0, 1.0]])
    uneven = PositionDependentNoise(("s*x", "s*y"), {"s": 0.5})
    np.testing.assert_allclose(covariance(uneven, x=2.0, y=4.0), np.diag([1.0, 4.0]))


def test_a_scale_by_formula_is_that_of_sgd():
    noise = FullNoise(COVARIANCE, "learning_rate/batch_size", {"learning_rate": 0.1, "batch_size": None})
    np.testing.assert_allclose(covariance(noise, batch_size=16.0), 0.1 / 16 * COVARIANCE)
    isotropic = IsotropicNoise("eta*sigma**2/B", {"eta": 0.1, "sigma": 2.0, "B": 16.0})
    np.testing.assert_allclose(covariance(isotropic), 0.1 * 4 / 16 * np.eye(2))


def test_noise_of_low_rank_is_accepted():
    root = np.random.default_rng(0).normal(size=(50, 3))
    assert np.array_equal(FullNoise(root @ root.T).covariance, root @ root.T)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FullNoise(np.ones((2, 3))), r"square.*shape \(2, 3\)"),
        (lambda: FullNoise([[1.0, 0.2], [0.0, 1.0]]), r"not symmetric; give \(D \+ D\^T\)/2"),
        (lambda: FullNoise([[1.0, np.nan], [np.nan, 1.0]]), "finite"),
        (lambda: FullNoise([[1.0, 2.0], [2.0, 1.0]]), "negative eigenvalue -1; .*shrink"),
        (lambda: FullNoise(np.eye(2), scale=-1.0), "scale"),
        (lambda: LowRankNoise(np.ones((2, 3))), "m <= d"),
        (lambda: IsotropicNoise(-1.0), "temperature"),
        (lambda: IsotropicNoise(np.nan), "temperature"),
        (lambda: DiagonalNoise((1.0, np.inf)), "temperature 2"),
        (lambda: PositionDependentNoise(("x",), interpretation="Ito"), "'ito' or 'stratonovich'"),
    ],
)
def test_what_is_no_noise_is_refused_in_one_line(make, message):
    with pytest.raises(NoiseError, match=message) as caught:
        make()
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "noise",
    [FullNoise(np.eye(3)), DiagonalNoise(np.ones(3)), LowRankNoise(np.ones((3, 1))), PositionDependentNoise("x")],
)
def test_a_noise_of_another_dimension_is_refused(noise):
    with pytest.raises(FormulaError, match=r"for a landscape of 2 coordinates; give 2"):
        noise.amplitude(PLANE)
