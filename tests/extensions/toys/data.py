"""A data set: three clouds of points in the plane."""

import numpy as np

from langevin_sgd import DataSet
from langevin_sgd.training.data.section import DataSection, DataShape


def blobs() -> DataSet:
    """A function is enough: 60 points, 20 about each of three centres."""
    drawn = np.random.default_rng(0).normal(size=(60, 2))
    classes = np.arange(60) % 3
    return DataSet(drawn + 2.0 * np.array([[0, 1], [1, 0], [-1, -1]])[classes], classes, classes=3)


class Blobs(DataSection):
    """As a section it can have keys of its own, and say its size before it is loaded."""

    name: str = "blobs"

    def load(self) -> DataSet:
        """The points."""
        return blobs()

    def shape(self) -> DataShape:
        """60 points in the plane of three classes."""
        return DataShape(samples=60, inputs=2, classes=3)
