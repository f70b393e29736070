"""The config that a run stores is all that is needed to make it again, with the same bits on one type of machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import langevin_sgd as lsgd

NETWORK = {
    "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum",
    "replicas": 8, "steps": 60, "burn_in": 20,
}  # fmt: skip
STUDY: dict[str, Any] = {
    "name": "again",
    "seed": 7,
    "sgd": {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1},
    "models": {
        "network": NETWORK,
        "ou": {
            "kind": "ornstein_uhlenbeck",
            "hessian": {"from": "network"},
            "noise": {"from": "network"},
            "steps": 200,
        },
        "line": {"kind": "random_potential", "alpha": 1.0, "disorders": 8, "ln_time": [0, 4]},
    },
    "checks": ["equilibrium"],
}


@pytest.mark.by_default("one point")
@pytest.mark.parametrize("scan", [{}, {"sgd.batch_size": [8, 16]}], ids=["one point", "a scan"])
def test_the_stored_config_makes_the_same_run(tmp_path: Path, scan: dict[str, Any]) -> None:
    first = lsgd.simulate({**STUDY, **({"scan": scan} if scan else {})}, output=tmp_path / "first")
    again = lsgd.simulate(tmp_path / "first" / "config.yaml", output=tmp_path / "again")
    assert {node.path for node in first.subtree} == {node.path for node in again.subtree}
    names = 0
    for node in first.subtree:
        one, other = node.to_dataset(inherit=False), again[node.path].to_dataset(inherit=False)
        xr.testing.assert_equal(one, other)
        names += len(one.data_vars)
    assert names > 50
