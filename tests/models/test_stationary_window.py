"""What the config leaves open about the stationary window is filled in so that the window is stationary."""

import math

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.models.stationary_window import stationary_window


def test_defaults_wait_five_relaxation_times_but_at_most_half_of_the_run() -> None:
    assert stationary_window(steps=10_000, slowest_autocorrelation_time=200.0) == (1000, 22)
    assert stationary_window(steps=10_000, slowest_autocorrelation_time=1e6).burn_in == 5000


def test_epoch_sampling_visits_every_phase() -> None:
    window = stationary_window(steps=100_000, slowest_autocorrelation_time=100.0, batches_per_epoch=112)
    assert math.gcd(window.every, 112) == 1
    with pytest.raises(UserError, match="phases"):
        stationary_window(steps=100_000, slowest_autocorrelation_time=100.0, every=56, batches_per_epoch=112)


def test_a_window_without_a_sample_is_refused() -> None:
    with pytest.raises(UserError, match="no room"):
        stationary_window(steps=100, slowest_autocorrelation_time=1.0, burn_in=95, every=10)


@pytest.mark.parametrize("batches", [89, 112, 719, 1438, 1562])
def test_few_samples_of_an_epoch_are_spread_over_its_phases(batches: int) -> None:
    """Four hundred phases leave no gap of more than three times their mean distance (or one batch)."""
    window = stationary_window(steps=700_000, slowest_autocorrelation_time=1000.0, batches_per_epoch=batches)
    phases = np.unique(np.arange(1, 401) * window.every % batches)
    gaps = np.diff(np.concatenate([phases, [phases[0] + batches]]))
    assert gaps.max() <= max(3 * batches / 400, 1)
