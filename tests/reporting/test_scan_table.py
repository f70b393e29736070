from __future__ import annotations

import io
import json

import numpy as np
import pytest
import xarray as xr
from made_up_scans import ETAS, SIZES, a_map, study

from langevin_sgd import check
from langevin_sgd.reporting import html, terminal
from langevin_sgd.reporting.scan_table import ROWS_LISTED, grouped, not_agreeing, telling
from langevin_sgd.simulation import simulate
from langevin_sgd.study import run_scan
from langevin_sgd.study.engines import engine
from langevin_sgd.study.run_model import run_task

POINTS = len(ETAS) * len(SIZES) - 2


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return a_map()


@pytest.fixture(scope="module")
def table(tree) -> xr.Dataset:
    return tree["checks"].to_dataset()


def many(table: xr.Dataset, times: int) -> xr.Dataset:
    """The same comparisons at so many times as many points."""
    size = table.sizes["comparison"]
    long = table.isel(comparison=np.tile(np.arange(size), times))
    turn = np.repeat(np.arange(times), size).astype("U8")
    return long.assign(point=("comparison", np.char.add(np.char.add(long.point.values, ", seed="), turn)))


def printed(tree, table, *, full: bool, width: int, verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    terminal.print_verdicts(tree, table, full=full, verbose=verbose, run="runs/map", width=width, stream=stream)
    return stream.getvalue().splitlines()


def test_points_are_counted_by_model_and_law_and_the_worst_is_named(table):
    found = grouped(table)
    assert not found.single.size
    assert [(group.model, group.law, group.role) for group in found.groups[:2]] == [
        ("network", "discrete", "law"), ("network", "continuum", "contrast")
    ]  # fmt: skip
    assert all(group.agrees + group.disagrees + group.inconclusive == POINTS for group in found.groups)
    frame = table.to_dataframe().query("model == 'network' and law == 'discrete'")
    own = found.groups[0]
    assert own.disagrees == (frame.verdict == "disagrees").sum() > 0
    worst = frame[frame.verdict == "disagrees"].ratio.idxmax()
    assert own.point == frame.point[worst] == "learning_rate=1, batch_size=8"


def test_contrasts_of_what_is_simulated_are_left_to_full_tables(table):
    chosen = telling(grouped(table).groups, ["network"], 25)
    assert [group.role for group in chosen if group.model == "network"] == ["law", "contrast", "contrast"]
    assert [group.role for group in chosen if group.model != "network"] == ["law", "law"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_counts_on_one_screen_and_tells_what_a_scan_lacks(tree, table, width):
    lines = printed(tree, table, full=False, width=width)
    text = "\n".join(lines)
    assert len(lines) <= 45
    assert "learning_rate=1, batch_size=8: 1." in text
    assert (
        "  ou, scan: 22 of 24 points done, 1 failed (learning_rate=1, batch_size=4: diverged at step 31), 1 pending"
        in lines
    )
    assert f"{table.sizes['comparison']} rows in all, by point: langevin-sgd check runs/map" in lines
    assert "models without results" not in text


def test_in_full_the_rows_that_do_not_agree_have_their_reasons(tree, table):
    """Short ones, and if asked for the whole ones."""
    off, count = not_agreeing(table, grouped(table).in_groups, 1000)
    assert len(off) == count
    for verbose in (True, False):
        text = " ".join(" ".join(printed(tree, table, full=True, width=120, verbose=verbose)).split())
        for row in off:
            reason = row.reason if verbose else row.short
            assert f"{row.model}: {row.quantity}, {row.law} {row.verdict}: {reason}" in text
    assert f"{count} of {count} law rows that do not agree; all {table.sizes['comparison']} rows" in text


def test_tens_of_thousands_of_rows_are_counted_and_few_are_written_out(tree, table):
    long = many(table, 150)
    rejected = [f"row {n}" for n in range(3000)]
    summary = {**json.loads(table.attrs["summary"]), "disagreeing": rejected}
    long.attrs["summary"] = json.dumps(summary)
    lines = printed(tree, long, full=True, width=120)
    assert len(lines) < 250
    assert "  ✗ and 2,988 more that are rejected" in lines
    whole = tree.copy()
    whole["checks"] = xr.DataTree(long)
    page = html.page(whole, config="", pictures={})
    assert f"the first {ROWS_LISTED} of them here" in page
    assert page.count('<tr class="reason">') == ROWS_LISTED
    assert "<li>and 2,988 more</li>" in page
    assert len(page) < 1e6


def test_the_page_counts_points_and_tells_what_a_scan_lacks(tree):
    page = html.page(tree, config="", pictures={})
    assert "<h3>Points of scans</h3>" in page
    assert "22 of 24 points done, 1 failed (learning_rate=1, batch_size=4: diverged at step 31), 1 pending" in page
    assert page.count("learning_rate=1, batch_size=8") > 1


def test_a_scan_of_few_points_is_listed_as_ever(table):
    few = table.isel(comparison=np.flatnonzero((table.batch_size == 64) & (table.model == "ou")))
    found = grouped(few)
    assert not found.groups
    assert found.single.size == few.sizes["comparison"]


def test_a_report_of_a_scan_that_was_stopped_shows_what_is_there(tmp_path, monkeypatch):
    ran = []

    def until_the_fifth(study, task, around):
        if len(ran) == 4:
            raise KeyboardInterrupt
        ran.append(task)
        return run_task(study, task, around)

    monkeypatch.setattr(run_scan, "block_shape", lambda grid: (1, 1))
    monkeypatch.setattr(engine, "run_task", until_the_fifth)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        simulate(study(), output=run)
    page = html.report(run).read_text(encoding="utf-8")
    assert "4 of 6 points done, 2 pending" in page
    assert "total variance" in page
    assert "the tolerance and Holm" in page
    assert len(set(check(run).point.values)) == 4
