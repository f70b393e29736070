"""The tangent probe in a study: its numbers, its rules, and that it goes on to the same bits."""

from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading

STEPS = 60


def study(scan: dict | None = None, sgd: dict | None = None, **network) -> dict:
    mlp = {"kind": "mlp", "hidden": [4], "activation": "tanh"}
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": mlp, "replicas": 6, "steps": STEPS,
        "record_times": 8, "probes": [{"kind": "tangent", "looks": 3}], **network,
    }  # fmt: skip
    base = {"learning_rate": 0.1, "batch_size": 24, **(sgd or {})}
    return {"name": "one", "seed": 1, "sgd": base, "models": {"network": network}, "scan": scan or {}}


@pytest.fixture(scope="module")
def smooth():
    return lsgd.simulate(study())["network"]


def test_a_smooth_loss_with_little_noise_is_in_linear_response(smooth):
    assert smooth.spread_over_tangent[-1] == pytest.approx(1.0, abs=0.1)
    assert smooth.drift_over_control[-1] == pytest.approx(1.0, abs=0.05)
    assert 0.0 < smooth.tangent_residual[-1] < 0.1
    assert smooth.tangent_correlation[-1] > 0.95
    assert (smooth.control_kinks < 0.02).all()
    assert smooth.control_look_step.values[-1] == STEPS
    both = smooth.spread_over_tangent * smooth.tangent_spread
    np.testing.assert_allclose(both[1:], smooth.spread[1:], rtol=1e-5)
    assert np.isnan(smooth.spread_over_tangent[0])


def test_kinks_are_seen():
    relu = {"kind": "mlp", "hidden": [4], "activation": "relu"}
    found = lsgd.simulate(study(architecture=relu, data={"name": "digits"}, sgd={"batch_size": 8}))["network"]
    assert (found.control_kinks > 0.05).any()


def test_the_control_is_that_of_the_training_and_its_curvature_the_hessians(smooth):
    plain = lsgd.simulate(study(control=True, probes=[]))["network"]
    for name in ("control_energy", "control_squared_displacement"):
        np.testing.assert_allclose(smooth[name], plain[name], rtol=1e-5)
    # a minibatch that is the whole set has no noise: what the sharpness probe sees is at the control
    sgd = {"batch_size": 120, "sampling": "epoch"}
    still = lsgd.simulate(study(sgd=sgd, probes=["tangent", "sharpness"], precision="float64"))["network"]
    np.testing.assert_allclose(still.control_edge[-1], 0.1 * still.sharpness_top[0], rtol=1e-4)
    assert still.tangent_spread[-1] < 1e-20
    assert still.control_thermal_energy[-1] > 0.0


def test_it_is_scanned_and_goes_on_after_an_interruption_to_the_same_bits(tmp_path: Path, monkeypatch):
    from langevin_sgd.training.probes.tangent.measure import Tangent

    softmax = {"kind": "softmax"}
    scanned = study(scan={"sgd.learning_rate": [0.05, 0.1]}, architecture=softmax, replicas=16, sgd={"momentum": 0.5})
    whole = lsgd.simulate(scanned)["network"]
    assert whole.tangent_spread.dims == ("learning_rate", "time")
    observe, stop = Tangent.observe, [whole.step.values[5]]

    def interrupted(self, view):
        if view.step in stop:
            stop.clear()
            raise KeyboardInterrupt
        observe(self, view)

    monkeypatch.setattr(Tangent, "observe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(scanned, output=tmp_path / "run")
    resumed = lsgd.simulate(scanned, output=tmp_path / "run", resume=True)["network"]
    for name in ("tangent_spread", "spread_over_tangent", "control_edge", "drift_over_control", "spread"):
        assert np.array_equal(whole[name], resumed[name], equal_nan=True), name


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"replicas": 1}, "1 has no spread"),
        ({"update_rule": "adam"}, "a linear rule"),
        ({"update_rule": {"kind": "sgd", "clip_norm": 1.0}}, "a linear rule"),
        ({"start": "independent"}, "about one path"),
        ({"control": True}, "runs twice"),
    ],
)
def test_what_has_no_linear_response_is_refused(changed, told):
    with pytest.raises(UserError, match=told):
        loading.parse(study(**changed))
