"""Parameters over trajectories, reduced to the points at which they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_of_each_run(columns: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Where an entry of columns (n,) differs from the one before it: one for each point of a scan, (n,)."""
    first = np.ones(columns[0].size, dtype=bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
