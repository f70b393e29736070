"""What a fifth of the training pays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.section import Watched


@pytest.mark.parametrize(
    ("steps", "passes", "calls", "expected"),
    [
        (10_000, 1.0, 0.0, 160),  # 0.2 * 10,000 * 4 * 20 gradients, 1,000 samples
        (10_000, 4.0, 0.0, 40),
        (10_000, 1.0, 0.5, 80),  # half a call is as much as a pass of these samples
        (10, 4.0, 0.0, 1),
        (10, 4.0, 1e6, 1),
        (None, 1.0, 0.0, 1),
    ],
)
def test_it_is_counted_in_gradients_of_samples(steps, passes, calls, expected):
    beside = SimpleNamespace(samples=range(1000))
    sgd = Sgd(learning_rate=0.1, batch_size=20)
    watched = Watched(steps, 4, 10, sgd, 1e-6, beside=beside)
    assert affordable(watched, passes, calls=calls) == expected
