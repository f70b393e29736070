"""Evaluation on some of the samples, and in float32."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training.energy import Evaluator, Samples
from langevin_sgd.training.recording.meter import on_subsets, subset
from langevin_sgd.training.threads import Workers


def places(part: Samples, whole: Samples) -> set[int]:
    """Where the samples of a part are in the whole."""
    return {int((whole.inputs == row).all(1).nonzero()[0, 0]) for row in part.inputs}


def test_subsets_are_drawn_once_and_larger_ones_hold_smaller_ones(samples: Samples) -> None:
    few, more = (places(subset(samples, size, seed=1, test=False), samples) for size in (20, 50))
    assert few < more
    assert len(few) == 20
    assert len(more) == 50
    assert few == places(subset(samples, 20, seed=1, test=False), samples)
    assert few != places(subset(samples, 20, seed=2, test=False), samples)
    assert few != places(subset(samples, 20, seed=1, test=True), samples)
    assert subset(samples, 211, seed=1, test=False) is samples


def test_the_standard_error_of_a_subset_is_that_over_subsets(make_network, samples: Samples) -> None:
    """The loss on 60 of 211 samples: over 400 draws it scatters about that on all by its standard error.

    The scatter of 400 draws is known to 3.5%; without the correction for drawing from few the errors were 18% larger.
    """
    network = make_network(nn.Linear(9, 4))
    with Workers(1) as workers:

        def make(part: Samples, of: int) -> Evaluator:
            return Evaluator(network, part, workers, of=of)

        whole, some = (on_subsets(make, samples, samples, size, seed=0) for size in (None, 60))
        exact, found = (meter.train(network.weights()[None]) for meter in (whole, some))
    assert (whole.drawn, some.drawn) == ((), ("train", "test"))
    assert exact.stderr is None
    drawn = [subset(samples, 60, seed=seed, test=False) for seed in range(400)]
    outputs = network.module(samples.inputs).detach()
    losses = nn.functional.cross_entropy(outputs, samples.labels, reduction="none")
    means = [float(losses[sorted(places(part, samples))].mean()) for part in drawn]
    assert float(found.loss[0]) == pytest.approx(means[0], rel=1e-12)
    assert abs(np.mean(means) - exact.loss[0]) < 4 * np.std(means) / np.sqrt(400)
    assert float(found.stderr[0]) == pytest.approx(np.std(means), rel=0.12)


def test_float32_sums_over_samples_in_float64(make_network, samples: Samples) -> None:
    layers = nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 4)
    weights = make_network(*layers).weights() + 0.1 * torch.randn(5, 102, generator=torch.Generator().manual_seed(0))
    with Workers(1) as workers:
        exact = Evaluator(make_network(*layers), samples, workers)(weights)
        single = torch.float32
        found = Evaluator(make_network(*layers, dtype=single), samples.to(single), workers, dtype=single)(weights)
    assert found.loss.dtype == np.float64
    np.testing.assert_allclose(found.loss, exact.loss, rtol=3e-7)
    assert not np.array_equal(found.loss, exact.loss)
    np.testing.assert_array_equal(found.accuracy, exact.accuracy)
