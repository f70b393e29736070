"""Gradient, Hessian and gradient noise of a network averaged over a Gaussian of its weights, in float64.

A cubature of N(m, S), S = F F^T over p coordinates, has points m +- F z in pairs, so that odd orders cancel. For the
gradient on the whole training set the z are sqrt(p) times the rows of a random orthogonal matrix, a *frame*: the
covariance of all 2p points is S exactly, and quadratic functions are averaged without error.

Matrices are sums over samples and too many to be made at 2p points. Few directions matter: the eigenvalues of F^T H F,
H of the loss, fall fast. So F is turned to these, and each group of samples has r pairs of its own: z is sqrt(r) times
a row of a random orthogonal matrix (r, r) in the r leading directions, which are so averaged without error to second
order, and random signs in all others, which are so without bias. What is left differs from group to group and averages
out. (Digits by softmax, r = 8 of 555: total variance to 3e-4 of a frame, where 9 pairs of the whole frame leave 3e-3.)

Of the CUBATURE stream, trajectory f and step i are row i of frame f before it is made orthogonal; the rows of groups
begin at step 2^32, r for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.theory.self_consistent import Averages
from langevin_sgd.training.batched import batched
from langevin_sgd.training.losses import functions, of_weights
from langevin_sgd.training.losses.functions import Traceable
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.tracing import TensorFunction, trace
from langevin_sgd.training.view import Instruments

Array = NDArray[np.float64]

PAIRS = 8  # r of a group
_POINTS_AT_A_TIME = 16
_SAMPLES_AT_A_TIME = 256
_PARTS = 8  # of a group: in each part the Hessian sees one pair alone, as it changes less than C does
_GROUP = 8 * _PARTS  # samples that see the same points
_LANES = 4  # sums that are made side by side, whatever the number of threads
_ROWS_AT_A_TIME = 256
_OF_GROUPS = 1 << 32


@dataclass(frozen=True)
class Surroundings:
    """Coordinates x (p,) of weights `origin` + `basis` x, basis (d, p), in which H of the loss is diagonal, (p,)."""

    origin: Array
    basis: Array
    stiffness: Array

    def weights(self, x: Array) -> Array:
        """The weights (n, d) of coordinates (n, p)."""
        found: Array = self.origin + x @ self.basis.T
        return found

    def leading_first(self, factor: Array) -> Array:
        """F (p, q) turned so that F^T H F is diagonal, its largest entries first."""
        order = np.linalg.eigh(factor.T @ (self.stiffness[:, None] * factor))[1][:, ::-1]
        found: Array = factor @ order
        return found


class GaussianAverages:
    """`theory.self_consistent.Average` of a network: its energy with weight decay about some weights."""

    def __init__(self, instruments: Instruments, about: Surroundings, *, seed: int) -> None:
        self._about, self._seed = about, seed
        self._network, self._decay = instruments.network, instruments.weight_decay
        self._loss, self._workers = instruments.of_samples, instruments.workers
        samples = instruments.samples
        self._samples, self._device = len(samples), samples.labels.device
        self._chunks = samples.chunks(_SAMPLES_AT_A_TIME, torch.float64)
        self._groups = samples.chunks(_GROUP, torch.float64)
        self._parts = samples.chunks(_GROUP // _PARTS, torch.float64)
        self._basis = self._tensor(about.basis)
        self._pairs = min(PAIRS, about.basis.shape[1])
        self._traced: dict[str, TensorFunction] = {}

    def __call__(self, mean: Array, factor: Array, frame: int) -> Averages:
        """The averages over N(mean, factor factor^T) by the points of one frame."""
        slopes, away = self._gradients(mean, factor, frame)
        second, hessian = self._matrices(mean, self._about.leading_first(factor), frame)
        noise = second - slopes.T @ slopes / len(slopes)
        gradients = slopes + self._decay * self._about.weights(mean + away) @ self._about.basis
        gradient = gradients.mean(axis=0)
        rest = gradients - gradient - away @ hessian
        return Averages(gradient, hessian, 0.5 * (noise + noise.T), rest.T @ rest / len(rest))

    def cubature(self, factor: Array, frame: int) -> Array:
        """The points (2p, p) of the whole frame of N(0, factor factor^T)."""
        p = len(factor)
        half = math.sqrt(p) * self._orthogonal(frame, 0, p, p) @ factor.T
        return np.concatenate([half, -half])

    def _gradients(self, mean: Array, factor: Array, frame: int) -> tuple[Array, Array]:
        """Gradients (2p, p) of the mean loss, without decay, at the points of the whole frame, and these less m."""
        away = self.cubature(factor, frame)
        points = self._tensor(self._about.weights(mean + away))
        size = min(_POINTS_AT_A_TIME, len(points))
        blocks = torch.split(torch.cat([points, points[: -len(points) % size]]), size)

        def arguments(block: Tensor, chunk: tuple[Tensor, ...]) -> list[Tensor]:
            return [*self._network.parameters(block), *(part.expand(len(block), *part.shape) for part in chunk)]

        if "gradient" not in self._traced:
            self._traced["gradient"] = batched(
                lambda network: functions.gradient(network, self._loss),
                self._network,
                *arguments(blocks[0], self._chunks[0]),
                purpose="evaluated as an ensemble (torch.func.vmap fails)",
            )
        function = self._traced["gradient"]

        def of(block: Tensor) -> Tensor:
            total = torch.zeros_like(block)
            for chunk in self._chunks:
                total += self._network.flatten(function(*arguments(block, chunk)), leading=1)
            return total @ self._basis / self._samples

        found: Array = torch.cat(self._workers.map(of, blocks))[: len(points)].cpu().numpy()
        return found, away

    def _matrices(self, mean: Array, factor: Array, frame: int) -> tuple[Array, Array]:
        """<(1/N) sum_n g_n g_n^T> (p, p) of the samples' gradients, without decay, and <H> (p, p), with decay."""
        d, p = self._basis.shape
        width = p if 2 * p < d else d  # gradients are projected before they are summed, or their sum is
        size = min(_ROWS_AT_A_TIME, p)
        vectors = torch.split(torch.cat([self._basis.T, self._basis.T[: -p % size]]).contiguous(), size)
        points = self._points(mean, factor, frame, 0)
        gradients = self._function("samples", of_weights.sample_gradients_at_points, points, *self._groups[0])
        rows_of = self._function("hessian", of_weights.hessian_rows, vectors[0], points[0], *self._parts[0])

        def lane(groups: list[int]) -> tuple[Tensor, Tensor]:
            second = torch.zeros(width, width, dtype=torch.float64, device=self._device)
            curved = torch.zeros(p, d, dtype=torch.float64, device=self._device)
            for group in groups:
                samples = self._groups[group]
                points = self._points(mean, factor, frame, group)
                rows = gradients(points, *samples)[0].flatten(0, 1)
                rows = rows if width == d else rows @ self._basis
                second.addmm_(rows.T, rows, alpha=1.0 / len(points))
                for number, part in enumerate(self._parts[group * _PARTS : (group + 1) * _PARTS]):
                    for point in points.view(-1, 2, d)[number % self._pairs]:
                        curved += torch.cat([rows_of(block, point, *part)[0] for block in vectors])[:p]
            return second, 0.5 * curved @ self._basis

        parts = self._workers.map(lane, self._lanes())
        second, hessian = (torch.stack(one).sum(0) / self._samples for one in zip(*parts, strict=True))
        second = second if width < d or p == width else self._basis.T @ second @ self._basis
        mean_hessian = (
            0.5 * (hessian + hessian.T)
        ).cpu().numpy() + self._decay * self._about.basis.T @ self._about.basis
        return second.cpu().numpy(), mean_hessian

    def _points(self, mean: Array, factor: Array, frame: int, group: int) -> Tensor:
        """The points (2r, d) that a group of samples sees, in pairs."""
        r, p = self._pairs, len(mean)
        first = _OF_GROUPS + group * r
        z = np.sign(self._drawn(frame, first, r, p))
        z[:, :r] = math.sqrt(r) * self._orthogonal(frame, first, r, r)
        step = z @ factor.T
        pairs = np.stack([step, -step], axis=1).reshape(2 * r, p)
        return self._tensor(self._about.weights(mean + pairs))

    def _orthogonal(self, frame: int, first: int, rows: int, columns: int) -> Array:
        found: Array = np.linalg.qr(self._drawn(frame, first, rows, columns))[0]
        return found

    def _drawn(self, frame: int, first: int, rows: int, columns: int) -> Array:
        steps = np.arange(first, first + rows)
        drawn = random_numbers.normals(
            self._seed, trajectories=[frame], steps=steps, components=columns, stream=Stream.CUBATURE
        )
        return drawn[:, 0]

    def _tensor(self, values: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _lanes(self) -> list[list[int]]:
        groups = range(len(self._groups))
        return [list(groups[lane::_LANES]) for lane in range(min(_LANES, len(groups)))]

    def _function(self, name: str, make: Callable[[Network, Loss], Traceable], *examples: Tensor) -> TensorFunction:
        if name not in self._traced:
            function = make(self._network, self._loss)
            self._traced[name] = trace(function, *examples, purpose="differentiated as the averages need it")
        return self._traced[name]
