"""Runs of two models of a few numbers, written by the store."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError

CONFIG = "name: a\nseed: 1\nmodels:\n  network: {steps: 100}\n  ou: {steps: 200}\nchecks: [equilibrium]\n"


def model(value: float = 1.0, status: str = "done") -> xr.Dataset:
    return xr.Dataset(
        {
            "energy": (("replica", "time"), np.full((2, 3), value), {"units": "1", "long_name": "energy"}),
            "noisy": ("mode", np.array([True, False])),
            "mode_variance_law": (("law", "mode"), np.ones((2, 2))),
            "alignment": ((), 0.5),
        },
        coords={"law": np.array(["discrete", "continuum"]), "time": [0.0, 0.1, 0.2]},
        attrs={"kind": "network", "status": status},
    )


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert error.value.render() == text
    return text


def tree_of(**models: xr.Dataset) -> xr.DataTree:
    tree = xr.DataTree.from_dict(models)
    tree.attrs["provenance"] = "{}"
    tree["checks"] = xr.DataTree(xr.Dataset({"verdict": ("comparison", np.array(["agrees", "inconclusive"]))}))
    return tree


def snapshot(path) -> dict[str, bytes | None]:
    return {
        str(file.relative_to(path)): file.read_bytes() if file.is_file() else None for file in sorted(path.rglob("*"))
    }


def finished_run(path, **models: xr.Dataset) -> store.RunDirectory:
    run = store.prepare(path, config=CONFIG)
    for name, dataset in models.items():
        run.save_model(name, dataset)
    run.finalize(tree_of(**models))
    run.close()
    return run
