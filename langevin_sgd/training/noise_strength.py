"""How strong the noise of minibatches is at one point of the weights, as a thermal energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws import temperatures
from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]


def noise_thermal_energy(full: FullBatch, w: Array, sgd: Sgd) -> float:
    """eta tr C/(2 B d (1 - mu)) at w (d,), with C the covariance of the gradient of one of the samples of `full`."""
    variance = noise_trace(full, w) / w.size
    return temperatures.effective(sgd.learning_rate * variance / (2.0 * sgd.batch_size), sgd.momentum)


def noise_trace(full: FullBatch, w: Array) -> float:
    """tr C of the samples' gradients at w (d,)."""
    squares, total = 0.0, np.zeros(w.size)

    def visit(gradients: Tensor) -> None:
        nonlocal squares
        squares += float((gradients**2).sum())
        total[...] += gradients.sum(0).cpu().numpy()

    full.sample_gradients(w, visit)
    mean = total / full.samples
    return squares / full.samples - float(mean @ mean)
