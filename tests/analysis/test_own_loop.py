"""The script analysis/own_loop.py, from its loop to the table of comparisons, with fewer seeds and steps."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

import langevin_sgd as lsgd

SCRIPT = Path(__file__).parents[2] / "analysis" / "own_loop.py"


def _fewer(**_: Any) -> Bunch:
    """Digits 0, 1 and 2 by six of their pixels."""
    whole = load_digits(n_class=3)
    return Bunch(data=whole.data[:, 18:24], target=whole.target, target_names=whole.target_names[:3])


@pytest.mark.validate
def test_the_script_trains_merges_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("own_loop", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "load_digits", _fewer)
    table = script.main(seeds=2, steps=150, output=tmp_path)
    assert {"epoch", "discrete", "isotropic"} <= {*table.law}
    merged = lsgd.open_run(tmp_path / "all")["network"]
    assert merged.sizes["replica"] == 2
    assert merged.attrs["sampling"] == "epoch"
    assert np.isfinite(merged.mode_variance_predicted).all()
    assert float(merged.gradient_norm_at_minimum) < 1e-8
