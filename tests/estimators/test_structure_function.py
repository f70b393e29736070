"""Structure function of known landscapes: Brownian potentials, and a slope, which reads as alpha = 2."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.structure_function import structure_function

BASES, POINTS = 48, 40


def brownian(seed, bases=BASES):
    """Positions (base, point, 1) and potentials with E[(V(x)-V(y))^2] = 3 |x-y|, a new one around each base point."""
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0, 100, (bases, POINTS)), axis=1)
    steps = np.diff(x, axis=1, prepend=0)
    return x[:, :, None], np.cumsum(np.sqrt(3 * steps) * random.standard_normal(x.shape), axis=1)


def test_brownian_potential():
    """Coverage of alpha, amplitude and bins over 60 sets: within 3 binomial standard errors of two standard errors."""
    within, bins = np.zeros(2), []
    for seed in range(60):
        found = structure_function(*brownian(seed), distance_range=(1.0, 50.0), bins=8)
        law = found.power_law(1.0, 50.0)
        within += [
            abs(law.alpha - 1) < 2 * law.alpha_stderr,
            abs(np.log(law.amplitude / 3)) < 2 * law.amplitude_relative_stderr,
        ]
        bins.append(np.mean(np.abs(found.value - 3 * found.distance**1) < 2 * found.stderr))
        assert np.all(np.isnan(found.null))
    assert np.all(within / 60 > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 60))
    assert np.mean(bins) > 0.88  # r is the root mean square in a bin, so the power 1 is off by a few per cent


def test_local_exponent_of_a_brownian_potential():
    found = structure_function(*brownian(1, 400), distance_range=(1.0, 30.0), bins=6)
    np.testing.assert_allclose(found.local_alpha, 1.0, atol=0.1)
    assert np.all(np.abs(found.local_alpha - 1.0) < 4 * found.local_alpha_stderr)


def test_a_slope_reads_as_two_and_equals_its_null():
    random = np.random.default_rng(0)
    dimension = 30
    gradient = random.standard_normal((BASES, dimension)) * np.linspace(0.5, 2, BASES)[:, None]
    radius = np.geomspace(0.01, 1, POINTS)
    direction = random.standard_normal((BASES, POINTS, dimension))
    x = radius[:, None] * direction
    energy = np.einsum("bpd,bd->bp", x, gradient)
    found = structure_function(x, energy, gradient_squared=np.sum(gradient**2, axis=1), bins=6)
    assert found.power_law(0.0, np.inf).alpha == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(found.value, found.null, atol=4 * found.stderr.max(), rtol=0.3)
    rough = energy + 0.3 * random.standard_normal(energy.shape)
    above = structure_function(x, rough, gradient_squared=np.sum(gradient**2, axis=1), bins=6)
    assert above.value[0] > 10 * above.null[0]
    assert above.power_law(0.0, np.inf).alpha < 1.5


def test_sums_by_hand():
    x = np.tile(np.array([0.0, 1.0, 3.0])[None, :, None], (4, 1, 1))
    energy = np.array([0.0, 2.0, 5.0]) * np.array([1.0, 1.0, 1.0, 3.0])[:, None]
    found = structure_function(x, energy, gradient_squared=np.ones(4), bins=2, distance_range=(0.9, 3.5))
    # distances 1 | 2, 3 with a geometric edge at 1.77; squared differences 4 | 9, 25, times 1, 1, 1, 9
    np.testing.assert_array_equal(found.pairs, [4, 8])
    np.testing.assert_allclose(found.value, [4 * 3, 17 * 3])
    np.testing.assert_allclose(found.distance, [1, np.sqrt(6.5)])
    np.testing.assert_allclose(found.null, [1, 6.5])
    # leaving out the last base gives 4, any other 4 (1 + 1 + 9)/3: jackknife by hand
    left_out = np.array([4 * 11 / 3] * 3 + [4.0])
    assert found.stderr[0] == pytest.approx(np.sqrt(3 / 4 * np.sum((left_out - left_out.mean()) ** 2)))


@pytest.mark.parametrize(
    ("positions", "energies", "options", "message"),
    [
        (np.zeros((8, 5)), np.zeros((8, 5)), {}, r"must be \(base, point, coordinate\)"),
        (np.zeros((3, 5, 2)), np.zeros((3, 5)), {}, "3 base points with 5 points each; at least 4"),
        (np.zeros((8, 5, 2)), np.zeros((8, 5)), {}, "coincide"),
        (*brownian(0), {"distance_range": (500.0, 600.0)}, "no bin of distance is reached"),
        (*brownian(0), {"distance_range": (5.0, 2.0)}, "positive, ascending"),
        (brownian(0)[0], np.zeros((BASES, POINTS)), {}, "differ at every distance"),
    ],
)
def test_what_is_refused(positions, energies, options, message):
    with pytest.raises(UserError, match=message):
        structure_function(positions, energies, **options)


def test_range_without_bins():
    found = structure_function(*brownian(0), bins=8)
    with pytest.raises(UserError, match="0 bins lie in the range 1e"):
        found.power_law(1e6, 1e7)
