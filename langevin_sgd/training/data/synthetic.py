"""Samples from the counter-based generator: sample n of a set depends on the seed and n alone.

Of the SYNTHETIC stream counter step 0 holds what all samples share, and steps 1 and 2 the uniform and the normal
numbers of the samples, each of which is a trajectory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.families import imported
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.synthetic_section import SyntheticSection

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """Random numbers of n samples: uniform in (0, 1) and standard normal, (n, count) each, and those that all share."""

    uniform: Array
    normal: Array
    shared: Array


Make = Callable[[SyntheticSection, Numbers], tuple[Array, NDArray[np.int64] | Array]]


def drawn(section: SyntheticSection, seed: int) -> DataSet:
    """The samples of a section: inputs (samples, d) and classes or real targets."""
    needs, every = section.needs(), np.arange(section.samples)
    words = random_numbers.words(
        seed, trajectories=every, steps=[1], components=needs.uniforms, stream=Stream.SYNTHETIC
    )[0]
    numbers = Numbers(unit(words), _normals(seed, every, 2, needs.normals), shared(section, seed))
    make: Make = imported(section.MAKE)
    shape = section.shape()
    assert shape is not None
    return DataSet(*make(section, numbers), classes=shape.classes, name=section.name)


def of_seed_zero(section: SyntheticSection) -> DataSet:
    """The samples of seed 0: for who loads them outside of a study."""
    return drawn(section, 0)


def shared(section: SyntheticSection, seed: int) -> Array:
    """What all samples of a section share, standard normal."""
    found: Array = _normals(seed, np.zeros(1, np.int64), 0, section.needs().shared)[0]
    return found


def unit(words: NDArray[np.uint32]) -> Array:
    """Numbers in (0, 1) that no word makes 0 or 1."""
    found: Array = (words.astype(np.float64) + 0.5) * 2.0**-32
    return found


def _normals(seed: int, trajectories: NDArray[np.int64], step: int, count: int) -> Array:
    found: Array = random_numbers.normals(
        seed, trajectories=trajectories, steps=[step], components=count, stream=Stream.SYNTHETIC
    )[0]
    return found
