"""Sums of waves as a generated kernel takes them: the gradient is found in the run's table of waves ahead of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.landscapes.fourier_potential import FourierPotential
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.power_law import DisorderError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

MAX_DIMENSION = 4
"""Beyond it compilers make no vector code of the kernel's loop, and matrices on tensors are as fast."""
TOGETHER = 16
"""Waves in a block of the table, which a kernel goes through side by side."""

# Places in the table of a run are counted in 32 bits.
_MOST_NUMBERS = 1 << 32


class WaveSlope(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """Component i of the gradient of the trajectory's own sum of waves, of the arguments (i, w1, ..., wd)."""

    is_real = True


@dataclass(frozen=True, eq=False)
class Waves(Landscape):
    """The potentials of a `FourierPotential` in at most 4 coordinates w1, w2, ..., one for each trajectory.

    Where there are several a trajectory walks in the one whose number is its `disorder`, a parameter. Raises
    `DisorderError` for more coordinates, and for more waves than one table holds.
    """

    symbolic: ClassVar[bool] = True
    compiled_for_cpu_alone: ClassVar[bool] = True
    potential: FourierPotential

    def __post_init__(self) -> None:
        if self.dimension > MAX_DIMENSION:
            raise DisorderError(
                f"the kernel of waves takes up to {MAX_DIMENSION} coordinates, not {self.dimension}; use "
                "backend='batched'"
            )
        if self.potential.disorders.size * self.cells * self.block > _MOST_NUMBERS:
            raise DisorderError(
                f"{self.potential.disorders.size} disorders of {self.potential.phases.shape[1]} waves are more than "
                "one table holds; run fewer at a time"
            )

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return self.potential.dimension

    @property
    def variables(self) -> tuple[str, ...]:
        """w1, w2, ..."""
        return tuple(f"w{i + 1}" for i in range(self.dimension))

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates as symbols."""
        return tuple(symbol(name) for name in self.variables)

    @property
    def parameters(self) -> Mapping[str, float | None]:
        """The number of the disorder, to be scanned where there are several."""
        return self.potential.parameters

    @property
    def drift(self) -> tuple[sympy.Expr, ...]:
        """Minus the gradient, symbolic."""
        return tuple(-WaveSlope(i, *self.coordinates) for i in range(self.dimension))

    @property
    def cells(self) -> int:
        """Number of blocks of waves in a disorder."""
        features = int(self.potential.phases.shape[1])
        return -(-features // TOGETHER)

    @property
    def work(self) -> int:
        """About one update for each wave."""
        return self.cells * TOGETHER

    @property
    def block(self) -> int:
        """Numbers in a block: wave vectors, phases and coefficients of its waves."""
        return (self.dimension + 2) * TOGETHER

    @property
    def table(self) -> Array:
        """Blocks one after another, (disorder, cell * block): for 16 waves k/2pi, component by component, the turns
        phi/2pi - 1/4, with which cos(2 pi turns) = sin(k.w + phi), and -2 pi a. Waves of amplitude zero fill the last.
        """
        potential, count = self.potential, self.potential.disorders.size
        rows = np.zeros((count, self.dimension + 2, self.cells * TOGETHER))
        features = potential.phases.shape[1]
        rows[:, :-2, :features] = potential.wave_vectors.swapaxes(1, 2) / (2.0 * np.pi)
        rows[:, -2, :features] = potential.phases / (2.0 * np.pi) - 0.25
        rows[:, -1, :features] = -2.0 * np.pi * potential.coefficients
        blocks = rows.reshape(count, self.dimension + 2, self.cells, TOGETHER)
        return np.ascontiguousarray(blocks.swapaxes(1, 2)).reshape(count, -1)

    def rows(self, disorder: ArrayLike) -> NDArray[np.int64]:
        """The rows of the disorders with these numbers. Raises `DisorderError` for one that there is not."""
        given = real_array(disorder, "the disorder", DisorderError)
        numbers = self.potential.disorders.astype(np.float64)
        order = np.argsort(numbers)
        found = order[np.minimum(np.searchsorted(numbers, given, sorter=order), numbers.size - 1)]
        wrong = given[numbers[found] != given]
        if wrong.size:
            raise DisorderError(f"there is no disorder {wrong[0]:g} among the {numbers.size} of the potential")
        return np.asarray(found, dtype=np.int64)

    def drift_at(self, position: ArrayLike, *, disorder: float | None = None) -> Array:
        """-grad V at one position (d,) -> (d,)."""
        row = 0 if disorder is None else int(self.rows(disorder))
        p = self.potential
        phase = p.wave_vectors[row] @ real_array(position, "the position", DisorderError) + p.phases[row]
        drift: Array = (p.coefficients[row] * np.sin(phase)) @ p.wave_vectors[row]
        return drift
