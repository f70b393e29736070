import itertools

import numpy as np
import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.training.minibatches import Minibatches, minibatch_indices


def _minibatches(sampling: str, *, replicas: int = 3, samples: int = 23, batch_size: int = 5, seed: int = 1):
    sgd = Sgd(learning_rate=0.1, batch_size=batch_size, sampling=sampling)
    return Minibatches.of(sgd, seed=seed, replicas=replicas, samples=samples)


def _steps(minibatches: Minibatches, first: int, count: int, at_most: int = 1 << 30) -> np.ndarray:
    found = []
    while count:
        block = minibatches.block(first, min(count, at_most))
        found.append(block)
        first, count = first + len(block), count - len(block)
    return np.concatenate(found)


@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_a_step_is_the_same_however_it_is_reached(sampling):
    whole = _steps(_minibatches(sampling), 0, 300)
    assert whole.shape == (300, 3, 5)
    assert np.array_equal(_steps(_minibatches(sampling), 0, 300, at_most=7), whole)
    assert np.array_equal(_steps(_minibatches(sampling), 123, 100), whole[123:223])
    assert np.array_equal(_steps(_minibatches(sampling, replicas=64), 0, 300)[:, :3], whole)
    once = _minibatches(sampling)
    _steps(once, 200, 50)
    assert np.array_equal(_steps(once, 3, 5), whole[3:8])


@pytest.mark.parametrize(
    ("seed", "replicas", "step", "samples", "batch_size"),
    [(1, 3, 0, 1437, 16), (2**60 + 3, 70, 2**40, 60_000, 7), (2**64 - 1, 1, 2**55, 2**31, 1)],
)
def test_compiled_indices_are_those_of_the_generator(seed, replicas, step, samples, batch_size):
    drawn = _minibatches("with_replacement", replicas=replicas, samples=samples, batch_size=batch_size, seed=seed)
    steps = np.arange(step, step + 9)
    numbers = {"trajectories": np.arange(replicas), "steps": steps, "components": batch_size}
    expected = streams.integers(seed, **numbers, upper=samples, stream=streams.Stream.MINIBATCH)
    assert np.array_equal(_steps(drawn, step, 9), expected)


@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_replicas_and_seeds_differ(sampling):
    whole = _steps(_minibatches(sampling), 0, 50)
    for a, b in itertools.combinations(range(3), 2):
        assert not np.array_equal(whole[:, a], whole[:, b])
    assert not np.array_equal(_steps(_minibatches(sampling, seed=2), 0, 50), whole)


def test_an_epoch_uses_no_sample_twice_and_leaves_the_remainder_out():
    minibatches = _minibatches("epoch")
    assert minibatches.per_epoch == 4
    epochs = _steps(minibatches, 0, 400).swapaxes(1, 2).reshape(100, 20, 3)
    for epoch in epochs:
        for replica in range(3):
            assert len(set(epoch[:, replica])) == 20
    # which ones are left out changes: 300 orders of 23, each sample sits out 3/23 of them, 4.5 standard deviations
    out = 300 - np.bincount(epochs.ravel(), minlength=23)
    assert np.all(np.abs(out - 300 * 3 / 23) < 4.5 * np.sqrt(300 * 3 / 23 * 20 / 23))


def test_with_replacement_all_samples_are_equally_likely_and_repeat():
    drawn = _steps(_minibatches("with_replacement"), 0, 4000)
    counts = np.bincount(drawn.ravel(), minlength=23)
    assert counts.size == 23
    expected = drawn.size / 23
    assert np.all(np.abs(counts - expected) < 4.5 * np.sqrt(expected))
    distinct = np.mean([len(set(batch)) == 5 for batch in drawn[:, 0]])
    probability = np.prod(1 - np.arange(5) / 23)
    assert abs(distinct - probability) < 4.5 * np.sqrt(probability * (1 - probability) / 4000)


def test_a_minibatch_larger_than_the_data_is_refused():
    with pytest.raises(UserError, match="24 is more than the 23 training samples"):
        _minibatches("epoch", batch_size=24)
    assert _minibatches("epoch", batch_size=23).per_epoch == 1


@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_the_public_function_gives_what_a_source_draws(sampling):
    whole = _steps(_minibatches(sampling), 0, 60)
    given = {"samples": 23, "batch_size": 5, "sampling": sampling}
    steps = [59, 4, 3, 4, 17]
    assert np.array_equal(minibatch_indices(1, [0, 1, 2], steps, **given), whole[steps])
    assert np.array_equal(minibatch_indices(1, 2, np.arange(60), **given), whole[:, 2])
    assert np.array_equal(minibatch_indices(1, [2, 0], 7, **given), whole[7, [2, 0]])
    one = minibatch_indices(1, 1, 8, **given)
    assert one.shape == (5,)
    assert np.array_equal(one, whole[8, 1])
    assert minibatch_indices(1, [], 8, **given).shape == (0, 5)
    assert not np.array_equal(minibatch_indices(2, 1, 8, **given), one)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"replica": -1}, "replica must be a number from 0"),
        ({"step": 0.5}, "step must be whole numbers"),
        ({"step": [[1]]}, "step must be a number from 0, or a list"),
        ({"replica": 1 << 32}, "trajectories"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, not -1"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more"),
        ({"batch_size": 24}, "24 is more than the 23 training samples"),
        ({"sampling": "epochs"}, "sampling must be with_replacement or epoch, not 'epochs'"),
    ],
)
def test_the_public_function_says_what_is_wrong(wrong, told):
    given = {"seed": 1, "replica": 0, "step": 0, "samples": 23, "batch_size": 5}
    with pytest.raises(UserError, match=told):
        minibatch_indices(**{**given, **wrong})
