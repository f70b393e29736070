"""Minibatches of images that are flipped and shifted at random, anew each time that they are drawn.

The samples are those of the same training without it (MINIBATCH stream). Of the AUGMENTATION stream trajectory r,
counter step n, are three words a sample of replica r's minibatch at step n: whether it is flipped, and how far it is
shifted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data.section import Augment, Image


class Augmented:
    """Draws minibatches of training images (samples, ...), flat ones of the shape `image`, with replacement."""

    def __init__(
        self, augment: Augment, inputs: NDArray[Any], labels: NDArray[Any], image: Image | None, *, seed: int
    ) -> None:
        """Raises `UserError` if the inputs are no images, or smaller than the shift."""
        if inputs.ndim == 2 and image is not None:
            shape: tuple[int, ...] = image
        elif inputs.ndim in (3, 4):
            shape = (1, *inputs.shape[1:])[-3:]
        else:
            raise FaultWithin(("data", "augment"), "is of images, and samples are vectors; remove it")
        if augment.shift >= min(shape[1:]):
            raise FaultWithin(
                ("data", "augment", "shift"),
                f"{augment.shift} pixels leave nothing of {shape[1]} x {shape[2]}; give less",
            )
        self._augment, self._labels, self._seed = augment, labels, seed
        self._shape = inputs.shape[1:]
        edge = (augment.shift, augment.shift)
        self._padded = np.pad(inputs.reshape(-1, *shape), ((0, 0), (0, 0), edge, edge))
        self._height, self._width = shape[1:]

    def minibatch(self, step: int, replicas: NDArray[np.int64], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (replica, size, ...) and targets (replica, size, ...) of those replicas at that step."""
        drawn: dict[str, Any] = {"trajectories": replicas, "steps": [step]}
        index = random_numbers.integers(
            self._seed, components=size, upper=len(self._labels), stream=Stream.MINIBATCH, **drawn
        ).reshape(-1)
        words = random_numbers.words(self._seed, components=3 * size, stream=Stream.AUGMENTATION, **drawn)
        first, second, third = words.reshape(-1, 3).astype(np.uint64).T
        down, right = (((word * np.uint64(2 * self._augment.shift + 1)) >> np.uint64(32)) for word in (second, third))
        rows = down.astype(np.int64)[:, None] + np.arange(self._height)
        columns = right.astype(np.int64)[:, None] + np.arange(self._width)
        flipped = (first >> np.uint64(31)).astype(bool) & self._augment.flip
        columns = np.where(flipped[:, None], columns[:, ::-1], columns)
        images = self._padded[index[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        inputs = np.ascontiguousarray(np.moveaxis(images, -1, 1)).reshape(len(replicas), size, *self._shape)
        return inputs, self._labels[index].reshape(len(replicas), size, *self._labels.shape[1:])
