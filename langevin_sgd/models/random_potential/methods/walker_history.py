"""The history of one walker on a line, as a figure shows it: the potential where it went, and where it stood."""

from __future__ import annotations

import itertools

import numpy as np

from langevin_sgd.integrators.flooding import flood
from langevin_sgd.models.random_potential.potentials import Array, Arrays

_CELLS = 400
_MARGIN = 0.35  # of the range walked, on either side

NAMES = ("example_position", "example_potential", "example_bottom", "example_draw")


def walker_history(potential: Array, drawn: Array, gamma: Array, *, spacing: float) -> Arrays:
    """The history of one walker on a line, displacements from the middle site.

    `potential` (site,), `drawn` (time,) displacements, `gamma` (time,) barriers theta ln t, ascending. `example_bottom`
    (time,) is where flooding stands. Of the potential the lowest and the highest site of each of 400 cells are kept,
    so that a picture shows its valleys and barriers whatever the number of sites.
    """
    middle = potential.size // 2
    rising = np.maximum(gamma, 0.0)  # below ln t = 0 no water has risen
    walk = flood(potential[None], spacing=spacing, largest_gamma=float(rising[-1]), threads=1)
    bottom = walk.displacement(rising)[0, :, 0]
    visited = np.concatenate([[0.0], bottom, drawn[np.isfinite(drawn)]]) / spacing
    margin = _MARGIN * np.ptp(visited) + 2.0
    low, high = max(int(visited.min() - margin) + middle, 0), min(int(visited.max() + margin) + middle, potential.size)
    edges = np.linspace(low, high, _CELLS + 1).astype(np.int64)
    site = np.empty((_CELLS, 2), dtype=np.int64)
    for cell, (begin, end) in enumerate(itertools.pairwise(edges)):
        inside = potential[begin : max(end, begin + 1)]
        site[cell] = begin + np.sort([inside.argmin(), inside.argmax()])
    return {
        "example_position": spacing * (site.ravel() - float(middle)),
        "example_potential": potential[site.ravel()],
        "example_bottom": bottom,
        "example_draw": np.asarray(drawn, dtype=np.float64),
    }
