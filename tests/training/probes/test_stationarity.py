"""The balance of |w|^2 on trainings that rest, and on one that does not."""

import numpy as np
import pytest
from made_up_networks import trained

from langevin_sgd.checks.stationarity.rows import FULL_GRADIENT, stationarity
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.theory import norm_balance
from langevin_sgd.training.probes.stationarity import measure

pytestmark = pytest.mark.usefixtures("own_modules")

CASES = {
    "plain": {},
    "momentum": {"momentum": 0.9, "learning_rate": 0.02},
    "epochs": {"sampling": "epoch"},
}


def _mean(values):
    return float(values.mean()), float(values.std(ddof=1)) / np.sqrt(values.size)


# both assertions on a training without epochs are kept by that with momentum
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.validate if name == "plain" else ()) for name in CASES]
)
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


@pytest.mark.validate
@pytest.mark.parametrize("eta", [0.1, 0.5])
@pytest.mark.parametrize("told", [{}, {"momentum": 0.5}, {"momentum": 0.9}, {"sampling": "epoch"}], ids=str)
def test_softmax_on_digits_rests(eta, told):
    """Y within half a per cent of 1 in the last window of 16,384 steps, 64 replicas."""
    found = trained(
        data={"name": "digits"}, sgd={"learning_rate": eta, "batch_size": 16, "weight_decay": 0.01} | told,
        start="minimum", measure_curvature=False, replicas=64, steps=16384, record_times=3,
        probes=({"kind": "stationarity", "windows": 2},),
    )  # fmt: skip
    value, stderr = _mean(found["norm_balance_total"].values[:, 1])
    assert stderr < 0.003
    assert abs(value - 1.0) < 0.005


@pytest.mark.validate
@pytest.mark.parametrize("mu", [0.5, 0.9])
def test_a_missing_factor_is_caught_on_digits(mu, monkeypatch):
    """The gradient of the whole energy, of 64 replicas at rest: on its law within 2%, and off it without the (1 + mu).

    Y with the step's own minibatches cannot tell: of weights at rest it is 1 whatever the factor.
    """

    def measured():
        found = trained(
            data={"name": "digits"}, sgd={"learning_rate": 0.2 * (1.0 - mu), "batch_size": 16, "weight_decay": 0.01,
            "momentum": mu}, start="minimum", measure_curvature=False, replicas=64, steps=16384, record_times=3,
            probes=({"kind": "stationarity", "windows": 2, "samples": 256},),
        )  # fmt: skip
        (row,) = (each for each in stationarity(found, "network", 0.1, 2, 0.95) if each.quantity == FULL_GRADIENT.name)
        return _mean(found["gradient_balance_total"].values), row.verdict, found["norm_balance_total"].values[:, 1]

    (value, stderr), verdict, whole = measured()
    assert abs(value - 1.0) < 0.02 + 3 * stderr < 0.06
    assert verdict is Verdict.AGREES
    right = norm_balance.gradient_balance
    monkeypatch.setattr(measure, "gradient_balance", lambda *told: (1.0 + mu) * right(*told))
    grown = norm_balance.growth
    monkeypatch.setattr(norm_balance, "growth", lambda *told: (1.0 + mu) * grown(*told))
    (wrong, _), verdict, unseen = measured()
    assert wrong == pytest.approx((1.0 + mu) * value, rel=1e-9)
    assert verdict is Verdict.DISAGREES
    assert abs(unseen.mean() - 1.0) < 0.005
    assert abs(whole.mean() - 1.0) < 0.005


@pytest.mark.validate
def test_a_network_whose_whole_rests_is_told_by_its_layers():
    """64-32-10 on digits at steps 2,048 to 4,096: the sum within the tolerance, both layers beyond ten errors."""
    found = trained(
        data={"name": "digits"}, architecture={"kind": "mlp", "hidden": [32]}, replicas=32, steps=4096, record_times=3,
        sgd={"learning_rate": 0.1, "batch_size": 16, "weight_decay": 0.01}, probes=("stationarity",),
    )  # fmt: skip
    value, stderr = _mean(found["norm_balance_total"].values[:, -1])
    assert abs(value - 1.0) < 0.02
    assert abs(value - 1.0) < 4 * stderr
    for layer in range(2):
        value, stderr = _mean(found["norm_balance"].values[:, layer, -1])
        assert abs(value - 1.0) > 10 * stderr
    rows = stationarity(found, "network", 0.02, 2, 0.95)
    assert rows[0].verdict is Verdict.DISAGREES
