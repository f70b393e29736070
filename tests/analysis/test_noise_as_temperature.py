"""The notebook analysis/06, cell by cell on a smaller scan: its exponents are those of the closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.validate

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "06_noise_as_temperature.ipynb"
SMALLER = {"REPLICAS": 64, "STEPS": 2000, "RATES": [0.1, 0.3, 0.8], "BATCHES": [4, 32]}
ERRORS = 4.0  # standard errors; with four exponents looked at, one seed in 4,000 fails by chance


def code_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the cells leave, run in order with the values of the one tagged `parameters` replaced."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        for number, cell in enumerate(code_cells()):
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, cell {number}", "exec"), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                assert names.keys() >= SMALLER.keys()
                names |= SMALLER
        names["files"] = {path.name for path in Path(names["OUTPUT"]).iterdir()}
    names["plt"].close("all")
    return names


def test_exponents_are_one_in_continuous_time_and_those_of_the_law_for_sgd(executed) -> None:
    fits = executed["fits"]
    value, error = fits["langevin"]
    assert np.all(np.abs(value - 1.0) < ERRORS * error)
    value, error = fits["sgd"]
    law, none = fits["law of sgd"]
    assert np.all(np.abs(value - law) < ERRORS * error)
    assert not none.any()
    assert law[1] == pytest.approx(1.0, abs=1e-12)  # the batch size is a temperature and nothing else
    assert value[0] - 1.0 > 20.0 * error[0]
    assert np.all((error > 0.0) & (error < 0.02))  # small enough to tell 1 from what a wrong law would give


def test_tables_have_the_scanned_keys_and_the_verdicts_of_both_laws(executed) -> None:
    totals = executed["totals"]
    claimed = totals[totals.law == "discrete"]
    assert set(zip(claimed.learning_rate, claimed.batch_size, strict=True)) == {
        (rate, batch) for rate in SMALLER["RATES"] for batch in SMALLER["BATCHES"]
    }
    assert (claimed.verdict == "agrees").all()
    beside = totals[(totals.law == "continuum") & (totals.learning_rate > 0.2)]
    assert (beside.verdict == "disagrees").all()


def test_the_map_has_a_panel_a_law_and_everything_is_saved(executed) -> None:
    titles = {axes.get_title(loc="left") for axes in executed["scan_map"].axes}
    assert any("sgd" in title for title in titles)
    assert executed["files"] >= {
        "config.yaml",
        "data.zarr",
        "report.html",
        "verdicts.csv",
        "variance.png",
        "results.nc",
    }


def test_ten_cells_are_kept_without_what_they_printed() -> None:
    cells = code_cells()
    assert len(cells) == 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
