"""A few of many recorded steps, for what costs more than a record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread_over(record: NDArray[np.int64], looks: int) -> NDArray[np.int64]:
    """At most so many of the recorded steps after the start, evenly in their order, the last among them.

    Recorded steps are spaced logarithmically, and so are these.
    """
    later = record[record > 0]
    count = min(looks, later.size)
    chosen = later.size - 1 - np.rint(np.arange(count) * (later.size / count)).astype(np.int64)
    return np.sort(later[chosen])
