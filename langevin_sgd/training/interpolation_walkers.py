"""Many replicas of SGD on a tabulated line, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.interpolation import Landmarks, LossOnLine
from langevin_sgd.training.interpolation_walkers_kernel import advance
from langevin_sgd.training.threads import Workers, shares

Array = NDArray[np.float64]

_READS_AT_A_TIME = 1 << 24  # between two chances to save: half a second


class Walkers:
    """R replicas of SGD on a line, the first half from s = 0 and the others from s = 1, and what is counted of them.

    s <- s - eta (1/B) sum of g_n(s) over a minibatch, g_n(s) linear between grid points; steps stop at the ends.
    Minibatches are those of `Minibatches` with replacement: replica r follows the same bits whatever runs beside it.
    """

    def __init__(
        self, line: LossOnLine, marks: Landmarks, sgd: Sgd, *, seed: int, replicas: int, record: NDArray[np.int64],
        window: int, cells: int, workers: Workers,
    ) -> None:  # fmt: skip
        self._line, self._marks, self._sgd, self._workers = line, marks, sgd, workers
        self._record, self._window = record, window
        self._key = np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint64)
        self._half = replicas // 2
        self._pieces = shares(replicas, workers.count)
        self.edges = np.linspace(line.position[0], line.position[-1], cells + 1)
        right = np.arange(replicas) >= self._half
        self.step = 0
        self._arrays: dict[str, NDArray[Any]] = {
            "position": right.astype(np.float64),
            "core": right.astype(np.int8),
            "steps_in_first": np.zeros(replicas, dtype=np.int64),
            "steps_in_state": np.zeros((replicas, 2), dtype=np.int64),
            "moves": np.zeros((replicas, 2), dtype=np.int64),
            "counts": np.zeros((len(self._pieces), cells), dtype=np.int64),
            "in_first": np.zeros((2, record.size), dtype=np.int64),
        }
        self._look()

    @property
    def position(self) -> Array:
        """s of every replica (R,)."""
        position: Array = self._arrays["position"]
        return position

    def advance(self) -> None:
        """Make some steps, to the next recorded one at most."""
        replicas = self.position.size
        next_record = int(self._record[np.searchsorted(self._record, self.step, side="right")])
        slice_end = self.step + max(1, _READS_AT_A_TIME // (replicas * self._sgd.batch_size))
        stop = min(next_record, slice_end)
        self._workers.map(lambda number: self._advance(number, stop), range(len(self._pieces)))
        self.step = stop
        self._look()

    def _advance(self, number: int, stop: int) -> None:
        piece, arrays, line = self._pieces[number], self._arrays, self._line
        advance(
            line.sample_gradients, arrays["position"][piece], arrays["core"][piece], arrays["steps_in_first"][piece],
            arrays["steps_in_state"][piece], arrays["moves"][piece], arrays["counts"][number], self.step, stop,
            self._window, piece.start, self._key, int(Stream.MINIBATCH), self._sgd.learning_rate, self._sgd.batch_size,
            float(line.position[0]), line.spacing, self._split, np.asarray(self._marks.cores),
            float(self.edges[1] - self.edges[0]),
        )  # fmt: skip

    @property
    def _split(self) -> float:
        return float(self._line.position[self._marks.top])

    def _look(self) -> None:
        left = self.position < self._split
        counted = [left[: self._half].sum(), left[self._half :].sum()]
        self._arrays["in_first"][:, self._record == self.step] = np.array(counted)[:, None]

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that the next steps and the results depend on."""
        copied = {name: array.copy() for name, array in self._arrays.items()}
        copied["counts"] = copied["counts"].sum(axis=0)
        return {**copied, "step": np.asarray(self.step)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self.step = int(state["step"])
        for name, array in self._arrays.items():
            if name == "counts":
                array[...] = 0
                array[0] = state[name]
            else:
                array[...] = state[name]

    def occupancies(self) -> dict[str, ArrayLike]:
        """Fractions of replicas and of time in the two basins, with standard errors, by observable."""
        sizes = np.array([self._half, self.position.size - self._half])
        fraction = self._arrays["in_first"] / sizes[:, None]
        pooled = self._arrays["in_first"].sum(axis=0) / sizes.sum()
        spent = self._arrays["steps_in_first"] / max(int(self._record[-1]) - self._window, 1)
        halves = (spent[: self._half], spent[self._half :])
        mean = np.array([half.mean() for half in halves])
        error = np.array([half.std(ddof=1) / np.sqrt(half.size) for half in halves])
        from_error = np.sqrt(fraction * (1 - fraction) / sizes[:, None])
        pooled_error = np.sqrt(pooled * (1 - pooled) / sizes.sum())
        return {
            "occupancy": np.stack([pooled, 1 - pooled]),
            "occupancy_stderr": np.stack([pooled_error, pooled_error]),
            "occupancy_from": np.stack([fraction, 1 - fraction], axis=1),
            "occupancy_from_stderr": np.stack([from_error, from_error], axis=1),
            "mean_occupancy": np.stack([mean, 1 - mean], axis=1),
            "mean_occupancy_stderr": np.stack([error, error], axis=1),
        }

    def moves(self) -> NDArray[np.int64]:
        """Moves between the cores in the window, (replica, basin, basin_2)."""
        moved = self._arrays["moves"]
        between = np.zeros((len(moved), 2, 2), dtype=np.int64)
        between[:, 0, 1], between[:, 1, 0] = moved[:, 0], moved[:, 1]
        return between

    def time_in(self) -> NDArray[np.int64]:
        """Steps of the window for which each core was the last one visited, (replica, basin)."""
        spent: NDArray[np.int64] = self._arrays["steps_in_state"]
        return spent

    def density(self) -> Array:
        """Density of the positions in the window over the cells between `edges`."""
        counts = self._arrays["counts"].sum(axis=0)
        density: Array = counts / (max(int(counts.sum()), 1) * np.diff(self.edges))
        return density
