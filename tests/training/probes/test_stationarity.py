"""The balance of |w|^2 on trainings that rest, and on one that does not."""

import numpy as np
import pytest
from made_up_networks import trained

pytestmark = pytest.mark.usefixtures("own_modules")

CASES = {
    "plain": {},
    "momentum": {"momentum": 0.9, "learning_rate": 0.02},
    "epochs": {"sampling": "epoch"},
}


def _mean(values):
    return float(values.mean()), float(values.std(ddof=1)) / np.sqrt(values.size)


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_in_equilibrium(name):
    """Softmax at its minimum, from twenty relaxation times on: within four standard errors, each below a per cent."""
    found = trained(
        sgd=CASES[name], start="minimum", measure_curvature=False, replicas=32, steps=4096,
        probes=({"kind": "stationarity", "windows": 2, "samples": 50},),
    )  # fmt: skip
    assert found["layer"].values.tolist() == ["0"]
    assert found["window_first"].values.tolist() == [1024, 2048]
    assert found["window_last"].values.tolist() == [2048, 4096]
    value, stderr = _mean(found["norm_balance"].values[:, 0, 1])
    assert stderr < 0.01
    assert abs(value - 1.0) < 4 * stderr
    full, stderr = _mean(found["gradient_balance_total"].values)
    assert stderr < 0.1
    # minibatches of an epoch remember each other, which only the whole gradient sees
    assert (abs(full - 1.0) < 4 * stderr) == (name != "epochs")


def test_layers_tell_of_a_training_that_their_sum_does_not():
    found = trained(
        architecture={"kind": "mlp", "hidden": [5]}, replicas=8, steps=1024, sgd={"weight_decay": 0.0},
        probes=({"kind": "stationarity", "windows": 4},),
    )  # fmt: skip
    assert found["layer"].values.tolist() == ["0", "2"]
    assert found["norm_balance"].sizes == {"replica": 8, "layer": 2, "window": 4}
    assert "gradient_balance" not in found
    means = found["norm_balance"].mean("replica")
    assert (means.isel(window=-1) < 0.9).all()
    total = found["norm_balance_total"]
    assert (total > found["norm_balance"].min("layer")).all()
    assert (total < found["norm_balance"].max("layer")).all()
