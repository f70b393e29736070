"""Equal eta/B at different batch sizes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_scans import stack

from langevin_sgd.checks.occupancy.collapse import collapse
from langevin_sgd.config.axis import of_key
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import time_coordinates

STDERR = 0.002


def point(ratio: float, batch_size: int, left: float) -> xr.Dataset:
    mean = np.array([[left, 1 - left], [left, 1 - left]])
    values = {
        "mean_occupancy": mean, "mean_occupancy_stderr": np.full((2, 2), STDERR), "relaxation_time": 1.0,
        "occupancy_window": np.array([6.0, 15.0]), "mean_occupancy_law": mean[:1], "law_is_exact": [True],
        "law_note": [""], "learning_rate": ratio * batch_size, "batch_size": batch_size, "thermal_energy": 3 * ratio,
    }  # fmt: skip
    coords = {"basin": ["a", "b"], "start_basin": ["a", "b"], "law": ["chain"], "replica": np.arange(200)}
    coords |= time_coordinates([0, 100], learning_rate=ratio * batch_size, momentum=0.0)
    return dataset(values, declares=declared(), coords=coords)


def scanned(shares: dict[tuple[float, int], float]) -> xr.Dataset:
    ratios, sizes = sorted({r for r, _ in shares}), sorted({b for _, b in shares})
    axes = [of_key("models.m.learning_rate_per_sample", tuple(ratios))]
    axes.append(of_key("sgd.batch_size", tuple(sizes)))
    return stack([point(r, b, shares[r, b]) for r in ratios for b in sizes], axes)


def test_batch_sizes_are_compared_at_equal_ratio_only() -> None:
    """0.90 and 0.92 differ by 0.245 in log-odds, 0.90 and 0.903 by 0.034: outside and inside a tolerance of 0.1."""
    shares = {(0.02, 1): 0.9, (0.02, 3): 0.92, (0.04, 1): 0.7, (0.04, 3): 0.703}
    rows = collapse(scanned(shares), model="m", tolerance=0.1)
    assert [row.point for row in rows] == ["eta/B=0.02, B=3 and 1", "eta/B=0.04, B=3 and 1"]
    assert [row.verdict for row in rows] == ["disagrees", "agrees"]
    assert all(row.role == "contrast" for row in rows)
    expected = np.log(0.92 / 0.08) - np.log(0.9 / 0.1)
    assert rows[0].measured == pytest.approx(expected)
    each = [STDERR / np.sqrt(2) / (p * (1 - p)) for p in (0.9, 0.92)]
    assert rows[0].standard_error == pytest.approx(np.hypot(*each))


def test_without_two_batch_sizes_there_are_no_rows() -> None:
    assert collapse(scanned({(0.02, 1): 0.9, (0.04, 1): 0.7}), model="m") == []
    assert collapse(point(0.02, 1, 0.9).drop_vars("mean_occupancy"), model="m") == []


def test_points_of_one_scheme_are_compared_with_one_another_alone() -> None:
    """A scan over names: 0.9 and 0.92 of different schemes are no pair, 0.9 and 0.9 of one scheme are."""
    sizes, schemes = (1, 3), ("baoab", "euler_maruyama")
    axes = [of_key("models.m.learning_rate_per_sample", (0.02,)), of_key("models.m.scheme", schemes)]
    axes.append(of_key("sgd.batch_size", sizes))
    found = stack([point(0.02, b, left) for left in (0.9, 0.92) for b in sizes], axes)
    rows = collapse(found, model="m", tolerance=0.1)
    assert [row.point for row in rows] == [f"scheme={name}, eta/B=0.02, B=3 and 1" for name in schemes]
    assert [row.measured for row in rows] == pytest.approx([0.0, 0.0])
    assert [dict(row.at) for row in rows] == [{"scheme": name} for name in schemes]
