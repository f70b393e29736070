"""The data of a config: loaded, split into training and test set, with label noise if asked for."""

from __future__ import annotations

from dataclasses import replace

from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.section import DataSection, train_size


def load(data: DataSection, seed: int) -> DataSet:
    """The data set of a config, split and with label noise: the same for every model of a study with one seed.

    Split and noise are drawn from the DATA_SPLIT and LABEL_NOISE streams. Raises `UserError` if a data set of the
    user's own cannot be loaded or does not fit together.
    """
    loaded = data.load()
    if loaded.test_inputs is None:
        loaded = _split(loaded, data.test_fraction, seed)
    return _with_label_noise(loaded, data.label_noise, seed) if data.label_noise > 0 else loaded


def _split(data: DataSet, test_fraction: float, seed: int) -> DataSet:
    samples = len(data.train_labels)
    training = train_size(samples, test_fraction)
    order = random_numbers.permutations(seed, trajectories=[0], steps=[0], size=samples, stream=Stream.DATA_SPLIT)
    chosen, held_out = order[0, 0, :training], order[0, 0, training:]
    inputs, labels = data.train_inputs, data.train_labels
    return replace(
        data,
        train_inputs=inputs[chosen],
        train_labels=labels[chosen],
        test_inputs=inputs[held_out],
        test_labels=labels[held_out],
    )


def _with_label_noise(data: DataSet, fraction: float, seed: int) -> DataSet:
    """Replace round(fraction N) training labels by uniformly random ones, the true one among them."""
    samples = len(data.train_labels)
    order = random_numbers.permutations(seed, trajectories=[0], steps=[0], size=samples, stream=Stream.LABEL_NOISE)
    chosen = order[0, 0, : round(fraction * samples)]
    drawn = random_numbers.integers(
        seed, trajectories=[0], steps=[1], components=samples, upper=data.classes, stream=Stream.LABEL_NOISE
    )
    labels = data.train_labels.copy()
    labels[chosen] = drawn[0, 0, chosen]
    return replace(data, train_labels=labels)
