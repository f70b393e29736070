from __future__ import annotations

import numpy as np
import xarray as xr
from made_up_scans import half_done

from langevin_sgd.observables.points_done import points_done
from langevin_sgd.observables.scanned import SCAN


def scanned() -> xr.Dataset:
    return xr.Dataset(
        {"energy": (("learning_rate", "sampling"), np.ones((3, 2)))},
        coords={"learning_rate": [0.1, 0.2, 0.5], "sampling": np.array(["epoch", "with_replacement"])},
        attrs={SCAN: ["learning_rate", "sampling"]},
    )


def test_failed_and_pending_points_are_counted_and_the_first_failure_is_told():
    found = points_done(half_done(scanned(), {(2, 1): "diverged at\nstep 3", (2, 0): "no minimum"}, ((0, 0),)))
    assert (found.total, found.done, found.failures, found.pending) == (6, 3, 2, 1)
    assert found.failed[1] == ("learning_rate=0.5, sampling=with_replacement", "diverged at step 3")
    assert found.said() == (
        "3 of 6 points done, 2 failed (first learning_rate=0.5, sampling=epoch: no minimum), 1 pending"
    )
    assert not found.whole


def test_a_scan_that_tells_no_status_has_all_its_points():
    assert points_done(scanned()).said() == "6 of 6 points done"
    assert points_done(xr.Dataset({"energy": 1.0})) is None


def test_many_points_are_counted_without_walking_over_them():
    many = xr.Dataset(coords={"x": np.arange(100_000.0)}, attrs={SCAN: ["x"]})
    found = points_done(half_done(many, {(n,): "diverged" for n in range(0, 100_000, 2)}))
    assert found.failures == 50_000
    assert len(found.failed) == 16
