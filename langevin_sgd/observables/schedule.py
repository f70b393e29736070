"""When a run is recorded and sampled, in steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def time_coordinates(
    steps: ArrayLike,
    *,
    learning_rate: float | NDArray[Any],
    momentum: float | NDArray[Any],
    factors: ArrayLike | None = None,
) -> dict[str, NDArray[Any]]:
    """`step`, `time = eta step` and `effective_time = eta step/(1 - mu)` of the recorded steps.

    Where the learning rate changes, `factors` is the sum over the steps before of what eta is multiplied by, and takes
    the place of their number.

    With eta and mu of many points, each (point, 1), the times are (point, time).
    """
    step = np.asarray(steps, dtype=np.int64)
    time = learning_rate * (step if factors is None else np.asarray(factors, dtype=np.float64))
    return {"step": step, "time": time, "effective_time": time / (1.0 - momentum)}


def log_spaced_steps(steps: int, count: int) -> NDArray[np.int64]:
    """Step 0 and up to `count` distinct steps from 1 to `steps`, equally spaced in log step, both ends included."""
    if steps < 1 or count < 1:
        raise ValueError(f"steps and count must be at least 1, got {steps} and {count}")
    spaced = np.rint(np.geomspace(1, steps, count)).astype(np.int64) if count > 1 else np.array([steps])
    return np.unique(np.concatenate([[0], spaced, [steps]]))


def distinct_log_spaced_steps(steps: int, count: int) -> NDArray[np.int64]:
    """Step 0 and exactly `count` distinct steps up to `steps`, spaced as in `log_spaced_steps` where that is possible.

    Where logarithmic spacing is finer than one step, consecutive steps. Raises `ValueError` for more than `steps`.
    """
    if not 1 <= count <= steps:
        raise ValueError(f"there are no {count} distinct steps from 1 to {steps}")
    spaced = np.rint(np.geomspace(1, steps, count)).astype(np.int64) if count > 1 else np.array([steps])
    number = np.arange(count)
    spread = np.maximum.accumulate(spaced - number) + number
    return np.concatenate([[0], np.minimum(spread, steps - number[::-1])])


def sampling_steps(burn_in: int, steps: int, every: int) -> NDArray[np.int64]:
    """Steps burn_in + every, burn_in + 2 every, ... up to `steps`, at which the stationary window is sampled.

    Raises `ValueError` if the window holds no sample.
    """
    chosen = np.arange(burn_in + every, steps + 1, every, dtype=np.int64)
    if not chosen.size:
        raise ValueError(f"no sample fits between burn_in {burn_in} and steps {steps} at every {every} steps")
    return chosen
