"""Equal eta/B, where other parameters are scanned as well."""

from __future__ import annotations

import numpy as np
import xarray as xr
from made_up_scans import stack

from langevin_sgd.checks.occupancy.collapse import collapse
from langevin_sgd.config.axis import of_key
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import time_coordinates


def point(batch_size: int, left: float, momentum: float) -> xr.Dataset:
    mean = np.array([[left, 1 - left], [left, 1 - left]])
    values = {
        "mean_occupancy": mean, "mean_occupancy_stderr": np.full((2, 2), 0.002), "relaxation_time": 1.0,
        "occupancy_window": np.array([6.0, 15.0]), "mean_occupancy_law": mean[:1], "law_is_exact": [True],
        "law_note": [""], "learning_rate": 0.02 * batch_size, "batch_size": batch_size, "thermal_energy": 0.06,
        "momentum": momentum,
    }  # fmt: skip
    coords = {"basin": ["a", "b"], "start_basin": ["a", "b"], "law": ["chain"], "replica": np.arange(200)}
    coords |= time_coordinates([0, 100], learning_rate=0.02 * batch_size, momentum=momentum)
    return dataset(values, declares=declared(), coords=coords)


def test_batch_sizes_are_compared_at_equal_momentum_only() -> None:
    """eta/B alone sets the occupancy at each momentum: 0.9 at one, 0.7 at the other, whatever the batch size."""
    shares = {0.0: 0.9, 0.5: 0.7}
    axes = [of_key("sgd.momentum", (0.0, 0.5)), of_key("sgd.batch_size", (1.0, 3.0))]
    scanned = stack([point(size, share, mu) for mu, share in shares.items() for size in (1, 3)], axes)
    rows = collapse(scanned, model="m", tolerance=0.1)
    assert len(rows) == 2
    assert all(row.verdict == "agrees" for row in rows)
