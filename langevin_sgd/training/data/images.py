"""Images of unsigned bytes as a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.split_files import SplitFilesSection

Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images (samples, channels, height, width) and labels (samples,)."""


def scaled(section: SplitFilesSection, train: Part, test: Part) -> DataSet:
    """Pixels in [0, 1] as float32, in which 255 steps are exact enough. Raises `UserError` for labels out of range."""
    for which, (_, labels) in (("training", train), ("test", test)):
        if labels.max() >= section.CLASSES:
            raise FaultWithin(
                ("data", "folder"),
                f"the {which} labels of {section.name} go up to {labels.max()}; it has {section.CLASSES} "
                "classes, so these are files of another data set",
            )
    if train[0].shape[1:] != test[0].shape[1:]:
        raise FaultWithin(
            ("data", "folder"), f"images of {section.name} have other sizes in the training set than in the test set"
        )
    arrays = [
        (images.astype(np.float32) / np.float32(255.0), labels.astype(np.int64)) for images, labels in (train, test)
    ]
    return DataSet(*arrays[0], section.CLASSES, *arrays[1], name=section.name)
