"""Minibatches of samples that were never seen before: one pass over an endless data set.

Of the FRESH_SAMPLE stream trajectory r, counter steps 2n and 2n + 1, are the uniform and the normal numbers of replica
r's minibatch at step n; what all samples share is that of the set that is evaluated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.families import imported
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.data.synthetic import Make, Numbers, shared, unit
from langevin_sgd.training.data.synthetic_section import SyntheticSection


class Fresh:
    """Draws the minibatches of replicas from the distribution of a section, noise of real targets included."""

    def __init__(self, section: SyntheticSection, seed: int) -> None:
        self._section, self._seed = section, seed
        self._needs, self._shared = section.needs(), shared(section, seed)
        self._make: Make = imported(section.MAKE)

    def minibatch(self, step: int, replicas: NDArray[np.int64], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (replica, size, d) and targets (replica, size) of those replicas at that step."""
        section, needs, noisy = self._section, self._needs, self._section.noise > 0
        drawn: dict[str, Any] = {"trajectories": replicas, "stream": Stream.FRESH_SAMPLE}
        words = random_numbers.words(self._seed, steps=[2 * step], components=size * needs.uniforms, **drawn)
        normals = random_numbers.normals(
            self._seed, steps=[2 * step + 1], components=size * (needs.normals + noisy), **drawn
        ).reshape(len(replicas) * size, needs.normals + noisy)
        uniform = unit(words).reshape(len(replicas) * size, needs.uniforms)
        inputs, targets = self._make(section, Numbers(uniform, normals[:, : needs.normals], self._shared))
        if noisy:
            targets = targets + section.noise * normals[:, -1]
        return inputs.reshape(len(replicas), size, -1), targets.reshape(len(replicas), size)


def build(section: SyntheticSection, seed: int) -> Fresh:
    """That of a study with this seed."""
    return Fresh(section, seed)
