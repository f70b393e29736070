"""The one sample of `sample_image`: z is drawn from step 0 of the SYNTHETIC stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.sample_image import SampleImageData


def drawn(section: SampleImageData, seed: int) -> DataSet:
    """Training and test set are the same, the former `coarse`; noise is added to that alone."""
    shape = section.shape()
    z = streams.normals(seed, trajectories=[0], steps=[0], components=shape.inputs, stream=Stream.SYNTHETIC)[0]
    whole = grey(section)
    targets, fine = averaged(whole, section.coarse).reshape(1, -1), whole.reshape(1, -1)
    return DataSet(z, targets, test_inputs=z.copy(), test_labels=fine.copy(), name=section.name)


def of_seed_zero(section: SampleImageData) -> DataSet:
    """With the z of seed 0: for who loads it outside of a study."""
    return drawn(section, 0)


def grey(section: SampleImageData) -> NDArray[np.float64]:
    """Grey values (side, side) in [0, 1]: means over the three colours and over squares of the photograph's middle."""
    from sklearn.datasets import load_sample_image

    colours = load_sample_image(f"{section.photograph}.jpg").astype(np.float64) / 255.0
    whole = section.side * section.square
    top, left = ((length - whole) // 2 for length in colours.shape[:2])
    return averaged(colours[top : top + whole, left : left + whole].mean(2), section.square)


def averaged(image: NDArray[np.float64], square: int) -> NDArray[np.float64]:
    """Means (side/square, side/square) over squares of so many pixels of an image (side, side)."""
    side = len(image) // square
    result: NDArray[np.float64] = image.reshape(side, square, side, square).mean((1, 3))
    return result
