"""The line through two trained minima: the loss, and every sample's gradient along it, on a grid.

Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (ICLR 2017) plot the loss on w(s) = w_a + s (w_b - w_a), from a minimum
found with small batches to one found with large batches. Here that line is what SGD itself moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.energy import Evaluator, Samples, decay_energy
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.tracing import trace

Array = NDArray[np.float64]
Table = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

_STEPS_AT_A_TIME = 256
_STEPS_BETWEEN_TELLINGS = 200
_POINTS_AT_A_TIME = 16


class WithMinima(Protocol):
    """E(s) at the positions s, each (G,)."""

    @property
    def position(self) -> Array: ...
    @property
    def energy(self) -> Array: ...


@dataclass(frozen=True)
class LossOnLine:
    """What SGD meets on w(s) = w_a + s (w_b - w_a), on G equally spaced values of s.

    `energy` (G,) is the full training loss with weight decay, `sample_gradients` (N, G) the derivative by s of each
    sample's own loss, weight decay included, in float32: a sample's neighbouring grid points lie side by side.
    """

    position: Array
    energy: Array
    sample_gradients: Table

    @property
    def spacing(self) -> float:
        """Distance of neighbouring grid points."""
        return float(self.position[-1] - self.position[0]) / (self.position.size - 1)

    @property
    def gradient(self) -> Array:
        """E'(s) (G,), the mean of the samples' gradients."""
        mean: Array = self.sample_gradients.mean(axis=0, dtype=np.float64)
        return mean

    @property
    def noise(self) -> Array:
        """C(s) (G,), the variance of one sample's gradient."""
        variance: Array = self.sample_gradients.var(axis=0, dtype=np.float64)
        return variance


class _Drawn:
    """Minibatches of one endpoint's training, apart from those of the replicas on the line."""

    def __init__(self, seed: int, endpoint: int, samples: int, batch_size: int) -> None:
        self._seed, self._endpoint, self._samples, self._batch_size = seed, endpoint, samples, batch_size

    def block(self, step: int, at_most: int) -> NDArray[np.int64]:
        return random_numbers.integers(
            self._seed,
            trajectories=[self._endpoint],
            steps=np.arange(step, step + min(at_most, _STEPS_AT_A_TIME)),
            components=self._batch_size,
            upper=self._samples,
            stream=Stream.ENDPOINT,
        )


def endpoint(
    network: Network, samples: Samples, sgd: Sgd, *, start: Tensor, steps: int, seed: int, number: int,
    workers: Workers, progress: Callable[[int, int], None] = lambda done, total: None,
    saved: Mapping[str, NDArray[Any]] | None = None, tell: Callable[[Arrays], None] = lambda state: None,
    loss: Loss = CROSS_ENTROPY,
) -> Array:  # fmt: skip
    """The weights (d,) that `steps` of SGD lead to from `start` (d,), float64; `number` tells endpoints apart.

    `tell` is given states on the way; given back as `saved`, the training goes on from one to the same bits.
    Raises `UserError` if they do not stay finite.
    """
    ensemble = Ensemble(network, samples, sgd, weights=start[None], dtype=torch.float64, workers=workers, loss=loss)
    drawn = _Drawn(seed, number, len(samples), sgd.batch_size)
    step = 0
    if saved:
        ensemble.restore(saved)
        step = int(saved["step"])
    while step < steps:
        progress(step, steps)
        stop = min(step + _STEPS_BETWEEN_TELLINGS, steps)
        ensemble.advance(drawn, step, stop)
        step = stop
        tell({**ensemble.state(), "step": np.asarray(step)})
    weights: Array = snapshot(ensemble.weights[0])
    if not np.isfinite(weights).all():
        raise UserError(
            f"the training of an endpoint with learning rate {sgd.learning_rate:g} and batch size {sgd.batch_size} "
            "diverged; reduce its learning_rate"
        )
    return weights


def tabulate(
    network: Network, samples: Samples, weight_decay: float, *, first: Array, second: Array, position: Array,
    workers: Workers, loss: Loss = CROSS_ENTROPY,
) -> LossOnLine:  # fmt: skip
    """The line from `first` (s = 0) through `second` (s = 1), both (d,) float64, at the values `position` (G,) of s.

    Raises `UserError` if torch cannot differentiate the module under `torch.func` transforms.
    """
    a, v = torch.from_numpy(first), torch.from_numpy(second - first)
    weights = a + torch.from_numpy(position)[:, None] * v
    energy = Evaluator(network, samples, workers, loss)(weights).loss + decay_energy(weights, weight_decay)
    decay = weight_decay * (weights @ v)
    table = np.empty((len(samples), position.size), dtype=np.float32)

    purpose = "differentiated along a line (torch.func.vjp fails)"
    derivative = trace(functions.along(network, loss), weights[0], v, samples.inputs, samples.labels, purpose=purpose)

    def fill(piece: slice) -> None:
        for column, (w, shift) in enumerate(zip(weights[piece], decay[piece], strict=True), start=piece.start):
            table[:, column] = (derivative(w, v, samples.inputs, samples.labels)[0] + shift).numpy()

    workers.map(fill, [slice(i, i + _POINTS_AT_A_TIME) for i in range(0, position.size, _POINTS_AT_A_TIME)])
    unfit = np.flatnonzero(~(np.isfinite(energy) & np.isfinite(table).all(axis=0)))
    if unfit.size:
        raise UserError(
            f"the loss or its derivative on the line is not finite at s = {position[unfit[0]]:.3g} and "
            f"{unfit.size - 1} further points; narrow range, or mend the network's formulas where they give NaN"
        )
    return LossOnLine(position, energy, table)


@dataclass(frozen=True)
class Landmarks:
    """Indices on the grid: the two minima, and the top of the barrier between them; and the ends of their cores in s.

    A core reaches from outside the minima halfway up to the top.
    """

    minima: tuple[int, int]
    top: int
    cores: tuple[float, float]


def _downhill(values: Array, start: int) -> int:
    """The local minimum of `values` (G,) that descending from index `start` ends in."""
    here = start
    while True:
        near = range(max(here - 1, 0), min(here + 2, values.size))
        lowest = min(near, key=lambda index: (values[index], abs(index - here)))
        if lowest == here:
            return here
        here = lowest


def landmarks(line: WithMinima) -> Landmarks:
    """The minima that lie downhill from s = 0 and s = 1, and the barrier. Raises `UserError` if there is none."""
    s, energy = line.position, line.energy
    left, right = (_downhill(energy, int(np.argmin(np.abs(s - end)))) for end in (0.0, 1.0))
    if left == right:
        raise UserError(
            f"no barrier between the endpoints: the loss falls from both to s = {s[left]:.3g}; train them with other "
            "batch sizes, give start: independent, or another seed"
        )
    if left == 0 or right == s.size - 1:
        raise UserError("the loss on the line falls up to the end of the range; widen range")
    top = left + int(np.argmax(energy[left : right + 1]))
    return Landmarks((left, right), top, (float(0.5 * (s[left] + s[top])), float(0.5 * (s[right] + s[top]))))
