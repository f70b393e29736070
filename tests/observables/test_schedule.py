"""Recording times hold both ends, once each, and grow as they should."""

import numpy as np
import pytest

from langevin_sgd.observables.schedule import log_spaced_steps, sampling_steps


@pytest.mark.parametrize(("steps", "count"), [(1, 1), (1, 64), (10, 64), (20000, 64), (7, 2)])
def test_log_spaced_steps_hold_both_ends_once(steps: int, count: int) -> None:
    chosen = log_spaced_steps(steps, count)
    assert chosen[0] == 0
    assert chosen[-1] == steps
    assert np.all(np.diff(chosen) > 0)
    assert chosen.size <= count + 2


def test_log_spaced_steps_grow_geometrically_where_integers_allow() -> None:
    chosen = log_spaced_steps(10**6, 61)
    late = chosen[chosen > 1000]
    assert np.ptp(np.diff(np.log(late))) < 2e-3


def test_sampling_steps() -> None:
    assert sampling_steps(100, 130, 10).tolist() == [110, 120, 130]
    with pytest.raises(ValueError, match="no sample"):
        sampling_steps(100, 105, 10)
