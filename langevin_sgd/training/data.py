"""Data sets: numpy arrays, split into training and test set, with label noise if asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd import import_path
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.config import Data, train_size
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.real_array import native_array


@dataclass(frozen=True)
class DataSet:
    """Labelled samples for classification.

    Inputs have the sample as first axis and any shape after it, of floating or integer type, finite in float32; labels
    are integers in [0, classes). Both may have any width and byte order, and are copied when they are loaded; masked
    entries are refused. A data set of your own that leaves the test set out is split as the config says.
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
    loaded, again = _called(data), _called(data)
    for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
        first, second = getattr(loaded, name), getattr(again, name)
        if (first is None) != (second is None) or (first is not None and not _equal(first, second)):
            raise UserError(
                f"{data.name}: {name} are others at a second call, so that no two models of a study would have "
                "the same data; seed what draws them, as by numpy.random.default_rng(0)"
            )
    return loaded


def _equal(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and bool(np.all(first == second))


def _called(data: Data) -> DataSet:
    """What the user's function returns, checked."""
    loader = import_path.load(data.name)
    given = {} if data.folder is None else {"folder": os.path.expanduser(data.folder)}
    loaded = import_path.call(loader, data.name, given, {})
    if not isinstance(loaded, DataSet):
        raise UserError(f"{data.name}: returned {type(loaded).__name__}; a langevin_sgd.DataSet is needed")
    classes = loaded.classes
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
        raise UserError(f"{data.name}: classes must be a whole number, two or more, not {classes!r}")
    train = _checked(loaded.train_inputs, loaded.train_labels, int(classes), f"{data.name}: training set")
    test: tuple[NDArray[Any] | None, NDArray[Any] | None] = None, None
    if loaded.test_inputs is not None or loaded.test_labels is not None:
        test = _checked(loaded.test_inputs, loaded.test_labels, int(classes), f"{data.name}: test set")
        if np.shape(test[0])[1:] != train[0].shape[1:]:
            raise UserError(f"{data.name}: inputs of training and test set have different shapes")
    return DataSet(*train, int(classes), *test, name=loaded.name)


_MENDS_OF_LABELS = {
    True: "convert them (.astype(int))",
    False: "number the classes (numpy.unique(labels, return_inverse=True)[1])",
}


def _mend(array: Any) -> str:
    if array is None:
        return "give both, or leave out the test set"
    if hasattr(array, "to_numpy"):
        return "convert them with .to_numpy()"
    return "convert them with .detach().cpu().numpy()" if hasattr(array, "detach") else "convert them with numpy.array"


def _checked(inputs: Any, labels: Any, classes: int, which: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Inputs in float32, float64 or int64 and labels in int64: copies, which nobody else changes."""
    for array, name in ((inputs, "inputs"), (labels, "labels")):
        if not isinstance(array, np.ndarray):
            raise UserError(
                f"{which}: inputs and labels must be numpy arrays; {name} are {type(array).__name__}; {_mend(array)}"
            )
    if labels.ndim != 1 or inputs.ndim < 2 or len(inputs) != len(labels):
        raise UserError(
            f"{which}: inputs of shape {inputs.shape} and labels of shape {labels.shape} do not fit; "
            "give (samples, ...) and (samples,), with the class's number for one-hot rows (.argmax(axis=1))"
        )
    if inputs.size == 0:
        raise UserError(f"{which}: inputs of shape {inputs.shape} hold no number; give one sample or more")
    if inputs.dtype.kind not in "fiu":
        raise UserError(f"{which}: inputs must be real numbers, not {inputs.dtype}; convert them (.astype(float))")
    if labels.dtype.kind not in "iu":
        mend = _MENDS_OF_LABELS[labels.dtype.kind in "fb"]
        raise UserError(f"{which}: labels must be integers, not {labels.dtype}; {mend}")
    inputs = native_array(inputs, f"{which}: inputs", UserError)
    labels = native_array(labels, f"{which}: labels", UserError)
    _refuse(~np.isfinite(inputs), inputs, f"{which}: inputs must be finite", "remove or replace them")
    with np.errstate(over="ignore"):
        overflow = ~np.isfinite(inputs.astype(np.float32))
    _refuse(overflow, inputs, f"{which}: inputs must fit into float32", "scale them to order 1")
    outside = f"{which}: labels must lie in [0, {classes})"
    _refuse((labels < 0) | (labels >= classes), labels, outside, "number the classes from 0 or raise classes")
    return np.array(inputs), np.array(labels)


def _refuse(bad: NDArray[np.bool_], values: NDArray[Any], rule: str, mend: str) -> None:
    """Raise `UserError` with the first entry that breaks the rule."""
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        found = f"{int(bad.sum()):,} of {bad.size:,} fail this, the first at {list(first)} with {values[first]:g}"
        raise UserError(f"{rule}; {found}; {mend}")


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
