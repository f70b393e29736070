"""Flooding at Gamma = theta ln t against the master equation on the same disorders: they meet as ln t grows."""

import numpy as np
import pytest

from langevin_sgd.integrators.flooding import flood
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import Line
from langevin_sgd.theory import logarithmic_diffusion as theory

THETA, DISORDERS, HALF_WIDTH = 0.5, 320, 600
WIDE = 3000  # for water that rises twice as high; the inner sites are the same
LN_TIMES = np.array([6.0, 12.0, 24.0])
NEAR = 0.3  # of (theta ln t)^2/A: practically no walker that moves to another valley moves less


@pytest.fixture(scope="module")
def walks():
    """Positions (disorder, time) drawn from the master equation, the flooding of the same potentials."""
    wide = Line(1.0, half_width=WIDE).potential(6, np.arange(DISORDERS))
    potential = wide[:, WIDE - HALF_WIDTH : WIDE + HALF_WIDTH + 1]
    drawn = evolve(potential, times=np.exp(LN_TIMES), thermal_energy=THETA, steps_per_e_fold=6, draws=1, seed=6)
    return drawn.positions[:, 0, :] - HALF_WIDTH, flood(wide)


def agreeing(walks, gamma):
    """Which disorders have the drawn position at the flooding bottom, (disorder, time)."""
    drawn, flooding = walks
    assert flooding.censored(gamma).mean() < 0.01
    unit = NEAR * theory.length_scale(LN_TIMES, alpha=1.0, amplitude=1.0, thermal_energy=THETA)
    return np.abs(drawn - flooding.displacement(gamma)[..., 0]) < unit


def test_positions_meet_the_flooding_bottom_more_and_more_often(walks):
    near = agreeing(walks, THETA * LN_TIMES)
    share = near.mean(axis=0)
    for early, late in ((0, 1), (1, 2)):
        change = near[:, late].astype(float) - near[:, early]
        # three standard errors of the paired difference
        assert change.mean() > 3.0 * change.std(ddof=1) / np.sqrt(DISORDERS)
    assert share[-1] > 0.75


def test_temperature_in_place_of_thermal_energy_is_seen(walks):
    """At Gamma = T ln t most walkers have moved on: 1 - [5/3 - (2/3)/e]/4 = 0.64 of them in the limit."""
    share = agreeing(walks, 2.0 * THETA * LN_TIMES)[:, -1].mean()
    assert abs(share - theory.aging_probability(2.0)) < 4.0 * np.sqrt(0.25 / DISORDERS)
    assert share < 0.5
