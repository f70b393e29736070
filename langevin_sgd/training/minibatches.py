"""Which samples every replica sees at every step: functions of (seed, replica, step) and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.config.sgd import Sampling, Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.real_array import whole_array
from langevin_sgd.training import minibatch_kernel

Indices = NDArray[np.int64]

_NUMBERS_AT_A_TIME = 1 << 18  # 2 MB of indices
_STEPS_FOR_ROWS = 16  # whose indices, written out for every row, stay in a core's cache


class IndexSource(Protocol):
    """Where minibatches come from."""

    def block(self, step: int, at_most: int) -> Indices:
        """Sample indices (steps, replica, B) of the minibatches from `step` on, for at most so many steps."""


@dataclass
class Minibatches:
    """Sample indices for replicas 0..R-1, drawn a block of steps at a time.

    `with_replacement`: every index of every minibatch is independent and uniform (MINIBATCH stream, counter step).
    `epoch`: in each epoch of n = N div B steps the training set is put in a new random order (EPOCH_ORDER stream,
    counter epoch) and cut into n minibatches; the N mod B samples left at its end sit the epoch out.
    """

    seed: int
    replicas: int
    samples: int
    batch_size: int
    epoch: bool
    _first: int = field(default=0, init=False)
    _drawn: Indices = field(default_factory=lambda: np.empty((0, 0, 0), dtype=np.int64), init=False)

    @classmethod
    def of(cls, sgd: Sgd, *, seed: int, replicas: int, samples: int) -> Minibatches:
        """Those of a config. Raises `UserError` if a minibatch is larger than the training set."""
        if sgd.batch_size > samples:
            told = f"{sgd.batch_size} is more than the {samples} training samples; reduce it"
            raise FaultWithin(("sgd", "batch_size"), told)
        return cls(seed, replicas, samples, sgd.batch_size, sgd.sampling == "epoch")

    @property
    def per_epoch(self) -> int:
        """n = N div B, the minibatches of one epoch."""
        return self.samples // self.batch_size

    def block(self, step: int, at_most: int) -> Indices:
        """Indices (steps, replica, B) of the minibatches from `step` on: as many steps as lie ready, and `at_most`.

        Steps are counted from 0 and cheapest in order. The array is a view: do not write to it.
        """
        if not self._first <= step < self._first + len(self._drawn):
            self._draw(step)
        ready = self._drawn[step - self._first :]
        return ready[:at_most]

    def _draw(self, step: int) -> None:
        every = np.arange(self.replicas)
        if not self.epoch:
            count = max(1, _NUMBERS_AT_A_TIME // (self.replicas * self.batch_size))
            self._first = step
            steps = np.arange(step, step + count)
            self._drawn = _with_replacement(self.seed, every, steps, self.samples, self.batch_size)
            return
        epochs = max(1, _NUMBERS_AT_A_TIME // (self.replicas * self.samples))
        first = step // self.per_epoch
        batches = _epochs(self.seed, every, np.arange(first, first + epochs), self.samples, self.batch_size)
        self._first = first * self.per_epoch
        self._drawn = np.ascontiguousarray(batches).reshape(-1, self.replicas, self.batch_size)


def _with_replacement(seed: int, replicas: Indices, steps: Indices, samples: int, batch_size: int) -> Indices:
    """Minibatches (steps, replicas, B), every index on its own."""
    drawn = np.empty((steps.size, replicas.size, batch_size), dtype=np.int64)
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint64)
    minibatch_kernel.fill(drawn, replicas, steps, samples, key, int(Stream.MINIBATCH))
    return drawn


def _epochs(seed: int, replicas: Indices, epochs: Indices, samples: int, batch_size: int) -> Indices:
    """The minibatches (epochs, n, replicas, B) of whole epochs, a view."""
    per_epoch = samples // batch_size
    orders = random_numbers.permutations(
        seed, trajectories=replicas, steps=epochs, size=samples, stream=Stream.EPOCH_ORDER
    )
    used = orders[:, :, : per_epoch * batch_size]
    return used.reshape(epochs.size, replicas.size, per_epoch, batch_size).swapaxes(1, 2)


@dataclass(frozen=True)
class NoIndices:
    """For minibatches that are not chosen among samples: what stands for an index is the replica's number."""

    replicas: int
    batch_size: int

    def block(self, step: int, at_most: int) -> Indices:
        """The number of each replica, (steps, replica, B), for at most sixteen steps."""
        numbers = np.arange(self.replicas)[None, :, None]
        return np.broadcast_to(numbers, (min(at_most, _STEPS_FOR_ROWS), self.replicas, self.batch_size))


