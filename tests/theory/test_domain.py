"""What a box leaves out of a law, and domains that leave out next to nothing: against normal and Student's law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from langevin_sgd.errors import UserError
from langevin_sgd.theory import domain, occupancy


def harmonic(w):
    return (w**2).sum(axis=0) / 2.0


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_loss_of_a_box_around_a_gaussian(dimension):
    """Box of +-2: P(|x| < 6)^d/P(|x| < 2)^d - 1, the neighbours being as wide as the box."""
    inside, wide = (stats.norm.cdf(x) - stats.norm.cdf(-x) for x in (2.0, 6.0))
    found = domain.boltzmann_loss(harmonic, 1.0, [(-2.0, 2.0)] * dimension)
    assert found == pytest.approx((wide / inside) ** dimension - 1.0, rel=1e-4)
    assert domain.boltzmann_loss(harmonic, 1.0, [(-7.0, 7.0)] * dimension) < 1e-10


def test_laws_in_a_box_that_cuts_them_are_refused():
    """Unless the walls are meant."""
    cut = [(-2.0, 2.0)]
    with pytest.raises(UserError, match=r"next to it lies 0.048 of the probability in it .* widen the box"):
        occupancy.quadrature(harmonic, 1.0, cut)
    with pytest.raises(UserError, match="widen the box"):
        occupancy.exact_occupancy(harmonic, 1.0, cut, lambda w: w[0] > 0.0, 2)
    with pytest.raises(UserError, match="widen the box"):
        occupancy.ito_density(lambda x: x, lambda x: 1.0 + 0.0 * x, cut)
    kept = occupancy.quadrature(harmonic, 1.0, cut, walls=True)
    assert kept.probabilities.sum() == pytest.approx(1.0)


def test_what_lies_behind_a_barrier_that_nothing_crosses_is_no_loss():
    """x^2/2 - x^4/400 falls from |x| = 10 on, behind a barrier of 25: lost at theta = 1, nothing at theta = 1/2."""

    def metastable(w):
        return w[0] ** 2 / 2.0 - w[0] ** 4 / 400.0

    assert domain.boltzmann_loss(metastable, 0.5, [(-9.0, 9.0)]) < 1e-12
    assert domain.boltzmann_loss(metastable, 1.0, [(-9.0, 9.0)]) > 1.0


def test_a_tail_as_a_power_is_followed_until_its_loss_is_small():
    """E' = k x, D = theta (1 + x^2): Student's law with 2 (1 + k/(2 theta)) - 1 degrees of freedom."""
    k, theta = 1.0, 0.5
    freedom = 2.0 * (1.0 + k / (2.0 * theta)) - 1.0
    law = stats.t(freedom, scale=freedom**-0.5)
    low, high = domain.line_domain(lambda x: k * x, lambda x: theta * (1.0 + x**2), (-1.0, 1.0))
    assert law.cdf(low) + law.sf(high) < domain.LOSS
    assert high < 3000.0


def test_a_deeper_well_outside_belongs_to_the_domain():
    """At x = 6, behind a barrier of a few theta."""

    def slope(x):
        return x * (x - 3.0) * (x - 6.0) / 10.0 - 0.2

    low, high = domain.line_domain(slope, lambda x: 0.5 + 0.0 * x, (-1.0, 1.0))
    assert low < -2.0
    assert high > 9.0


@pytest.mark.parametrize("slope", [lambda x: np.tanh(x) / (1.0 + x**4), lambda x: x - 0.3 * x**3])
def test_no_domain_where_the_probability_does_not_end(slope):
    with pytest.raises(domain.NotNormalisable, match="the probability does not end on the left"):
        domain.line_domain(slope, lambda x: 0.5 + 0.0 * x, (-1.0, 1.0))
