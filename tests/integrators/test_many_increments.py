"""A step that takes a whole word or more: of the steps of one pass through a kernel each has words of its own."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd import Expression, IsotropicNoise, integrate
from langevin_sgd.integrators.state import State


def walked(dimension: int, increments: str, lengths: list[int], **more: str) -> np.ndarray:
    """Positions of free walkers after steps in segments of these lengths: sums of the increments."""
    names = [f"x{i}" for i in range(dimension)]
    flat = Expression("+".join(f"0.0*{name}**2" for name in names), variables=names)
    state: State | None = None
    for steps in lengths:
        state = integrate(
            flat, IsotropicNoise(1.0), increments=increments, time_step=1.0, steps=steps, trajectories=64, seed=1,
            state=state, **more,
        ).state  # fmt: skip
    assert state is not None
    return state.vectors["position"]


@pytest.mark.parametrize(("dimension", "increments"), [(8, "three_point"), (9, "three_point"), (16, "three_point")])
def test_they_are_those_of_other_backends_wherever_segments_end(dimension: int, increments: str) -> None:
    """With eight digits a word, eight components use it up and nine take two words."""
    together = walked(dimension, increments, [30])
    np.testing.assert_array_equal(together, walked(dimension, increments, [7, 2, 21]))
    other = walked(dimension, increments, [30], backend="batched", device="cpu")
    np.testing.assert_allclose(together, other, rtol=0.0, atol=1e-12)
    variance = together.var() / 30.0  # 64 d sums of 30 increments of variance 1
    assert abs(variance - 1.0) < 5.0 * np.sqrt(2.0 / together.size)
