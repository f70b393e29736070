"""Targets of files: what they are taken for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.data.file_section import FileSection


def real(labels: NDArray[Any]) -> NDArray[Any]:
    """Integers as the real numbers that they are; what else there is stays for who checks it."""
    return labels.astype(np.float64) if labels.dtype.kind in "iu" else labels


def class_count(section: FileSection, *labels: NDArray[Any] | None) -> int:
    """What the section says, or the largest label and one; two or more.

    Raises `UserError` where nothing is said and no label is 0: most files that count classes from 1 are read so, with a
    class that no sample has.
    """
    if section.classes is not None:
        return section.classes
    whole = [each for each in labels if each is not None and each.size and each.dtype.kind in "iu"]
    lowest = min((int(each.min()) for each in whole), default=0)
    if lowest > 0:
        highest = max(int(each.max()) for each in whole)
        held = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
        raise UserError(
            f"{section.path}: labels are {held}, and classes are numbered from 0 on; subtract {lowest}, or give "
            f"data.classes: {highest + 1} if there are classes below that the file does not show"
        )
    return max([2, *(int(each.max()) + 1 for each in whole)])
