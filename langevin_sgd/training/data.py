"""Data sets: numpy arrays, split into training and test set, with label noise if asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config import Data, train_size
from langevin_sgd.errors import UserError
from langevin_sgd.integrators import random_numbers
from langevin_sgd.integrators.random_numbers import Stream
from langevin_sgd.training import import_path


@dataclass(frozen=True)
class DataSet:
    """Labelled samples for classification.

    Inputs have the sample as first axis and any shape after it, of floating or integer type; labels are integers in
    [0, classes). A data set of your own that leaves the test set out is split as the config says.
    """

    train_inputs: NDArray[Any]
    train_labels: NDArray[Any]
    classes: int
    test_inputs: NDArray[Any] | None = None
    test_labels: NDArray[Any] | None = None
    name: str = "data"


def load(data: Data, seed: int) -> DataSet:
    """The data set of a config, split and with label noise: the same for every model of a study with one seed.

    `digits` are the 1797 images of 8 x 8 pixels that scikit-learn comes with (Alpaydin and Kaynak 1998), scaled to
    [0, 1]. Split and noise are drawn from the DATA_SPLIT and LABEL_NOISE streams. Raises `UserError` if a data set of
    the user's own cannot be loaded or does not fit together.
    """
    loaded = _digits() if data.name == "digits" else _user_data(data)
    if loaded.test_inputs is None:
        loaded = _split(loaded, data.test_fraction, seed)
    return _with_label_noise(loaded, data.label_noise, seed) if data.label_noise > 0 else loaded


def _digits() -> DataSet:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return DataSet(images / 16.0, labels.astype(np.int64), classes=10, name="digits")


def _user_data(data: Data) -> DataSet:
    loader = import_path.load(data.name)
    given = {} if data.folder is None else {"folder": data.folder}
    loaded = import_path.call(loader, data.name, given, {})
    if not isinstance(loaded, DataSet):
        raise UserError(
            f"{data.name}: returned {type(loaded).__name__}; a langevin_sgd.training.data.DataSet is needed"
        )
    _check(loaded.train_inputs, loaded.train_labels, loaded.classes, f"{data.name}: training set")
    if loaded.test_inputs is not None or loaded.test_labels is not None:
        _check(loaded.test_inputs, loaded.test_labels, loaded.classes, f"{data.name}: test set")
        assert loaded.test_inputs is not None
        if np.shape(loaded.test_inputs)[1:] != np.shape(loaded.train_inputs)[1:]:
            raise UserError(f"{data.name}: inputs of training and test set have different shapes")
    return loaded


def _check(inputs: Any, labels: Any, classes: int, which: str) -> None:
    if not (isinstance(inputs, np.ndarray) and isinstance(labels, np.ndarray)):
        raise UserError(f"{which}: inputs and labels must be numpy arrays")
    if labels.ndim != 1 or inputs.ndim < 2 or len(inputs) != len(labels):
        raise UserError(
            f"{which}: inputs of shape {inputs.shape} and labels of shape {labels.shape} do not fit; "
            "give (samples, ...) and (samples,)"
        )
    if inputs.dtype.kind not in "fiu" or not np.isfinite(inputs).all():
        raise UserError(f"{which}: inputs must be finite numbers, not {inputs.dtype}")
    if labels.dtype.kind not in "iu":
        raise UserError(f"{which}: labels must be integers, not {labels.dtype}")
    if classes < 2 or (len(labels) and not 0 <= labels.min() <= labels.max() < classes):
        raise UserError(f"{which}: labels must lie in [0, {classes}), and there must be two classes or more")


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
