"""Potentials on a line given at sites and straight between them, many of them in one landscape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.power_law import DisorderError, check_positive
from langevin_sgd.real_array import real_array, real_number

Array = NDArray[np.float64]

_LEFT, _RIGHT, _SPACING = (symbol(name) for name in ("left_end", "right_end", "spacing"))
# Places in the table of a run are counted in 31 bits.
_MOST_CELLS = (1 << 31) - 1


class Slope(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """V'(x) of the trajectory's own potential at x = left end + spacing * argument: looked up in the run's table."""

    nargs = 1
    is_real = True


@dataclass(frozen=True, eq=False)
class Tabulated(Landscape):
    """V(x) through `potential` (disorder, site), in energies, linear between sites: the force is constant in a cell.

    `spacing` is the distance of sites, `first_site` the position of the first one (by default the middle site lies at
    zero, as in `Line`). Each trajectory walks in one of the potentials, row `disorder` (a parameter, which may differ
    between trajectories and may be scanned). Both ends reflect: a position beyond one is mirrored there after each
    step, as the reflecting ends of the master equation, so walkers at an end have met what the table does not know:
    they are to be counted as censored. The force has a step at every site, for which only Euler-Maruyama is made.

    Raises DisorderError for arguments that do not fit.
    """

    symbolic: ClassVar[bool] = True
    force_has_steps: ClassVar[bool] = True
    potential: Array
    _: KW_ONLY
    spacing: float = 1.0
    first_site: float | None = None

    def __post_init__(self) -> None:
        values = real_array(self.potential, "a potential", DisorderError)
        if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
            raise DisorderError(f"a potential has shape (disorder, site) with two sites or more, not {values.shape}")
        if not np.isfinite(values).all():
            raise DisorderError("the potential is not finite everywhere; give numbers")
        if values.shape[0] * (values.shape[1] - 1) > _MOST_CELLS:
            raise DisorderError(f"{values.shape[0]} disorders of {values.shape[1]} sites are more than one table holds")
        check_positive(self.spacing, "spacing")
        middle = -(values.shape[1] // 2) * float(self.spacing)
        first = middle if self.first_site is None else real_number(self.first_site, "first_site", DisorderError)
        if not np.isfinite(first):
            raise DisorderError(f"first_site must be a finite number, not {first}")
        object.__setattr__(self, "potential", values)
        object.__setattr__(self, "first_site", first)

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    @property
    def variables(self) -> tuple[str, ...]:
        """The name of the coordinate, x."""
        return ("x",)

    @property
    def parameters(self) -> Mapping[str, float | None]:
        """`disorder`: the row of the potential in which a trajectory walks."""
        return {"disorder": 0.0}

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """x as a symbol."""
        return (symbol("x"),)

    @property
    def disorders(self) -> int:
        """Number of potentials."""
        return int(self.potential.shape[0])

    @property
    def cells(self) -> int:
        """Number of cells between the sites of a potential."""
        return int(self.potential.shape[1]) - 1

    @property
    def ends(self) -> tuple[float, float]:
        """Positions of the first and of the last site."""
        assert self.first_site is not None
        return self.first_site, self.first_site + self.cells * self.spacing

    @property
    def constants(self) -> dict[str, float]:
        """The geometry by the names that formulas of a record may use: `left_end`, `right_end` and `spacing`."""
        return {_LEFT.name: self.ends[0], _RIGHT.name: self.ends[1], _SPACING.name: float(self.spacing)}

    @property
    def drift(self) -> tuple[sympy.Expr, ...]:
        """-V'(x), symbolic: minus the slope looked up at the place of x among the cells."""
        return (-Slope((self.coordinates[0] - _LEFT) / _SPACING),)

    def confined(self, position: Any, named: Callable[[Any], Any]) -> Any:
        """The position mirrored at an end that it has passed, symbolic."""
        (moved,) = named(position)
        mirrored = np.empty(1, dtype=object)
        mirrored[0] = _LEFT + sympy.Abs(_RIGHT - sympy.Abs(_RIGHT - moved) - _LEFT)
        return mirrored

    def check_start(self, position: NDArray[Any]) -> None:
        """Raise `IntegrationError` for a walker that starts off the table."""
        low, high = self.ends
        off = position[(position < low) | (position > high)]
        if off.size:
            raise IntegrationError(
                f"a walker starts at {off[0]:g}, off the table from {low:g} to {high:g}; start inside"
            )

    @cached_property
    def slopes(self) -> Array:
        """V' in every cell, (disorder, cell)."""
        return np.asarray(np.diff(self.potential, axis=1) / self.spacing)

    @property
    def table(self) -> Array:
        """What a kernel looks slopes up in."""
        return self.slopes

    def rows(self, disorder: ArrayLike) -> NDArray[np.int64]:
        """The rows named by `disorder`. Raises DisorderError for a fraction and for a row that there is not."""
        given = real_array(disorder, "the disorder", DisorderError)
        wrong = given[~((given >= 0) & (given < self.disorders) & (given == np.floor(given)))]
        if wrong.size:
            raise DisorderError(f"disorder is a row, a whole number from 0 to {self.disorders - 1}, not {wrong[0]:g}")
        return given.astype(np.int64)

    def energy_at(self, position: ArrayLike, *, disorder: ArrayLike = 0) -> Array:
        """V at `position` (1, ...) -> (...); `disorder` a row, or one for each position."""
        row, cell, fraction = self._cell(position, disorder)
        return np.asarray(
            self.potential[row, cell] * (1.0 - fraction) + self.potential[row, cell + 1] * fraction, dtype=np.float64
        )

    def drift_at(self, position: ArrayLike, *, disorder: ArrayLike = 0) -> Array:
        """-V' at `position` (1, ...) -> (1, ...); at a site that of the cell to its right."""
        return -self.gradient_at(position, disorder=disorder)

    def gradient_at(self, position: ArrayLike, *, disorder: ArrayLike = 0) -> Array:
        """V' at `position` (1, ...) -> (1, ...); at a site that of the cell to its right."""
        row, cell, _ = self._cell(position, disorder)
        return np.asarray(self.slopes[row, cell])[None]

    def _cell(self, position: ArrayLike, disorder: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        at = real_array(position, "the position", DisorderError)
        if at.shape[:1] != (1,):
            raise DisorderError(f"position has shape {at.shape}; the first axis must have the one coordinate")
        place = np.clip((at[0] - self.ends[0]) / self.spacing, 0.0, float(self.cells))
        cell = np.minimum(place.astype(np.int64), self.cells - 1)
        return np.broadcast_to(self.rows(disorder), cell.shape), cell, place - cell
