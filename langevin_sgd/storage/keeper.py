"""How a long computation is kept: it tells from where it could go on, as often as it likes, and that is saved in time.

Saved is what was told last, thirty seconds after the last save and when the computation is interrupted or fails, so an
interruption costs one stretch of work between two tellings, whatever the shape of the work. `SECONDS_A_SEGMENT` is how
long such a stretch should be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.storage.checkpoint import Checkpointing
from langevin_sgd.storage.zarr_groups import StoreError

Arrays = dict[str, NDArray[Any]]
State = Callable[[], Arrays]

SECONDS_A_SEGMENT = 5.0


class Keeps(Protocol):
    """What a part of a computation sees of its keeper."""

    saved: Arrays

    def tell(self, state: State) -> None:
        """The computation could go on from `state()`."""


class Keeper:
    """What a computation had `saved`, and what it tells of itself to be saved. Used in a `with` statement."""

    def __init__(self, checkpoint: Checkpointing) -> None:
        self._checkpoint = checkpoint
        self._last: State | None = None
        self.saved: Arrays = checkpoint.load() or {}

    def tell(self, state: State) -> None:
        """The computation could go on from `state()`, which must not change with what it does next."""
        self._last = state
        if self._checkpoint.due():
            self._checkpoint.save(state())

    def within(self, name: str, others: State) -> Within:
        """The same for a part of the computation, which is saved as `name` beside what `others` are then.

        The first part so named is given what was saved of it.
        """
        own = part(self.saved, name)
        self.saved = {key: value for key, value in self.saved.items() if not key.startswith(f"{name}/")}
        return Within(self, name, own, others)

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = isinstance(error, KeyboardInterrupt | UserError) and not isinstance(error, StoreError)
        if stopped and self._last is not None:
            self._checkpoint.save(self._last())


class Within:
    """A part of what a `Keeper` keeps."""

    def __init__(self, keeper: Keeper, name: str, saved: Arrays, others: State) -> None:
        self._keeper, self._name, self._others = keeper, name, others
        self.saved = saved

    def tell(self, state: State) -> None:
        """The part could go on from `state()`; a `step` in it is added to that of the others."""
        self._keeper.tell(partial(_together, self._name, self._others, state))


def _together(name: str, others: State, state: State) -> Arrays:
    kept, own = others(), state()
    if "step" in kept and "step" in own:
        kept = {**kept, "step": kept["step"] + own["step"]}
    return {**kept, **prefixed(name, own)}


class Pace:
    """How much to do at a time, in units of its own, for a segment of a few seconds."""

    def __init__(self, first: float, *, least: int = 1, most: float = np.inf) -> None:
        self._least, self._most = least, most
        self._amount = first
        self._began = time.monotonic()

    def next(self, left: int) -> int:
        """The amount to do now, of what is left; its time is taken from here."""
        self._began = time.monotonic()
        return int(min(max(self._amount, self._least), self._most, left))

    def done(self, amount: int) -> None:
        """So much was done since `next`."""
        self._amount = amount * SECONDS_A_SEGMENT / max(time.monotonic() - self._began, 1e-3)


def part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """The arrays whose names begin with `prefix/`, without it."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in arrays.items() if name.startswith(f"{prefix}/")}


def prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The same arrays, their names behind `prefix/`."""
    return {f"{prefix}/{name}": value for name, value in arrays.items()}
