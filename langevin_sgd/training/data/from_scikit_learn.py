"""Data sets that scikit-learn comes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.section import DataSection


def digits(section: DataSection) -> DataSet:
    """The 1797 images of 8 x 8 pixels, scaled to [0, 1]."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return DataSet(images / 16.0, labels.astype(np.int64), classes=10, name="digits")


def breast_cancer(section: DataSection) -> DataSet:
    """569 tumours, malignant 0 or benign 1, in the units of the measurements."""
    from sklearn.datasets import load_breast_cancer

    return _of_classes("breast_cancer", *load_breast_cancer(return_X_y=True))


def wine(section: DataSection) -> DataSet:
    """178 wines of three growers, in the units of the measurements."""
    from sklearn.datasets import load_wine

    return _of_classes("wine", *load_wine(return_X_y=True))


def iris(section: DataSection) -> DataSet:
    """150 flowers of three species, in centimetres."""
    from sklearn.datasets import load_iris

    return _of_classes("iris", *load_iris(return_X_y=True))


def diabetes(section: DataSection) -> DataSet:
    """442 patients, in the units of the measurements; the target is a real number from 25 to 346."""
    from sklearn.datasets import load_diabetes

    inputs, targets = load_diabetes(return_X_y=True, scaled=False)
    return DataSet(inputs, targets, name="diabetes")


def _of_classes(name: str, inputs: NDArray[np.float64], labels: NDArray[np.int64]) -> DataSet:
    return DataSet(inputs, labels.astype(np.int64), classes=int(labels.max()) + 1, name=name)
