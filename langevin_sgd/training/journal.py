"""A `FullBatch` whose results are kept in order, so that an interrupted search for a minimum goes through them again.

Minimisers keep a state of their own that cannot be saved, but what they do follows from the values they are given. So
the values are kept, and given again at once: the search arrives where it was, on the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.storage.keeper import Arrays, Keeper
from langevin_sgd.training.full_batch import EnergyAndGradient, FullBatch

Array = NDArray[np.float64]


class Journal(FullBatch):
    """The same energy; energies with gradients, and Hessian products, are told to `keeper` as they are found."""

    def __init__(self, full: FullBatch, keeper: Keeper) -> None:
        vars(self).update(vars(full))  # the same functions, samples and workers
        self._keeper = keeper
        self._kept: dict[str, tuple[NDArray[Any], ...]] = {"values": (), "products": ()}
        self._old = {kind: _numbered(keeper.saved, kind) for kind in self._kept}

    def energy_and_gradient(self, w: Array) -> EnergyAndGradient:
        """E(w) and grad E(w)."""

        def find() -> Array:
            energy, gradient = FullBatch.energy_and_gradient(self, w)
            return np.concatenate([[energy], gradient])

        found = self._known("values", find)
        return EnergyAndGradient(float(found[0]), found[1:].copy())

    def hessian_products(self, w: Array, vectors: Array) -> Array:
        """H(w) v for every row v of `vectors` (m, d)."""
        return self._known("products", lambda: FullBatch.hessian_products(self, w, vectors)).copy()

    def sample_gradients(self, w: Array, visit: Callable[[Tensor], None]) -> None:
        """Not kept: one pass over the samples."""
        FullBatch.sample_gradients(self, w, visit)

    def _known(self, kind: str, find: Callable[[], Array]) -> Array:
        place = len(self._kept[kind])
        found: Array = self._old[kind][place] if place < len(self._old[kind]) else find()
        self._kept = {**self._kept, kind: (*self._kept[kind], found)}
        if all(len(kept) >= len(self._old[kind]) for kind, kept in self._kept.items()):
            self._keeper.tell(partial(_arrays, self._kept))
        return found


def _numbered(saved: Arrays, kind: str) -> list[Array]:
    return [saved[f"{kind}/{n}"] for n in range(sum(name.startswith(f"{kind}/") for name in saved))]


def _arrays(kept: dict[str, tuple[NDArray[Any], ...]]) -> Arrays:
    return {f"{kind}/{n}": value for kind, values in kept.items() for n, value in enumerate(values)}
