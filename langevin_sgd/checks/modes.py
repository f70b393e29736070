"""Bins of modes of similar eigenvalue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Modes = NDArray[np.bool_]


def eigenvalue_bins(eigenvalue: Array, noisy: Modes, bins: int) -> list[Modes]:
    """Masks of the noisy modes in `bins` bins of equal width in log eigenvalue, sharpest first, empty ones left out.

    Modes without noise, and modes whose eigenvalue is not positive, are in none.
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
    return [mask for mask in masks if mask.any()]
