"""Exact jumps of many quadratics at once: each is the same bits as alone.

The cases of one `Together` have as many modes, replicas and blocks of the state, and the same noisy modes, so that a
jump of all is a few products of arrays. Each has a list of recorded steps of its own; shorter lists end earlier.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.cores import cores
from langevin_sgd.integrators.jumps import Jump, Jumps, jumps
from langevin_sgd.random_numbers.streams import Stream, normals
from langevin_sgd.theory.modes import Array

# Replicas are multiplied in blocks of this many, the last one padded with zeros: a matrix product's rounding depends on
# its shape, and so the numbers of a replica would otherwise depend on how many others there are.
_BLOCK = 32
# Jumps of each case kept for gaps that come again; one with momentum takes 32 d^2 bytes.
_JUMPS_KEPT = 4
# Numbers that the noise and the factors of one call may hold, and normals that are drawn at a time.
_NUMBERS = 1 << 21
_DRAWN = 1 << 15
# Normals of a piece from which on pieces are drawn by several threads; smaller ones cost more than they gain.
_WORTH_A_THREAD = 1 << 14


@dataclass(frozen=True)
class Case:
    """One quadratic: its jumps, where its replicas begin, their numbers in the random stream, the recorded steps."""

    process: Jumps
    start: Array | Literal["stationary"]
    numbers: NDArray[Any]
    steps: NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Where the replicas of all cases are after `done` of the recorded steps: `coordinates` (blocks, case, R, d).

    `steps` (case,) are the steps that they are at, `lost` (case,) those at which a position was first seen not to be
    finite, -1 if all are; what a lost case holds from then on is nothing.
    """

    done: int
    steps: NDArray[np.int64]
    coordinates: Array
    lost: NDArray[np.int64]


