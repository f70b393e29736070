from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from made_up_scans import BATCHES, RATES, half_done, study

from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.simulation import simulate
from langevin_sgd.study.judge import judged


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return simulate(study())


def row(**changed) -> Comparison:
    return Comparison.from_assessment(
        inconclusive(np.nan, np.nan, "made up"), model="m", quantity="q", law="discrete", role="law", measured=1.0,
        standard_error=0.1, predicted=1.0, tolerance=0.1, eigenvalues=np.empty(0), **changed,
    )  # fmt: skip


def placed_row(**at) -> Comparison:
    return replace(row(), at=at)


def test_the_keys_of_a_scan_are_columns_of_the_table(tree):
    table = judged(tree)
    assert set(np.unique(table.learning_rate)) == set(RATES)
    chosen = table.where((table.learning_rate == 0.5) & (table.batch_size == 16), drop=True)
    assert set(chosen.point.values) == {"learning_rate=0.5, batch_size=16"}
    frame = table.to_dataframe()
    totals = frame[(frame.quantity == "total_variance") & (frame.role == "law")]
    assert len(totals) == len(RATES) * len(BATCHES)
    assert (frame.batch_size.dtype, frame.learning_rate.dtype) == (np.int64, np.float64)
    assert totals.pivot(index="learning_rate", columns="batch_size", values="ratio").shape == (3, 2)


def test_every_point_of_the_scan_enters_holms_rule(tree):
    table = judged(tree)
    summary = json.loads(table.attrs["summary"])
    laws = table.role == "law"
    assert f"over the {int((laws & table.p_value.notnull()).sum())} tested law rows" in summary["rule"]
    assert not table.rejected.any()


def test_one_point_that_is_off_is_rejected_and_named(tree):
    off = tree["ou"].to_dataset()
    factor = xr.ones_like(off.learning_rate * off.batch_size)
    factor.loc[{"learning_rate": 0.2, "batch_size": 16}] = 0.5
    broken = tree.copy()
    broken["ou"] = xr.DataTree(off.assign(mode_variance_law=off.mode_variance_law * factor))
    table = judged(broken, study(), fresh=True)
    assert json.loads(table.attrs["summary"])["verdict"] == "disagrees"
    assert set(table.point.values[table.rejected]) == {"learning_rate=0.2, batch_size=16"}


def test_points_that_failed_are_named_and_the_others_are_compared(tree):
    broken = tree.copy()
    broken["ou"] = xr.DataTree(half_done(tree["ou"].to_dataset(), {(2, 0): "diverged at step 3"}, ((0, 0), (0, 1))))
    table = judged(broken, study(), fresh=True)
    points = {*table.point.values}
    assert points == {f"learning_rate={rate}, batch_size={size}" for rate, size in [(0.2, 4), (0.2, 16), (0.5, 16)]}
    summary = json.loads(table.attrs["summary"])
    failed, pending = summary["not_compared"]
    assert failed == {
        "model": "ou", "status": "failed", "reason": "diverged at step 3", "point": "learning_rate=0.5, batch_size=4"
    }  # fmt: skip
    assert pending["reason"] == "2 of 6 points are to come"
    assert summary["verdict"] == "inconclusive"


def test_a_scan_that_lacks_points_is_worked_out_again_at_the_others(tree):
    broken = tree.copy()
    lacking = half_done(tree["ou"].to_dataset(), {(2, 0): "diverged at step 3"}, ((0, 0), (0, 1)))
    broken["ou"] = xr.DataTree(lacking)
    fresh, again = judged(broken, study(), fresh=True), judged(broken, study())
    xr.testing.assert_equal(fresh, again)
    falsified = lacking.assign(mode_variance_law=1.1 * lacking.mode_variance_law)
    broken["ou"] = xr.DataTree(falsified)
    table = judged(broken, study())
    assert table.quantity.values[0] == "stored[mode_variance_law]"
    xr.testing.assert_equal(again.ratio, table.isel(comparison=table.fault.values != "altered").ratio)


def test_a_key_of_names_is_text_and_one_called_like_a_column_gets_another_name():
    table = to_dataset([placed_row(sampling="epoch", scale=2.0), row()], level=0.05, not_compared=[])
    assert list(table.sampling.values) == ["epoch", ""]
    np.testing.assert_array_equal(table.scan_scale, [2.0, np.nan])
    assert list(table.scale.values) == ["ratio", "ratio"]


def test_whole_numbers_stay_whole_where_each_row_has_one():
    whole = to_dataset([placed_row(batch_size=4), placed_row(batch_size=8)], level=0.05, not_compared=[])
    assert whole.to_dataframe().batch_size.tolist() == [4, 8]
    assert whole.batch_size.dtype == np.int64
    for rows in ([placed_row(batch_size=4), row()], [placed_row(batch_size=4), placed_row(batch_size=4.5)]):
        assert to_dataset(rows, level=0.05, not_compared=[]).batch_size.dtype == np.float64


def test_results_are_taken_by_the_values_of_the_keys(tree):
    one = tree["ou"].mode_variance.sel(learning_rate=0.5, batch_size=16)
    assert one.dims == ("mode",)
    np.testing.assert_array_equal(one, tree["ou"].mode_variance[2, 1])
    assert tree["ou"].to_dataset().sel(learning_rate=0.1).sizes["batch_size"] == len(BATCHES)
