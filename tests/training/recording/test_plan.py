"""How often, and in what arithmetic, loss and energy are evaluated follows from counted work alone."""

import numpy as np
import pytest

from langevin_sgd.observables.schedule import log_spaced_steps
from langevin_sgd.training.recording.config import Recording
from langevin_sgd.training.recording.plan import plan

DIGITS = {"batch_size": 16, "samples": 1797, "training": "float32", "alike": True, "window": False}
LARGE = 10**7  # operations of a sample, so that nothing is free


def planned(steps: int, recording: Recording | None = None, **more: object):
    record = log_spaced_steps(steps, 64)
    return record, plan(recording or Recording(), record, **{**DIGITS, "operations": LARGE, **more})


@pytest.mark.parametrize(
    ("steps", "precision", "evaluations"),
    [
        (200, "float32", 1),
        (2000, "float32", 8),
        (10_000, "float32", 41),
        (20_000, "float32", 99),
        (40_000, "float64", 99),
    ],
)
def test_evaluations_take_a_fifth_of_the_training(steps: int, precision: str, evaluations: int) -> None:
    """Of steps of 3 (16 + 6) passes, with 7/4 or 3 a sample: the last record is always there, step 0 beside them."""
    record, found = planned(steps)
    assert (found.precision, found.evaluated.size - 1) == (precision, min(evaluations, record.size - 1))
    assert found.evaluated[0] == 0
    assert found.evaluated[-1] == steps
    assert np.isin(found.evaluated, record).all()
    assert (np.diff(found.evaluated) > 0).all()
    spent = (found.evaluated.size - 1) * 1797 * {"float32": 1.75, "float64": 3}[precision]
    assert spent <= 0.2 * steps * 66 or evaluations == 1


def test_they_are_spread_evenly_over_the_record() -> None:
    record, found = planned(2000)
    places = np.searchsorted(record, found.evaluated)
    assert np.ptp(np.diff(places)) <= 1


def test_what_takes_a_moment_is_never_left_out() -> None:
    """Up to 2e8 operations of a replica: here of a small network on little data, for 30 steps."""
    record, found = planned(30, samples=100, operations=60)
    assert found.precision == "float64"
    np.testing.assert_array_equal(found.evaluated, record)


def test_of_a_small_network_the_loss_itself_counts() -> None:
    """A network of 1280 operations a sample, fewer than its loss takes, on so many samples that few are free."""
    assert planned(2000, operations=1280, samples=15_000)[1].evaluated.size == 11  # as many as are free, and the start
    assert planned(200_000, operations=1280, samples=15_000)[1].evaluated.size == 51


def test_replicas_that_start_apart_are_all_evaluated_at_the_start() -> None:
    alike, apart = planned(2000)[1], planned(2000, alike=False)[1]
    assert apart.evaluated.size == alike.evaluated.size - 1


def test_what_a_window_is_compared_with_is_evaluated_in_full() -> None:
    record, found = planned(200, window=True)
    assert found.precision == "float64"
    np.testing.assert_array_equal(found.evaluated, record)


@pytest.mark.parametrize("window", [False, True])
def test_a_config_has_the_last_word(window: bool) -> None:
    told = Recording(precision="float32", evaluations=30)
    found = planned(200, told, window=window)[1]
    assert (found.precision, found.evaluated.size) == ("float32", 31)
    assert planned(40_000, Recording(evaluations=5))[1].precision == "float64"  # five are affordable
    assert planned(2_000, Recording(evaluations=8))[1].precision == "float32"
    assert planned(2_000, Recording(precision="float64"))[1].evaluated.size == 5
