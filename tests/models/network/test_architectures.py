"""Architectures in a study: images reach those that take them, batch statistics train, and what cannot be is told."""

import sys
import types

import numpy as np
import pytest
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config

CNN = {"kind": "cnn", "channels": [4], "kernel": 3, "dense": []}


def study(architecture: dict, data: dict | None = None, **keys) -> dict:
    network = {"kind": "network", "architecture": architecture, "replicas": 3, "steps": 6, "record_times": 3, **keys}
    network |= {} if data is None else {"data": data}
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 8}, "models": {"network": network}}


@pytest.mark.parametrize("architecture", [CNN, {"kind": "residual_cnn", "channels": [3], "normalisation": "batch"}])
def test_flat_digits_reach_convolutions_as_images(architecture):
    found = lsgd.simulate(study(architecture))["network"]
    assert np.isfinite(found.energy.values).all()
    assert (found.energy.values[:, -1] < found.energy.values[:, 0]).all()


@pytest.fixture
def made(monkeypatch):
    module = types.ModuleType("made_up_networks")
    monkeypatch.setitem(sys.modules, "made_up_networks", module)
    module.batch = lambda inputs, classes: nn.Sequential(
        nn.Linear(inputs, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Tanh(), nn.Linear(6, classes)
    )
    module.running = lambda inputs, classes: nn.Sequential(nn.Linear(inputs, classes), nn.BatchNorm1d(classes))
    return module


def test_a_module_of_ones_own_with_batch_statistics_trains_and_no_more(made):
    own = {"kind": "module", "factory": "made_up_networks:batch"}
    assert np.isfinite(lsgd.simulate(study(own))["network"].energy.values).all()
    for keys in ({"start": "minimum"}, {"control": True}, {"probes": ["sharpness"]}):
        with pytest.raises(lsgd.ConfigError, match="no sum over samples"):
            lsgd.simulate(study(own, **keys))
    with pytest.raises(lsgd.ConfigError, match=r"running_mean .* or give it track_running_stats=False"):
        lsgd.simulate(study({"kind": "module", "factory": "made_up_networks:running"}))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.linear = nn.LSTM(8, 5, batch_first=True), nn.Linear(5, 10)

    def forward(self, x):
        return self.linear(self.layer(x.view(len(x), 8, 8))[0][:, -1])


def test_a_recurrent_network_is_trained_one_by_one_and_that_is_said(made, capfd):
    made.recurrent = Recurrent
    found = lsgd.simulate(study({"kind": "module", "factory": "made_up_networks:recurrent"}))["network"]
    assert (found.energy.values[:, -1] < found.energy.values[:, 0]).all()
    told = capfd.readouterr()
    (line,) = [line for line in (told.out + told.err).splitlines() if "one after the other" in line]
    assert "nn.LSTMCell" in line


@pytest.mark.parametrize(
    ("architecture", "keys", "told"),
    [
        ({**CNN, "kernel": 4}, {}, r"architecture.kernel: must be odd, got 4"),
        ({**CNN, "kernel": 0}, {}, r"architecture.kernel: "),
        ({**CNN, "channels": []}, {}, r"architecture.channels: "),
        ({**CNN, "channels": [4, 0]}, {}, r"architecture.channels.1: "),
        ({**CNN, "dense": 5}, {}, r"architecture.dense: "),
        ({**CNN, "padding": "reflect"}, {}, r"architecture.padding: "),
        ({**CNN, "pool": 0}, {}, r"architecture.pool: "),
        ({**CNN, "channels": [2, 2, 2, 2]}, {}, r"architecture: 4 convolutions .* leave nothing of images of 8 x 8"),
        ({**CNN, "padding": "none", "kernel": 9}, {}, r"leave nothing of images of 8 x 8; give fewer"),
        ({**CNN, "pools": 2}, {}, r'architecture.pools: unknown key; did you mean "pool"'),
        (CNN, {"data": {"name": "wine"}}, r"architecture: cnn takes images, and samples of wine are vectors of 13"),
        ({"kind": "residual_cnn", "blocks": 0}, {}, r"architecture.blocks: "),
        ({"kind": "residual_cnn", "channels": [2] * 5}, {}, r"architecture: 5 stages leave nothing of images"),
        ({"kind": "mlp", "activation": "swish"}, {}, r"architecture.activation: "),
        ({"kind": "mlp", "initialisation": "ntkk"}, {}, r'architecture.initialisation: .*did you mean "ntk"'),
        ({"kind": "mlp", "normalisation": "instance"}, {}, r"architecture.normalisation: "),
        ({"kind": "mlp", "groups": 2}, {}, r"architecture.groups: belongs to normalisation: group.* none; remove it"),
        ({"kind": "mlp", "normalisation": "batch", "ghost_batch": 2}, {}, r"ghost_batch: belongs to .*: ghost"),
        ({"kind": "mlp", "normalisation": "ghost", "ghost_batch": 1}, {}, r"architecture.ghost_batch: "),
        ({"kind": "mlp", "normalisation": "group", "groups": 5}, {}, r"groups: 5 groups do not divide a layer of 32"),
        ({"kind": "mlp", "normalisation": "batch"}, {"start": "minimum"}, r"network.start: with batch .* give start"),
        ({"kind": "mlp", "normalisation": "ghost"}, {"control": True}, r"network.control: with batch statistics"),
        ({**CNN, "normalisation": "batch"}, {"probes": ["sharpness"]}, r"network.probes: with batch statistics"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_when_it_is_read(architecture, keys, told):
    with pytest.raises(UserError, match=told) as error:
        config.parse(study(architecture, **keys))
    assert "\n" not in error.value.render()


def test_a_line_between_minima_has_no_batch_statistics():
    line = {
        "kind": "interpolation", "architecture": {"kind": "mlp", "normalisation": "batch"}, "steps": 100,
        "endpoints": {name: {"batch_size": 8, "learning_rate": 0.1, "steps": 10} for name in ("one", "other")},
    }  # fmt: skip
    chosen = {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 8}, "models": {"line": line}}
    with pytest.raises(UserError, match=r"models.line.architecture.normalisation: with batch statistics"):
        config.parse(chosen)
