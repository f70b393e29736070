"""Loss, energy and accuracy of many weight vectors on a whole data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.training import chunks
from langevin_sgd.training.batched import batched
from langevin_sgd.training.intermediate_results import widest
from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers, shares
from langevin_sgd.training.tracing import TensorFunction

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Inputs (N, ...) and labels, as tensors ready for a network: classes (N,), or real targets (N, k)."""

    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls, inputs: ArrayLike, labels: ArrayLike, *, dtype: torch.dtype, device: str | torch.device = "cpu"
    ) -> Samples:
        """From numpy arrays; integer inputs (such as tokens) stay integers, and labels of floating type are targets."""
        values, given = torch.from_numpy(np.ascontiguousarray(inputs)), np.array(labels)
        real = given.dtype.kind == "f"
        targets = torch.from_numpy(given.reshape(len(given), -1) if real else given.astype(np.int64))
        return cls(_in(values, dtype).to(device), _in(targets, dtype).to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, dtype: torch.dtype) -> Samples:
        """The same samples with inputs and real targets in other arithmetic."""
        return Samples(_in(self.inputs, dtype), _in(self.labels, dtype))

    def chunks(self, size: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor, Tensor]]:
        """(inputs, labels, weights) of `size` samples each, or of all if there are fewer; all chunks have one shape.

        The last chunk is filled up with samples of weight 0.
        """
        size = min(size, len(self))
        pieces = []
        for start in range(0, len(self), size):
            index = torch.arange(start, start + size, device=self.labels.device)
            weights = (index < len(self)).to(dtype)
            index %= len(self)
            pieces.append((self.inputs[index], self.labels[index], weights))
        return pieces


def _in(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating numbers in the given type, integers as they are."""
    return values.to(dtype) if values.is_floating_point() else values.long()


class Evaluation(NamedTuple):
    """Mean loss and fraction of correct answers, shape (replica,); no accuracy where the loss has none.

    On samples drawn from more, `stderr` is the standard error of the loss as that of all of them.
    """

    loss: Array
    accuracy: Array | None
    stderr: Array | None = None

    def part(self, piece: slice) -> Evaluation:
        """That of some of the replicas."""
        return self._each(lambda values: values[piece])

    def repeated(self, replicas: int) -> Evaluation:
        """That of one replica, for so many that are the same."""
        return self._each(lambda values: np.repeat(values, replicas))

    def _each(self, function: Callable[[Array], Array]) -> Evaluation:
        rest = (None if values is None else function(values) for values in self[1:])
        return Evaluation(function(self.loss), *rest)


class Evaluator:
    """Evaluates weight vectors on one set of samples; the functions traced for it are kept for the next call.

    `network` and `samples` are in the arithmetic `dtype`, in which a sample's loss is worked out; sums over samples are
    made in float64. A network that mixes samples (not `apart`) sees blocks of 256 of them, in the order of the set, or
    the whole of a smaller one; the last block is filled up with the first samples, which do not count. `of` says how
    many samples there are in all, if they are drawn from more, without replacement.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        workers: Workers,
        loss: Loss = CROSS_ENTROPY,
        *,
        apart: bool = True,
        dtype: torch.dtype = torch.float64,
        of: int | None = None,
    ) -> None:
        self._network, self._loss, self._dtype = network, loss, dtype
        self.of = len(samples) if of is None else of
        self.samples = len(samples)
        self._widest = widest(network, samples.inputs)
        size = chunks.samples_at_a_time(self._widest) if apart else chunks.SAMPLES_AT_A_TIME
        self._chunks = samples.chunks(size, torch.float64)
        self._workers = workers
        self._traced: dict[int, TensorFunction] = {}

    def __call__(self, weights: Tensor) -> Evaluation:
        """Loss and accuracy of `weights` (replica, d), which are read as `dtype`."""
        weights = weights.to(self._dtype)
        alone = len(weights) == 1
        if alone:
            weights = weights.expand(2, -1)  # one matrix product takes another kernel, with other rounding, than two
        together = chunks.replicas_at_a_time(self._widest)
        pieces = shares(len(weights), max(self._workers.count, len(weights) // together))
        for piece in pieces:
            self._trace(weights[piece])
        sums = torch.cat(self._workers.map(lambda piece: self._sum(weights[piece]), pieces), dim=1)
        means = list((sums[:, :1] if alone else sums).cpu().numpy() / self.samples)
        stderr = self._stderr(means[0], means.pop()) if self.drawn else None
        return Evaluation(means[0], means[1] if len(means) > 1 else None, stderr)

    @property
    def drawn(self) -> bool:
        """Whether the samples are some of more."""
        return self.samples < self.of

    def _stderr(self, mean: Array, mean_square: Array) -> Array:
        """Of the mean of n losses drawn from N without replacement: var/n (1 - n/N), var with n - 1; NaN for one."""
        drawn, of = self.samples, self.of
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(mean_square - mean**2, 0.0) * drawn / np.float64(drawn - 1)
        stderr: Array = np.sqrt(variance / drawn * (1.0 - drawn / of))
        return stderr

    def _trace(self, weights: Tensor) -> None:
        if len(weights) not in self._traced:
            of = partial(functions.values, loss=self._loss)
            purpose = "evaluated as an ensemble (torch.func.vmap fails)"
            self._traced[len(weights)] = batched(of, self._network, *self._arguments(weights, 0), purpose=purpose)

    def _arguments(self, weights: Tensor, chunk: int) -> list[Tensor]:
        inputs, labels, _ = self._chunks[chunk]
        shared = [tensor.expand(len(weights), *tensor.shape) for tensor in (inputs, labels)]
        return [*self._network.parameters(weights), *shared]

    def _sum(self, weights: Tensor) -> Tensor:
        """Sums over samples of loss, of correctness, if there is any, and of loss^2, if they are drawn from more."""
        labels = self._chunks[0][1]
        shape = 1 + self._loss.counts_correct(labels) + self.drawn, len(weights)
        total = torch.zeros(shape, dtype=torch.float64, device=weights.device)
        for chunk, (_, _, sample_weights) in enumerate(self._chunks):
            found = self._traced[len(weights)](*self._arguments(weights, chunk))
            for place, values in enumerate(found):
                total[place] += (values.to(torch.float64) * sample_weights).sum(1)
            if self.drawn:
                total[-1] += (found[0].to(torch.float64) ** 2 * sample_weights).sum(1)
        return total


def decay_energy(weights: Tensor, weight_decay: float) -> Array:
    """(weight_decay/2) |w|^2 of weights (replica, d), the part of the energy that torch.optim.SGD's decay descends."""
    w = weights.to(torch.float64).cpu().numpy()
    energy: Array = 0.5 * weight_decay * np.einsum("rd,rd->r", w, w)
    return energy
