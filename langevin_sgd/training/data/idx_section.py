"""What MNIST and the data sets in its format have in common."""

from __future__ import annotations

from typing import ClassVar

from langevin_sgd.training.data.split_files import SplitFilesSection


class IdxSection(SplitFilesSection):
    """The base of data sets of four IDX files, of images and labels of training and test set, packed (.gz) or not."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.idx:load"
    FILES: ClassVar[str] = (
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, or these "
        "as .gz"
    )
    CLASSES: ClassVar[int] = 10
