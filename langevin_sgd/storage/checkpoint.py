"""The state of one unfinished model, kept in one file so that an interrupted run can go on bit for bit."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError, refusal
from langevin_sgd.storage.zarr_groups import StoreError

SECONDS_BETWEEN_SAVES = 30.0

_COUNTS = ("step", "disorders")  # what a state counts its progress by


class Checkpointing(Protocol):
    """What a long computation saves its state to."""

    def load(self) -> dict[str, NDArray[Any]] | None:
        """The arrays last saved, or None if there are none."""

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was saved before."""

    def due(self) -> bool:
        """Whether it is time to save again."""

    def part(self, name: str) -> Checkpointing:
        """Another one for a part of the computation, forgotten with this one."""

    def remove(self) -> None:
        """Forget what was saved, and the parts."""


class NoCheckpoint:
    """Keeps nothing: for runs that are not written to a directory."""

    def load(self) -> None:
        """There is never anything to go on from."""

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Do nothing."""

    def due(self) -> bool:
        """Never."""
        return False

    def part(self, name: str) -> NoCheckpoint:
        """Keeps nothing either."""
        return self

    def remove(self) -> None:
        """Do nothing."""


class Checkpoint:
    """A numpy archive that is replaced in one stroke, so that it is never half-written."""

    def __init__(
        self,
        path: Path,
        *,
        seconds_between: float = SECONDS_BETWEEN_SAVES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._seconds_between = seconds_between
        self._clock = clock
        self._last = clock()

    def load(self) -> dict[str, NDArray[Any]] | None:
        """The arrays last saved, or None. Raises `UserError` if the file is damaged."""
        return self._read(None)

    def reached(self) -> str | None:
        """How far the model had got when last saved, "step 1,000" or "96 disorders", or None if it was not.

        Raises `UserError` as `load` does.
        """
        saved = self._read(_COUNTS)
        if saved is None:
            return None
        unit, count = next(iter(saved.items()))
        return f"step {int(count):,}" if unit == "step" else f"{int(count):,} {unit}"

    def _read(self, names: Sequence[str] | None) -> dict[str, NDArray[Any]] | None:
        if not self.path.exists():
            return None
        try:
            # numpy leaves a file open that it opened itself and found damaged
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files if names is None or name in names}
                if names is not None and not found:
                    raise KeyError(f"holds no {' and no '.join(names)}")
                return found
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self.path}: the checkpoint cannot be read ({error}); remove it to start this model afresh"
            ) from error

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the arrays to a file beside the last checkpoint, then put it in its place."""
        partial = self.path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
        except OSError as error:
            raise StoreError(f"{self.path}: the checkpoint {refusal(error)}") from error
        finally:
            partial.unlink(missing_ok=True)
        self._last = self._clock()

    def due(self) -> bool:
        """Whether the last save, or the start, was thirty seconds ago."""
        return self._clock() - self._last >= self._seconds_between

    def part(self, name: str) -> Checkpoint:
        """A file of its own beside this one."""
        path = self.path.with_name(f"{self.path.stem}.{name}.npz")
        return Checkpoint(path, seconds_between=self._seconds_between, clock=self._clock)

    def remove(self) -> None:
        """Forget the state of a model that has finished, and that of its parts."""
        for path in (self.path, *self.path.parent.glob(f"{self.path.stem}.*.npz")):
            path.unlink(missing_ok=True)
