"""The noise of a Langevin twin, of covariance C of one per-sample gradient, and how it comes into a gradient.

Noise that differs from point to point costs no more than the gradient: with z_n standard normals and g_n the samples'
gradients, sum_n (z_n - mean z) g_n / sqrt(N) has the covariance C exactly, and it is a gradient of samples of other
weights. All numbers are functions of (seed, replica, step) and of nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training import twin_normals_kernel
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]
Normals = NDArray[np.float32]
Replicas = NDArray[np.int64]
Terms = list[tuple[Tensor, Tensor, Tensor]]
"""Inputs (replica, n, ...), labels (replica, n, ...) and weights (replica, n) of samples, a few at a time."""

SAMPLES_AT_A_TIME = 256  # whose activations stay in a core's cache
_ROWS = 16


@dataclass(frozen=True)
class Twinned:
    """What a twin is of: samples, a seed, the batch size B of SGD, and l, its steps to one of SGD.

    `dtype` is its arithmetic, in which the `samples` are too. `start` (d,) is where its replicas begin, None if each
    has a start of its own, and `full` the energy in float64, by which noise is measured that stays what it is there.
    """

    samples: Samples
    seed: int
    batch_size: int
    substeps: int
    dtype: torch.dtype
    full: FullBatch
    start: Array | None

    def normals(self, step: int, replicas: Replicas, components: int) -> Normals:
        """Standard normals (replica, component), float32, for one step of the twin: stream TWIN_NOISE."""
        key = np.array([self.seed & 0xFFFFFFFF, self.seed >> 32], dtype=np.uint64)
        drawn = np.empty((len(replicas), -(-components // 4) * 4), dtype=np.float32)
        twin_normals_kernel.fill(drawn, replicas, step, key, int(Stream.TWIN_NOISE))
        return drawn[:, :components]

    def tensor(self, values: Array | Normals) -> Tensor:
        """Numbers in the arithmetic and on the device of the twin."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(dtype=self.dtype, device=self.samples.labels.device)

    def sample_gradients(self) -> Array:
        """The samples' gradients at the start less their mean, (N, d)."""
        if self.start is None:
            raise ValueError("replicas that begin at points of their own have no noise in common")
        blocks: list[Tensor] = []
        self.full.sample_gradients(self.start, lambda block: blocks.append(block.cpu().clone()))
        gradients: Array = torch.cat(blocks).numpy()
        gradients -= gradients.mean(0)
        return gradients


class TwinNoise:
    """The base of all kinds, which alone is none: a step then goes down the gradient of the whole set.

    `variances` (d,) are those of noise that is independent in each weight, in the place of C; None if it has all of C.
    """

    EVERYWHERE: ClassVar[bool] = False
    """Whether its covariance is that of every point, rather than of the start."""

    def __init__(self, twinned: Twinned) -> None:
        self._of = twinned
        self.variances: Array | None = None
        self._samples = len(twinned.samples)
        edges = [*range(0, self._samples, SAMPLES_AT_A_TIME), self._samples]
        self._pieces = [slice(*ends) for ends in pairwise(edges)]

    def terms(self, step: int, replicas: Replicas) -> Terms:
        """Samples whose weighted gradients add up to that of a step: the drift, and noise that is in their weights."""
        inputs, labels = self._of.samples.inputs, self._of.samples.labels
        weights = self._weights(step, replicas)

        def many(samples: Tensor) -> Tensor:
            return samples.expand(len(replicas), *samples.shape)

        return [(many(inputs[piece]), many(labels[piece]), weights[:, piece]) for piece in self._pieces]

    def kick(self, step: int, replicas: Replicas) -> Tensor | None:
        """Noise beside the gradient (replica, d), of covariance C; None if there is none."""
        return None

    def _weights(self, step: int, replicas: Replicas) -> Tensor:
        """Those of all samples (replica, N), 1/N on average."""
        return self._of.tensor(np.full((len(replicas), self._samples), 1.0 / self._samples))


