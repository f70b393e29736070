"""Inputs and targets shifted and scaled by the moments of the training set; the test set by the same numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.training.data.dataset import DataSet

Array = NDArray[np.float64]

_NO_DEVIATION = 1e-10  # of the largest number: an input that deviates less from its mean is one and the same
_NO_VARIANCE = 1e-12  # of the largest: a direction with less is one in which training samples do not differ
_MOST_WHITENED = 4096  # inputs, of which the covariance is a matrix


def of_inputs(data: DataSet, *, whiten: bool) -> DataSet:
    """Inputs with mean 0 and variance 1 each over the training set, or with covariance 1 (`whiten`).

    Whitening is symmetric, x -> C^(-1/2) (x - mean), so that images stay images. Inputs, or directions, without
    variance become 0. Raises `UserError` for integer inputs, and for too many to be whitened.
    """
    if not np.issubdtype(data.train_inputs.dtype, np.floating):
        key = "whiten" if whiten else "standardise"
        raise FaultWithin(("data", key), f"inputs of {data.name} are integers; remove it")
    flat = data.train_inputs.reshape(len(data.train_inputs), -1).astype(np.float64)
    mean = flat.mean(0)
    scale = _inverse_root(flat - mean, data.name) if whiten else _inverse(flat)

    def moved(inputs: NDArray[Any]) -> NDArray[Any]:
        centred = inputs.reshape(len(inputs), mean.size) - mean
        with one_blas_thread():
            scaled = centred @ scale if whiten else centred * scale
        result: NDArray[Any] = scaled.reshape(inputs.shape).astype(inputs.dtype)
        return result

    test = None if data.test_inputs is None else moved(data.test_inputs)
    return replace(data, train_inputs=moved(data.train_inputs), test_inputs=test)


def of_targets(data: DataSet) -> DataSet:
    """Real targets with mean 0 and variance 1 each over the training set."""
    mean, scale = data.train_labels.mean(0), _inverse(data.train_labels)
    test = None if data.test_labels is None else (data.test_labels - mean) * scale
    return replace(data, train_labels=(data.train_labels - mean) * scale, test_labels=test)


def _inverse(numbers: NDArray[Any]) -> NDArray[Any]:
    deviations = np.asarray(numbers.std(0))
    there = deviations > _NO_DEVIATION * np.abs(numbers).max(0)
    return np.where(there, 1.0 / np.where(there, deviations, 1.0), 0.0)


def _inverse_root(centred: Array, name: str) -> Array:
    if centred.shape[1] > _MOST_WHITENED:
        raise FaultWithin(
            ("data", "whiten"),
            f"{name} has {centred.shape[1]} inputs, and at most {_MOST_WHITENED} can be whitened; give standardise",
        )
    with one_blas_thread():
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        there = values > _NO_VARIANCE * values.max(initial=0.0)
        used = vectors[:, there]
        root: Array = (used / np.sqrt(values[there])) @ used.T
    return root