def alike(cases: Sequence[Jumps], replicas: int) -> list[list[int]]:
    """Which cases can go together, by their places: as many at most as are worth it and as memory holds."""
    groups: dict[tuple[int, bytes], list[int]] = {}
    for place, case in enumerate(cases):
        groups.setdefault((case.blocks, case.noisy.tobytes()), []).append(place)
    found = []
    for group in groups.values():
        first = cases[group[0]]
        size = first.blocks * first.k.size
        most = max(1, _NUMBERS // (size * replicas + (_JUMPS_KEPT + 1) * size**2))
        found += [group[at : at + most] for at in range(0, len(group), most)]
    return found


@dataclass(frozen=True)
class Together:
    """Cases of `replicas` replicas each that are alike, see `alike`, with the `seed` of their noise."""

    cases: Sequence[Case]
    seed: int
    replicas: int
    _kept: OrderedDict[tuple[int, int], Jump] = field(default_factory=OrderedDict, repr=False)

    @property
    def columns(self) -> int:
        """The recorded steps of the longest list."""
        return max(case.steps.size for case in self.cases)

    @property
    def most(self) -> int:
        """The recorded steps that one call of `moved` may do within its memory."""
        size = self._size
        return max(1, _NUMBERS // (len(self.cases) * (self.replicas * (size + self._first.k.size) + size**2)))

    def beginning(self) -> States:
        """Before the first recorded step, at step 0."""
        shape = (self._first.blocks, len(self.cases), self.replicas, self._first.k.size)
        coordinates = np.zeros(shape)
        for place, case in enumerate(self.cases):
            if isinstance(case.start, str):
                factor = case.process.stationary_factor()[None]
                for rows in self._rows(1):
                    noise = self._noise(case, np.zeros(1, np.int64), factor, rows, Stream.INITIAL_STATE)
                    coordinates[:, place, rows][..., self._modes] += noise[:, 0]
            else:
                coordinates[0, place] += case.start
        steps = np.zeros(len(self.cases), np.int64)
        return States(0, steps, coordinates, np.full(len(self.cases), -1))

    def moved(self, states: States, columns: int) -> tuple[States, Array]:
        """After so many more recorded steps: where all are then, and the positions (case, column, R, d) at each.

        A case whose list is at its end stays where it is.
        """
        targets = self._targets(states.done, states.done + columns)
        gaps = np.diff(targets, axis=1, prepend=states.steps[:, None])
        coordinates, lost = states.coordinates, states.lost.copy()
        positions = np.empty((len(self.cases), columns, *coordinates.shape[2:]))
        with np.errstate(over="ignore", invalid="ignore"):
            drift, noise = self._drawn(targets, gaps)
            for column in range(columns):
                here = drift[:, :, :, column, None]
                moved = here[:, 0] * coordinates[0]
                for block in range(1, len(coordinates)):
                    moved += here[:, block] * coordinates[block]
                moved[..., self._modes] += noise[:, :, column]
                if not gaps[:, column].all():
                    moved = np.where((gaps[:, column] > 0)[:, None, None], moved, coordinates)
                if not np.isfinite(moved).all():
                    bad = ~np.isfinite(moved).all(axis=(0, 2, 3))
                    lost[bad & (lost < 0)] = targets[bad & (lost < 0), column]
                    moved[:, bad] = 0.0
                coordinates = moved
                positions[:, column] = coordinates[0]
        positions[lost >= 0] = 0.0  # those on the way were next to infinite
        return States(states.done + columns, targets[:, -1], coordinates, lost), positions

    @property
    def _first(self) -> Jumps:
        return self.cases[0].process

    @property
    def _modes(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._first.noisy)

    @property
    def _size(self) -> int:
        """Normals a replica and jump."""
        return self._first.blocks * int(self._first.noisy.sum())

    def _targets(self, first: int, last: int) -> NDArray[np.int64]:
        """The recorded steps of all cases from the first to before the last, their last one again where none is left.

        (case, column).
        """
        columns = np.arange(first, last)
        return np.stack([case.steps[np.minimum(columns, case.steps.size - 1)] for case in self.cases])

    def _drawn(self, targets: NDArray[np.int64], gaps: NDArray[np.int64]) -> tuple[Array, Array]:
        """Drift (blocks, blocks, case, column, d) and noise (blocks, case, column, R, noisy mode) of jumps."""
        found, at = self._jumps(gaps)
        drift = np.moveaxis(np.stack([jump.drift for jump in found])[at], (0, 1), (2, 3))
        factors = np.stack([jump.factor for jump in found])
        noise = np.zeros((self._first.blocks, *gaps.shape, self.replicas, self._modes.size))

        def draw(piece: tuple[int, slice]) -> None:
            place, rows = piece
            noise[:, place, :, rows] = self._noise(
                self.cases[place], targets[place], factors[at[place]], rows, Stream.LANGEVIN_NOISE
            )

        pieces = [(place, rows) for place in range(len(self.cases)) for rows in self._rows(gaps.shape[1])]
        if noise.size < _WORTH_A_THREAD * len(pieces) or len(pieces) == 1 or cores() == 1:
            for piece in pieces:
                draw(piece)
        else:
            with ThreadPoolExecutor(max_workers=cores()) as pool:
                for _ in pool.map(draw, pieces):
                    pass
        return drift, noise

    def _rows(self, columns: int) -> Iterator[slice]:
        """The replicas in pieces of whole blocks, of about `_DRAWN` normals in so many jumps."""
        size = max(1, _DRAWN // (max(1, self._size) * columns * _BLOCK)) * _BLOCK
        return (slice(first, min(first + size, self.replicas)) for first in range(0, self.replicas, size))

    def _noise(self, case: Case, steps: NDArray[np.int64], factors: Array, rows: slice, stream: Stream) -> Array:
        """Gaussian noise of covariance factor^T factor, with a factor a step: (blocks, step, row, noisy mode)."""
        count, size = rows.stop - rows.start, factors.shape[-1]
        padded = -(-count // _BLOCK) * _BLOCK
        drawn = np.zeros((steps.size, padded, size))
        drawn[:, :count] = normals(
            self.seed, trajectories=case.numbers[rows], steps=steps, components=size, stream=stream
        )
        noise = drawn.reshape(steps.size, padded // _BLOCK, _BLOCK, size) @ factors[:, None]
        blocks = case.process.blocks
        cut = noise.reshape(steps.size, padded, blocks, size // blocks)[:, :count]
        return np.moveaxis(cut, 2, 0)

    def _jumps(self, gaps: NDArray[np.int64]) -> tuple[list[Jump], NDArray[np.int64]]:
        """The jumps that are needed, and which of them each gap (case, column) is."""
        most = int(gaps.max()) + 1
        codes, at = np.unique(np.arange(len(gaps))[:, None] * most + gaps, return_inverse=True)
        keys = [divmod(int(code), most) for code in codes]
        new = [key for key in keys if key not in self._kept]
        if new:
            which, steps = np.array(new, np.int64).T
            self._kept.update(zip(new, jumps([case.process for case in self.cases], which, steps), strict=True))
        found = [self._kept[key] for key in keys]
        for key in keys:
            self._kept.move_to_end(key)
        while len(self._kept) > _JUMPS_KEPT * len(self.cases):
            self._kept.popitem(last=False)
        return found, at.reshape(gaps.shape)
