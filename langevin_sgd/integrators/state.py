"""The state of a run: all that is needed to go on later with the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.landscapes.by_value import ByValue


@dataclass(frozen=True, eq=False)
class State(ByValue):
    """Where N trajectories stand after `step` steps.

    `vectors`: the scheme's vectors by name, `position` (d, N) first; `start` (d, N) the positions at step 0; `numbers`
    (N,) the trajectories' numbers in the random stream; `passage` (N,) the step of first passage, -1 if not yet.
    """

    step: int
    vectors: Mapping[str, NDArray[np.floating[Any]]]
    start: NDArray[np.floating[Any]]
    numbers: NDArray[np.uint32]
    passage: NDArray[np.int64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays, to be stored with numpy.savez or in a checkpoint."""
        out: dict[str, NDArray[Any]] = {f"vector_{name}": value for name, value in self.vectors.items()}
        out |= {"start": self.start, "numbers": self.numbers, "passage": self.passage}
        return {"step": np.array(self.step), **out}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> State:
        """The state that `arrays` came from."""
        vectors = {
            name.removeprefix("vector_"): np.asarray(value)
            for name, value in arrays.items()
            if name.startswith("vector_")
        }
        return cls(
            int(arrays["step"]),
            vectors,
            np.asarray(arrays["start"]),
            np.asarray(arrays["numbers"]),
            np.asarray(arrays["passage"]),
        )

    def subset(self, which: NDArray[np.intp] | slice) -> State:
        """The same for some of the trajectories: they go on exactly as among the others."""
        return State(
            self.step,
            {name: value[:, which] for name, value in self.vectors.items()},
            self.start[:, which],
            self.numbers[which],
            self.passage[which],
        )
