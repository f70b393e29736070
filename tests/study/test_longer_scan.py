"""A scan that got longer: what is there stays as it is, and the rest is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.study.store import open_run

WELL: dict[str, Any] = {
    "kind": "langevin", "potential": {"kind": "expression", "energy": "(x**2 - 1)**2", "variables": ["x"]},
    "start": [-1.0], "temperature": 0.1, "time_step": 0.01, "steps": 20, "replicas": 4, "record_times": 3,
}  # fmt: skip
EIGHT = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
TWELVE = [*EIGHT, 0.9, 1.0, 1.1, 1.2]


def study(scan: dict[str, Any]) -> dict[str, Any]:
    return {"name": "longer", "seed": 1, "models": {"well": WELL}, "scan": scan}


def chunks(run: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every chunk along the points."""
    files = [file for file in (run / "data.zarr" / "well").rglob("*") if file.is_file() and file.name != "zarr.json"]
    inner = [file for file in files if file.parent.parent.name != "well"]
    return {str(file.relative_to(run)): (file.read_bytes(), file.stat().st_mtime_ns) for file in inner}


def test_eight_values_become_twelve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The eight stay bit for bit, their files untouched, and the four are what they are in a scan of twelve."""
    lsgd.simulate(study({"models.well.temperature": EIGHT}), output=tmp_path / "run")
    before = chunks(tmp_path / "run")
    from langevin_sgd.models.langevin.config import LangevinModel

    launched: list[float] = []
    run = LangevinModel.run

    def followed(self: LangevinModel, points: Any, context: Any) -> Any:
        launched.extend(model.temperature for model, _ in points)
        return run(self, points, context)

    monkeypatch.setattr(LangevinModel, "run", followed)
    longer = lsgd.simulate(study({"models.well.temperature": TWELVE}), output=tmp_path / "run", resume=True)
    assert launched == TWELVE[8:]
    after = chunks(tmp_path / "run")
    assert before
    assert {name: after[name] for name in before} == before
    whole = lsgd.simulate(study({"models.well.temperature": TWELVE}))
    xr.testing.assert_identical(longer["well"].dataset, whole["well"].dataset)
    xr.testing.assert_identical(open_run(tmp_path / "run", load=True)["well"].dataset, whole["well"].dataset)


def test_both_axes_of_a_scan_may_get_longer(tmp_path: Path) -> None:
    short = {"models.well.temperature": [0.1, 0.2], "models.well.time_step": [0.01, 0.02]}
    long = {"models.well.temperature": [0.1, 0.2, 0.3], "models.well.time_step": [0.01, 0.02, 0.005]}
    lsgd.simulate(study(short), output=tmp_path / "run")
    longer = lsgd.simulate(study(long), output=tmp_path / "run", resume=True)["well"].dataset
    whole = lsgd.simulate(study(long))["well"].dataset
    xr.testing.assert_identical(longer, whole)
    assert np.isfinite(longer["energy"]).all()


@pytest.mark.parametrize(
    "scan",
    [
        {"models.well.temperature": EIGHT[:7]},
        {"models.well.temperature": [0.05, *EIGHT]},
        {"models.well.temperature": EIGHT, "models.well.time_step": [0.01, 0.02]},
        {"models.well.time_step": [0.01, 0.02]},
    ],
)
def test_another_scan_is_refused_and_changes_nothing(tmp_path: Path, scan: dict[str, Any]) -> None:
    lsgd.simulate(study({"models.well.temperature": EIGHT}), output=tmp_path / "run")
    before = chunks(tmp_path / "run")
    with pytest.raises(StoreError, match="cannot resume with another config: scan"):
        lsgd.simulate(study(scan), output=tmp_path / "run", resume=True)
    assert chunks(tmp_path / "run") == before


def test_more_values_may_be_drawn(tmp_path: Path) -> None:
    def drawn(count: int) -> dict[str, Any]:
        return study({"models.well.temperature": {"random": [0.1, 1.0, count]}})

    lsgd.simulate(drawn(3), output=tmp_path / "run")
    longer = lsgd.simulate(drawn(5), output=tmp_path / "run", resume=True)
    xr.testing.assert_identical(longer["well"].dataset, lsgd.simulate(drawn(5))["well"].dataset)
