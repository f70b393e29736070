"""The fingerprints of configs: every config has a short form that can be run, and a changed number is seen."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd

_ROOT = Path(__file__).parents[2]
_CONFIGS = sorted((_ROOT / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def fingerprints() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fingerprints", _ROOT / "analysis" / "fingerprints.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("config", _CONFIGS, ids=lambda config: config.stem)
def test_every_config_has_a_short_form_that_is_a_study(fingerprints: ModuleType, config: Path) -> None:
    study = lsgd.load(config, fingerprints.SHORTER[config.stem])
    assert study.name == lsgd.load(config).name


def _tree(value: float) -> xr.DataTree:
    model = xr.Dataset({"energy": ("time", np.array([1.0, value]))}, attrs={"status": "done", "backend": "any"})
    return xr.DataTree.from_dict({"model": model})


def test_a_change_of_the_last_bit_of_one_number_is_told(fingerprints: ModuleType, tmp_path: Path) -> None:
    files = []
    for number, value in enumerate((2.0, 2.0, float(np.nextafter(2.0, 3.0)))):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps({"config": fingerprints.fingerprint(_tree(value))}))
    assert fingerprints.compare(files[0], files[1]) == 0
    assert fingerprints.compare(files[0], files[2]) == 1
