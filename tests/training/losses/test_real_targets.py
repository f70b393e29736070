"""Real targets through the whole of training: every start, the control, probes, curvature, and single replicas."""

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading as config
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments, View

FILE = """\
import numpy as np
from langevin_sgd import DataSet
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.section import LossSection

rng = np.random.default_rng(0)
INPUTS = rng.normal(size=(60, 3))
TARGETS = INPUTS @ rng.normal(size=(3, 2)) + 0.5 * rng.normal(size=(60, 2))


def plane():
    return DataSet(INPUTS, TARGETS)


def one():
    return DataSet(INPUTS, TARGETS[:, 0])


def wave():
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=(60, 2))
    return DataSet(x, np.sin(2 * x[:, :1]) + 0.3 * drawn.normal(size=(60, 1)))


class Huber(LossSection):
    TARGETS = frozenset({"real"})

    def build(self):
        return Robust()


class Robust(Loss):
    def values(self, outputs, targets):
        return ((1 + (outputs - targets) ** 2).sqrt() - 1).sum(1)
"""


@pytest.fixture(autouse=True)
def module(own_module) -> None:
    own_module("my_regression", FILE)


def study(data: object = "plane", **more: object) -> dict:
    network = {
        "kind": "network", "architecture": {"kind": "softmax"}, "data": {"name": f"my_regression:{data}"},
        "loss": "mse", "replicas": 3, "steps": 200, "record_times": 4, **more,
    }  # fmt: skip
    sgd = {"learning_rate": 0.05, "batch_size": 8}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}}


def train_set(data: str = "plane") -> tuple[np.ndarray, np.ndarray]:
    from langevin_sgd.training.data.loading import load

    loaded = load(config.parse(study(data)).models["network"].data, 1)
    bias = np.ones((len(loaded.train_inputs), 1))
    return np.hstack([loaded.train_inputs, bias]), loaded.train_labels.reshape(len(bias), -1)


@pytest.mark.parametrize("start", ["shared", "independent"])
@pytest.mark.parametrize("loss", ["mse", "my_regression:Huber"])
def test_every_start_descends_and_no_accuracy_is_recorded(start: str, loss: str) -> None:
    found = lsgd.simulate(study(start=start, loss=loss, control=start == "shared", steps=400))["network"]
    assert (found.train_loss[:, -1] < 0.7 * found.train_loss[:, 0]).all()
    assert {"train_loss", "test_loss"} <= set(found.variables)
    assert not any("accuracy" in name for name in found.variables)
    if start == "shared":
        assert found.control_energy[-1] < 0.7 * found.control_energy[0]


@pytest.mark.parametrize("data", ["plane", "one"])
def test_minimum_and_curvature_are_those_of_least_squares(data: str) -> None:
    """w = A^-1 mean(x t), H = A for each output, C = cov(e x) of residuals e; all in closed form."""
    found = lsgd.simulate(study(data, start="minimum"))["network"]
    x, t = train_set(data)
    w = np.linalg.lstsq(x, t, rcond=None)[0]
    weights = np.concatenate([w[:-1].T.ravel(), w[-1]])  # the module's: a matrix (outputs, inputs), then the biases
    np.testing.assert_allclose(found.minimum, weights, atol=1e-5)
    e, k = x @ w - t, t.shape[1]
    rows = np.concatenate([np.einsum("nk,ni->nki", e, x[:, :-1]).reshape(len(x), -1), e], axis=1)
    np.testing.assert_allclose(found.noise_covariance, rows.T @ rows / len(x), atol=1e-6)
    a = x.T @ x / len(x)
    np.testing.assert_allclose(np.sort(found.hessian_eigenvalue), np.sort(np.tile(np.linalg.eigvalsh(a), k)), rtol=1e-9)
    assert found.energy_at_minimum == pytest.approx(0.5 * (e**2).sum(1).mean(), rel=1e-9)


def test_a_replica_has_the_same_bits_alone_and_beside_others() -> None:
    energies = [lsgd.simulate(study(replicas=count))["network"].energy.values for count in (1, 3, 8)]
    assert np.array_equal(energies[0][0], energies[2][0])
    assert np.array_equal(energies[1], energies[2][:3])


def test_probes_take_real_targets() -> None:
    probes = ["sharpness", {"kind": "inherent_structures", "snapshots": 2}]
    chosen = study(probes=probes)
    chosen["sgd"]["weight_decay"] = 0.01
    found = lsgd.simulate(chosen)["network"]
    x, _ = train_set()
    assert np.allclose(found.sharpness_top, np.linalg.eigvalsh(x.T @ x / len(x))[-1], rtol=1e-3)
    assert found.sizes["basin"] == 1  # the minimum


