"""Points of classes, made of random numbers; the equations stand with the keys of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training.data.circle import CircleData
from langevin_sgd.training.data.gaussian_mixture import GaussianMixtureData
from langevin_sgd.training.data.spiral import SpiralData
from langevin_sgd.training.data.synthetic import Array, Numbers

Classes = NDArray[np.int64]


def gaussian_mixture(section: GaussianMixtureData, numbers: Numbers) -> tuple[Array, Classes]:
    """Clouds about fixed centres."""
    classes = _class(numbers.uniform[:, 0], section.classes)
    centres = numbers.shared.reshape(section.classes, section.inputs) / np.sqrt(section.inputs)
    return section.separation * centres[classes] + numbers.normal, classes


def circle(section: CircleData, numbers: Numbers) -> tuple[Array, Classes]:
    """Points of a square."""
    points = 2.0 * numbers.uniform - 1.0
    return points, ((points**2).sum(1) < section.radius**2).astype(np.int64)


def spiral(section: SpiralData, numbers: Numbers) -> tuple[Array, Classes]:
    """Points beside arms."""
    classes, along = _class(numbers.uniform[:, 0], section.classes), numbers.uniform[:, 1]
    angle = 2.0 * np.pi * (section.turns * along + classes / section.classes)
    points = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + section.spread * numbers.normal, classes


def _class(uniform: Array, classes: int) -> Classes:
    return (uniform * classes).astype(np.int64)
