"""Data sets that scikit-learn comes with."""

from __future__ import annotations

import numpy as np

from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.section import DataSection


def digits(section: DataSection) -> DataSet:
    """The 1797 images of 8 x 8 pixels, scaled to [0, 1]."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return DataSet(images / 16.0, labels.astype(np.int64), classes=10, name="digits")