def test_what_a_probe_tells_minima_apart_by_is_what_the_loss_sees_of_the_outputs(make_network) -> None:
    """All of a real output, of which there may be one; of classes by cross entropy all but the mean over them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 9))
    for loss, outputs, targets in [
        (SquaredErrorLoss(kind="mse").build(), 1, x[:, 0]),
        (CROSS_ENTROPY, 4, np.arange(5) % 4),
    ]:
        network, samples = make_network(nn.Linear(9, outputs)), Samples.of(x, targets, dtype=torch.float64)
        instruments = Instruments(network, samples, None, weight_decay=0.0, workers=Workers(1), loss=loss)
        view = View(0, network.weights()[None], instruments)
        whole = view.outputs(network.weights().numpy())
        expected = whole if outputs == 1 else whole - whole.mean(1, keepdims=True)
        np.testing.assert_allclose(view.seen_outputs(network.weights().numpy()), expected, rtol=1e-14)


def test_the_line_between_two_minima_takes_real_targets() -> None:
    """A gradient of the energy that is that of squared errors, with a noise, and walkers on both sides of a barrier."""
    ends = {name: {"batch_size": 16, "learning_rate": 0.1, "steps": 1500} for name in "ab"}
    line = {
        "kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [4]}, "data": {"name": "my_regression:wave"},
        "loss": "mse", "start": "independent", "replicas": 8, "points": 101, "steps": 100, "window": [1.0, 2.0],
        "endpoints": ends,
    }  # fmt: skip
    sgd = {"learning_rate": 0.02, "batch_size": 8}
    found = lsgd.simulate({"name": "one", "seed": 1, "sgd": sgd, "models": {"line": line}})["line"]
    slope = np.gradient(found.line_energy.values, found.line_position.values, edge_order=2)
    np.testing.assert_allclose(found.line_gradient, slope, atol=0.02 * np.abs(slope).max())
    assert (found.line_noise > 0).all()
    assert found.minimum_on_line[0] < found.barrier_on_line < found.minimum_on_line[1]


@pytest.mark.parametrize("loss", ["mse", {"kind": "cross_entropy", "label_smoothing": 0.2}, "my_regression:Huber"])
def test_a_training_goes_on_after_an_interruption_to_the_same_bits(loss: object, stopped_and_resumed) -> None:
    chosen = study(loss=loss, steps=3000, replicas=2)
    if isinstance(loss, dict):
        chosen["models"]["network"]["data"] = {"name": "iris"}
    whole = lsgd.simulate(chosen)["network"]
    assert np.array_equal(whole.energy, stopped_and_resumed(chosen, 3).energy)


@pytest.mark.parametrize("data", ["digits", "iris"])
@pytest.mark.parametrize("loss", ["mse", {"kind": "cross_entropy", "label_smoothing": 0.2}])
def test_classes_by_squared_errors_and_smoothed_labels_are_learnt(data: str, loss: object) -> None:
    chosen = study(loss=loss, steps=600)
    chosen["models"]["network"]["data"] = {"name": data}
    found = lsgd.simulate(chosen)["network"]
    assert (found.train_accuracy[:, -1] > 0.75).all()
    alone = study(loss=loss, steps=600, replicas=1)
    alone["models"]["network"]["data"] = {"name": data}
    assert np.array_equal(lsgd.simulate(alone)["network"].energy[0], found.energy[0])


@pytest.mark.parametrize(
    ("data", "loss", "told"),
    [
        ({"name": "diabetes"}, "cross_entropy", "network.loss: cross_entropy .* numbers; give mse or .* or function$"),
        ({"name": "diabetes", "label_noise": 0.1}, "mse", "network.data.label_noise: .* numbers; give noise$"),
        ({"name": "digits", "noise": 0.1}, "mse", "network.data.noise: .* classes; give label_noise$"),
        (
            {"name": "digits"},
            "my_regression:Huber",
            "network.loss: .*Huber takes real .* digits are classes; give cross_entropy or .* or mse or function$",
        ),
        (
            {"name": "iris"},
            {"kind": "cross_entropy", "label_smoothing": 1.0},
            "loss.label_smoothing: must be < 1, got 1.0$",
        ),
    ],
)
def test_losses_and_noises_that_do_not_go_with_the_targets_are_refused(data: dict, loss: object, told: str) -> None:
    chosen = study(loss=loss)
    chosen["models"]["network"]["data"] = data
    with pytest.raises(ConfigError, match=told) as caught:
        config.parse(chosen)
    assert "\n" not in caught.value.render()


def test_data_that_tell_their_targets_when_they_are_loaded_are_refused_then() -> None:
    with pytest.raises(
        lsgd.ConfigError, match=r"network\.loss: cross_entropy takes classes, but .* give mse or .* or function"
    ):
        lsgd.simulate(study(loss="cross_entropy"))
