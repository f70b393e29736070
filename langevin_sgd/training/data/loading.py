"""The data of a config: loaded, split into training and test set, with noise in the targets, scaled."""

from __future__ import annotations

from dataclasses import replace

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data import transforms
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.section import DataSection, train_size

_STEP_OF_NOISE = 2  # of the stream's counter; 0 and 1 choose and draw labels


def load(data: DataSection, seed: int) -> DataSet:
    """The data set of a config, split, with its noise, and scaled: the same for every model of a study with one seed.

    Split and noise are drawn from the DATA_SPLIT and LABEL_NOISE streams. Raises `UserError` if a data set of the
    user's own cannot be loaded or does not fit together, and for noise of a kind that its targets cannot have.
    """
    loaded = data.drawn(seed)
    if (fault := data.noise_problem(loaded.classes) or data.target_problem(loaded.classes)) is not None:
        raise FaultWithin(("data", fault[0]), fault[1])
    if loaded.test_inputs is None:
        loaded = _split(loaded, data.test_fraction, seed)
    if data.train_size is not None:
        loaded = _fewer(loaded, data.train_size, seed)
    if loaded.classes is not None and data.label_noise > 0:
        loaded = _with_label_noise(loaded, loaded.classes, data.label_noise, seed)
    if data.noise > 0:
        loaded = _with_noise(loaded, data.noise, seed)
    if data.standardise or data.whiten:
        loaded = transforms.of_inputs(loaded, whiten=data.whiten)
    return transforms.of_targets(loaded) if data.standardise_targets else loaded


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


def _fewer(data: DataSet, size: int, seed: int) -> DataSet:
    """The first `size` training samples in a random order of their own."""
    samples = len(data.train_labels)
    if size > samples:
        raise FaultWithin(
            ("data", "train_size"), f"{size} is more than the {samples} that there are; give at most {samples}"
        )
    order = random_numbers.permutations(seed, trajectories=[0], steps=[1], size=samples, stream=Stream.DATA_SPLIT)
    chosen = order[0, 0, :size]
    return replace(data, train_inputs=data.train_inputs[chosen], train_labels=data.train_labels[chosen])


def _with_label_noise(data: DataSet, classes: int, fraction: float, seed: int) -> DataSet:
    """Replace round(fraction N) training labels by uniformly random ones, the true one among them."""
    samples = len(data.train_labels)
    order = random_numbers.permutations(seed, trajectories=[0], steps=[0], size=samples, stream=Stream.LABEL_NOISE)
    chosen = order[0, 0, : round(fraction * samples)]
    drawn = random_numbers.integers(
        seed, trajectories=[0], steps=[1], components=samples, upper=classes, stream=Stream.LABEL_NOISE
    )
    labels = data.train_labels.copy()
    labels[chosen] = drawn[0, 0, chosen]
    return replace(data, train_labels=labels)


def _with_noise(data: DataSet, deviation: float, seed: int) -> DataSet:
    """Add independent Gaussian numbers to the real targets of the training set."""
    targets = data.train_labels
    drawn = random_numbers.normals(
        seed, trajectories=[0], steps=[_STEP_OF_NOISE], components=targets.size, stream=Stream.LABEL_NOISE
    )
    return replace(data, train_labels=targets + deviation * drawn.reshape(targets.shape))
