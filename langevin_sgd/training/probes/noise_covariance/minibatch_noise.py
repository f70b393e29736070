"""The trace of C and the tails of minibatches' noise at one weight vector, from the samples' gradients."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.estimators.tail_index import inverse_tail_index
from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]

_FEWEST = 4  # coordinates of which a tail index can be told


def noise_of(full: FullBatch, w: Array, minibatches: NDArray[np.int64]) -> tuple[float, Array]:
    """tr C at w (d,), and g_B - g (minibatch, d) of minibatches (minibatch, B) of samples."""
    many, size = minibatches.shape
    counts = np.zeros((many, full.samples))
    np.add.at(counts, (np.arange(many)[:, None], minibatches), 1.0 / size)
    share = torch.from_numpy(counts).to(full.device)
    noise = torch.zeros(many, full.dimension, dtype=torch.float64, device=full.device)
    mean = torch.zeros(full.dimension, dtype=torch.float64, device=full.device)
    square, seen = 0.0, 0

    def accumulate(gradients: Tensor) -> None:
        nonlocal square, seen
        noise.addmm_(share[:, seen : seen + len(gradients)], gradients)
        mean.add_(gradients.sum(0))
        square += float((gradients * gradients).sum())
        seen += len(gradients)

    full.sample_gradients(w, accumulate)
    mean /= full.samples
    trace = square / full.samples - float(mean @ mean)
    found: Array = (noise - mean).cpu().numpy()
    return trace, found


def tail_indices(noise: Array, order: NDArray[np.int64]) -> tuple[float, float]:
    """alpha across the coordinates of one minibatch, and across minibatches for one coordinate, of (minibatch, d).

    Coordinates are taken in a random `order` (d,), or neighbours would be summed, of one neuron; those that have no
    noise in one of the minibatches count in neither, and NaN are told if fewer than four are left.
    """
    moving = noise[:, order]
    moving = moving[:, (moving != 0.0).all(axis=0)]
    if moving.shape[1] < _FEWEST:
        return np.nan, np.nan
    across_coordinates, across_iterations = (inverse_tail_index(each).mean() for each in (moving, moving.T))
    return float(1.0 / across_coordinates), float(1.0 / across_iterations)
