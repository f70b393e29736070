"""What the tests of models share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest


class _StopAfterSave:
    """A checkpoint that is always due and cuts the run off, as a user does, after a number of saves."""

    def __init__(self, saves: int) -> None:
        self.arrays: dict | None = None
        self.left = saves

    def load(self) -> dict | None:
        return self.arrays

    def due(self) -> bool:
        return True

    def save(self, arrays: dict) -> None:
        self.arrays = {name: np.array(value) for name, value in arrays.items()}
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def stop_after_save() -> Callable[[int], _StopAfterSave]:
    """A function that makes such a checkpoint."""
    return _StopAfterSave
