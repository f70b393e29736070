"""The binary version of CIFAR: records of labels, one byte each, and 3 x 32 x 32 pixels, colour by colour.

A record of CIFAR-100 has two labels, the coarse one of twenty and the fine one of a hundred, of which the second is
read (Krizhevsky, "Learning multiple layers of features from tiny images", 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from langevin_sgd.errors import UserError
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.folders import file_in, folder_of
from langevin_sgd.training.data.images import Part, scaled
from langevin_sgd.training.data.split_files import SplitFilesSection

_IMAGE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


def ten(section: SplitFilesSection) -> DataSet:
    """Images (samples, 3, 32, 32) in [0, 1] and labels, of both sets. Raises `UserError` as `hundred` does."""
    return _load(section, [f"data_batch_{number}.bin" for number in range(1, 6)], "test_batch.bin", labels=1)


def hundred(section: SplitFilesSection) -> DataSet:
    """The same with the fine labels.

    Raises `UserError` in one line if a file is missing, cut off, or of another data set.
    """
    return _load(section, ["train.bin"], "test.bin", labels=2)


def _load(section: SplitFilesSection, train: Sequence[str], test: str, *, labels: int) -> DataSet:
    folder = folder_of(section)
    parts = [_read(file_in(section, folder, [name]), labels) for name in (*train, test)]
    whole = tuple(np.concatenate(each) for each in zip(*parts[:-1], strict=True))
    test_images, test_labels = parts[-1]
    most = section.test_size
    return scaled(section, (whole[0], whole[1]), (test_images[:most], test_labels[:most]))


def _read(file: Path, labels: int) -> Part:
    try:
        content = np.fromfile(file, np.uint8)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from error
    record = labels + _PIXELS
    if content.size == 0 or content.size % record:
        raise UserError(
            f"{file}: holds {content.size:,} bytes, which are no whole records of {record:,}; it is cut off, or of "
            "another data set"
        )
    records = content.reshape(-1, record)
    return records[:, labels:].reshape(-1, *_IMAGE), records[:, labels - 1]
