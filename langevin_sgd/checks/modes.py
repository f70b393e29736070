"""Bins of modes of similar eigenvalue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Modes = NDArray[np.bool_]


def eigenvalue_bins(eigenvalue: Array, noisy: Modes, bins: int, *, fewest: int = 1) -> list[Modes]:
    """Masks of the noisy modes in `bins` bins of equal width in log eigenvalue, sharpest first, empty ones left out.

    A bin of fewer than `fewest` modes is joined with the next flatter one, the last with the one before. Modes without
    noise, and modes whose eigenvalue is not positive, are in none.
    """
    usable = noisy & (eigenvalue > 0)
    if not usable.any():
        return []
    logarithm = np.log(np.where(usable, eigenvalue, 1.0))
    low, high = logarithm[usable].min(), logarithm[usable].max()
    if high > low:
        index = np.minimum(((high - logarithm) / (high - low) * bins).astype(np.int64), bins - 1)
    else:
        index = np.zeros(eigenvalue.shape, dtype=np.int64)
    masks = [usable & (index == number) for number in range(bins)]
    return _joined([mask for mask in masks if mask.any()], fewest)


def _joined(masks: list[Modes], fewest: int) -> list[Modes]:
    found: list[Modes] = []
    for mask in masks:
        if found and found[-1].sum() < fewest:
            found[-1] = found[-1] | mask
        else:
            found.append(mask)
    if len(found) > 1 and found[-1].sum() < fewest:
        last = found.pop()
        found[-1] = found[-1] | last
    return found
