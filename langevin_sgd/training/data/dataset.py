"""Samples with their targets as numpy arrays, and whether those of the user's own fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import native_array


@dataclass(frozen=True)
class DataSet:
    """Samples with their targets: a class, or real numbers.

    Inputs have the sample as first axis and any shape after it, of floating or integer type, finite in float32. Labels
    are integers (n,) in [0, classes), or without `classes` real targets, (n,) or (n, k) of floating type and finite in
    float32. All may have any width and byte order, and are copied when they are loaded; masked entries are refused. A
    data set of your own that leaves the test set out is split as the config says.
    """

    train_inputs: NDArray[Any]
    train_labels: NDArray[Any]
    classes: int | None = None
    test_inputs: NDArray[Any] | None = None
    test_labels: NDArray[Any] | None = None
    name: str = "data"

    @property
    def targets(self) -> int:
        """Numbers a sample that are its target: k of real ones, 1 of classes."""
        return 1 if self.train_labels.ndim == 1 else int(self.train_labels.shape[1])

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it: one a class, or one a real number. A loss may want others."""
        return self.targets if self.classes is None else self.classes


def checked(loaded: object, name: str) -> DataSet:
    """What a function of the user's own returned, as arrays that nobody else changes.

    Raises `UserError` if it is no data set, or its parts do not fit together.
    """
    if not isinstance(loaded, DataSet):
        raise UserError(f"{name}: returned {type(loaded).__name__}; a langevin_sgd.DataSet is needed")
    classes = loaded.classes
    if classes is not None:
        if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
            raise UserError(
                f"{name}: classes must be a whole number, two or more, not {classes!r}; leave it out for real targets"
            )
        classes = int(classes)
    train = _checked(loaded.train_inputs, loaded.train_labels, classes, f"{name}: training set")
    test: tuple[NDArray[Any] | None, NDArray[Any] | None] = None, None
    if loaded.test_inputs is not None or loaded.test_labels is not None:
        test = _checked(loaded.test_inputs, loaded.test_labels, classes, f"{name}: test set")
        if np.shape(test[0])[1:] != train[0].shape[1:]:
            raise UserError(f"{name}: inputs of training and test set have different shapes")
        if np.shape(test[1])[1:] != train[1].shape[1:]:
            raise UserError(f"{name}: targets of training and test set have different shapes")
    return DataSet(*train, classes, *test, name=loaded.name)


_MENDS_OF_LABELS = {
    True: "convert them (.astype(int)), or leave out classes for real targets",
    False: "number the classes (numpy.unique(labels, return_inverse=True)[1])",
}


def _mend(array: Any) -> str:
    if array is None:
        return "give both, or leave out the test set"
    if hasattr(array, "to_numpy"):
        return "convert them with .to_numpy()"
    return "convert them with .detach().cpu().numpy()" if hasattr(array, "detach") else "convert them with numpy.array"


def _checked(inputs: Any, labels: Any, classes: int | None, which: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Inputs in float32, float64 or int64 and labels in int64, or real targets: copies, which nobody else changes."""
    for array, name in ((inputs, "inputs"), (labels, "labels")):
        if not isinstance(array, np.ndarray):
            raise UserError(
                f"{which}: inputs and labels must be numpy arrays; {name} are {type(array).__name__}; {_mend(array)}"
            )
    flat = labels.ndim == 1 or (classes is None and labels.ndim == 2 and labels.shape[1] > 0)
    if not flat or inputs.ndim < 2 or len(inputs) != len(labels):
        needed = "(samples,), with the class's number for one-hot rows (.argmax(axis=1))"
        raise UserError(
            f"{which}: inputs of shape {inputs.shape} and labels of shape {labels.shape} do not fit; "
            f"give (samples, ...) and {'(samples,) or (samples, k)' if classes is None else needed}"
        )
    if inputs.size == 0:
        raise UserError(f"{which}: inputs of shape {inputs.shape} hold no number; give one sample or more")
    if inputs.dtype.kind not in "fiu":
        raise UserError(f"{which}: inputs must be real numbers, not {inputs.dtype}; convert them (.astype(float))")
    inputs = native_array(inputs, f"{which}: inputs", UserError)
    _refuse_beyond_float32(inputs, f"{which}: inputs")
    if classes is None:
        return np.array(inputs), _real_targets(labels, which)
    if labels.dtype.kind not in "iu":
        mend = _MENDS_OF_LABELS[labels.dtype.kind in "fb"]
        raise UserError(f"{which}: labels must be integers, not {labels.dtype}; {mend}")
    labels = native_array(labels, f"{which}: labels", UserError)
    outside = f"{which}: labels must lie in [0, {classes})"
    _refuse((labels < 0) | (labels >= classes), labels, outside, "number the classes from 0 or raise classes")
    return np.array(inputs), np.array(labels)


def _real_targets(labels: NDArray[Any], which: str) -> NDArray[np.float64]:
    """Real targets (n,) or (n, k) in float64."""
    if labels.dtype.kind != "f":
        raise UserError(
            f"{which}: without classes the labels are real targets, of floating type, not {labels.dtype}; give classes "
            "if they are numbers of classes, else convert them (.astype(float))"
        )
    targets = native_array(labels, f"{which}: labels", UserError)
    _refuse_beyond_float32(targets, f"{which}: labels")
    return np.array(targets, dtype=np.float64)


def _refuse_beyond_float32(values: NDArray[Any], what: str) -> None:
    """Raise `UserError` unless the numbers are finite, and in float32 too."""
    _refuse(~np.isfinite(values), values, f"{what} must be finite", "remove or replace them")
    with np.errstate(over="ignore"):
        overflow = ~np.isfinite(values.astype(np.float32))
    _refuse(overflow, values, f"{what} must fit into float32", "scale them to order 1")


def _refuse(bad: NDArray[np.bool_], values: NDArray[Any], rule: str, mend: str) -> None:
    """Raise `UserError` with the first entry that breaks the rule."""
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        found = f"{int(bad.sum()):,} of {bad.size:,} fail this, the first at {list(first)} with {values[first]:g}"
        raise UserError(f"{rule}; {found}; {mend}")