@dataclass(frozen=True)
class ForRows:
    """The minibatches of a few replicas for many rows, each of which is one of them, `replica` (row,): drawn once."""

    minibatches: Minibatches | NoIndices
    replica: NDArray[np.int64]

    def block(self, step: int, at_most: int) -> Indices:
        """Indices (steps, row, B), as those of the replicas, for at most sixteen steps."""
        return self.minibatches.block(step, min(at_most, _STEPS_FOR_ROWS))[:, self.replica]


def many_from(source: IndexSource, step: int, many: int) -> Indices:
    """The minibatches (many, row, B) of as many steps from `step` on, a copy."""
    blocks: list[Indices] = []
    while (ready := sum(map(len, blocks))) < many:
        blocks.append(source.block(step + ready, many - ready).copy())
    return np.concatenate(blocks)


def minibatch_indices(
    seed: int,
    replica: ArrayLike,
    step: ArrayLike,
    *,
    samples: int,
    batch_size: int,
    sampling: Sampling = "with_replacement",
) -> Indices:
    """Which training samples a training sees: the indices that replica number `replica` draws for step number `step`.

    `seed` is that of the study, `samples` N the size of its training set (the attribute `training_samples` of a network
    in a run), `batch_size` B and `sampling` those of its sgd. Replicas and steps are numbers from 0 or lists of them;
    step n leads from the weights after n steps to those after n + 1. Indices in [0, N) of shape (steps, replicas, B),
    without the dimension of what is one number. At all points of a scan a replica draws the same minibatches.

    Raises `UserError` for what is no such number, and for a minibatch larger than the training set. Of a data set that
    makes its samples anew, such as augmented images, indices do not tell all.
    """
    if sampling not in get_args(Sampling):
        raise UserError(f"sampling must be {' or '.join(get_args(Sampling))}, not {sampling!r}")
    given = whole_array(replica, "replica", UserError), whole_array(step, "step", UserError)
    for name, numbers in zip(("replica", "step"), given, strict=True):
        if numbers.ndim > 1 or (numbers < 0).any():
            raise UserError(f"{name} must be a number from 0, or a list of them")
    for name, number in (("seed", seed), ("samples", samples), ("batch_size", batch_size)):
        if whole_array(number, name, UserError).ndim or number < (name != "seed"):
            raise UserError(f"{name} must be a whole number, {'0' if name == 'seed' else '1'} or more, not {number}")
    if batch_size > samples:
        raise UserError(f"batch_size: {batch_size} is more than the {samples} training samples; reduce it")
    replicas, steps = (np.atleast_1d(numbers) for numbers in given)
    try:
        if sampling == "with_replacement":
            drawn = random_numbers.integers(  # which refuses what its counter cannot hold
                seed, trajectories=replicas, steps=steps, components=batch_size, upper=samples, stream=Stream.MINIBATCH
            )
        else:
            of_epoch, place = np.divmod(steps, samples // batch_size)
            epochs, which = np.unique(of_epoch, return_inverse=True)
            drawn = _epochs(seed, replicas, epochs, samples, batch_size)[which, place]
    except ValueError as error:  # numbers too large for a counter
        raise UserError(str(error)) from None
    return drawn.reshape(*given[1].shape, *given[0].shape, batch_size)