class PerSampleNoise(TwinNoise):
    """C(w) at every point: 1/N + (z_n - mean z)/(f B N)^(1/2) are the weights of the samples, f = 1/l."""

    EVERYWHERE: ClassVar[bool] = True

    def _weights(self, step: int, replicas: Replicas) -> Tensor:
        of, count = self._of, self._samples
        z = of.normals(step, replicas, count)
        z -= z.mean(axis=1, keepdims=True, dtype=np.float64).astype(z.dtype)
        z *= math.sqrt(of.substeps / (of.batch_size * count))
        z += 1.0 / count
        return of.tensor(z)


class FrozenNoise(TwinNoise):
    """C as it is at the start, of the samples' gradients there: sum_n z_n (g_n - g)/N^(1/2)."""

    def __init__(self, twinned: Twinned) -> None:
        super().__init__(twinned)
        self._gradients = twinned.tensor(twinned.sample_gradients() / math.sqrt(self._samples))

    def kick(self, step: int, replicas: Replicas) -> Tensor:
        """Noise of covariance C, with the z of `PerSampleNoise`."""
        z = np.zeros((-(-len(replicas) // _ROWS) * _ROWS, self._samples), dtype=np.float32)
        z[: len(replicas)] = self._of.normals(step, replicas, self._samples)
        # blocks of one size: a product's rounding may depend on its shape
        blocks = [block @ self._gradients for block in torch.split(self._of.tensor(z), _ROWS)]
        return torch.cat(blocks)[: len(replicas)]


class DiagonalNoise(TwinNoise):
    """C at the start without what it has off the diagonal: independent noise of each weight."""

    def __init__(self, twinned: Twinned) -> None:
        super().__init__(twinned)
        self.variances = self._variances((twinned.sample_gradients() ** 2).mean(axis=0))
        self._scale: Array = np.sqrt(self.variances)

    def kick(self, step: int, replicas: Replicas) -> Tensor:
        """Noise of these variances."""
        return self._of.tensor(self._of.normals(step, replicas, self._scale.size) * self._scale)

    def _variances(self, diagonal: Array) -> Array:
        """Those of each weight, (d,), from the diagonal of C."""
        return diagonal


class IsotropicNoise(DiagonalNoise):
    """sigma^2 I with sigma^2 = tr C/d at the start."""

    def _variances(self, diagonal: Array) -> Array:
        return np.full(diagonal.size, diagonal.mean())


class SvagNoise(TwinNoise):
    """Minibatches of SGD themselves: two of B samples with weights (1 + s)/2 and (1 - s)/2, s = (2l - 1)^(1/2).

    Their mean is the gradient's, and the covariance l C/B, with a step of eta/l that of the twin; the third cumulant
    falls as 1/l^(1/2). At l = 1 it is SGD (Li, Malladi and Arora, On the validity of modeling SGD with stochastic
    differential equations, 2021). Indices are drawn with replacement, stream TWIN_MINIBATCH.
    """

    EVERYWHERE: ClassVar[bool] = True

    def terms(self, step: int, replicas: Replicas) -> Terms:
        """Both minibatches of every replica."""
        of, size = self._of, self._of.batch_size
        drawn = random_numbers.integers(
            of.seed, trajectories=replicas, steps=[step], components=2 * size, upper=self._samples,
            stream=Stream.TWIN_MINIBATCH,
        )[0]  # fmt: skip
        index = torch.from_numpy(drawn).to(of.samples.labels.device)
        s = math.sqrt(2 * of.substeps - 1)
        weights = of.tensor(np.repeat([0.5 * (1 + s) / size, 0.5 * (1 - s) / size], size))
        return [(of.samples.inputs[index], of.samples.labels[index], weights.expand(len(replicas), -1))]


NOISES: Mapping[str, Callable[[Twinned], TwinNoise]] = {
    "per_sample": PerSampleNoise,
    "frozen": FrozenNoise,
    "diagonal": DiagonalNoise,
    "isotropic": IsotropicNoise,
    "svag": SvagNoise,
}
"""The noises by what a config calls them."""
