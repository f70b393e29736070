"""One study in float32 and in float64: every recorded quantity is the same up to float32's rounding."""

import sys
import types

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network import run as network
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.training.data.dataset import DataSet

STEPS = 60
PROBES = [{"kind": "sharpness"}, {"kind": "inherent_structures", "snapshots": 2}]


@pytest.fixture(autouse=True)
def _own_data(monkeypatch):
    made = types.ModuleType("made_up_blobs")

    def blobs() -> DataSet:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 80)
        inputs = 0.7 * rng.normal(size=(3, 4))[labels] + rng.normal(size=(80, 4))
        return DataSet(inputs.astype(np.float32), labels, classes=3)

    made.blobs = blobs
    monkeypatch.setitem(sys.modules, "made_up_blobs", made)


def _run(start: str, precision: str, momentum: float) -> xr.Dataset:
    model = NetworkModel.model_validate({
        "kind": "network",
        "data": {"name": "made_up_blobs:blobs"},
        "architecture": {"kind": "softmax"},
        "replicas": 3,
        "steps": STEPS,
        "record_times": 10,
        "control": True,
        "probes": PROBES,
        "start": start,
        "precision": precision,
    })  # fmt: skip
    sgd = Sgd(learning_rate=0.1, batch_size=8, weight_decay=0.05, momentum=momentum)
    return network.run(model, sgd, name="network", seed=1)


@pytest.mark.parametrize(("start", "momentum"), [("minimum", 0.0), ("shared", 0.5), ("independent", 0.0)])
def test_both_precisions_record_the_same(start, momentum):
    """Rounding is 6e-8 a step of weights of order 1: displacements and energies agree to 1e-4 of their largest."""
    single, double = _run(start, "float32", momentum), _run(start, "float64", momentum)
    assert set(single.variables) == set(double.variables)
    for name, expected in double.variables.items():
        found = single.variables[name]
        assert found.shape == expected.shape, name
        if expected.dtype.kind != "f":
            assert np.array_equal(found, expected), name
            continue
        largest = np.nanmax(np.abs(expected.values), initial=0.0)
        # from the minimum the control moves only as far as rounding lets it
        floor = 1e-10 if name == "control_squared_displacement" else 1e-12
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * largest + floor, err_msg=name)
    for name in ("squared_displacement", "drift_squared", "spread"):
        assert (double[name].values[..., 1:] != 0).all(), name  # drift_squared is unbiased and may be negative
