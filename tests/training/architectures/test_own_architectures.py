"""Architectures of the user's own, each a section in one file: trained, scanned, resumed, and a line where broken."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config

FILE = '''\
from torch import nn

from langevin_sgd.training.architectures.section import ArchitectureSection


class Narrow(ArchitectureSection):
    """Two layers through a few units."""

    width: int = 3

    def build(self, input_shape, outputs):
        return nn.Sequential(nn.Linear(input_shape[0], self.width), nn.Tanh(), nn.Linear(self.width, outputs))

    def parameters(self, input_shape, outputs):
        return (input_shape[0] + 1) * self.width + (self.width + 1) * outputs

    def units(self, input_shape, outputs):
        return self.width + outputs


class Raises(Narrow):
    def build(self, input_shape, outputs):
        raise KeyError("layer")


class Settled(Narrow):
    def settle(self, module, inputs, targets, loss):
        module[0].weight.data *= 0.5 / inputs.std()


class Unsettled(Narrow):
    def settle(self, module, inputs, targets, loss):
        raise KeyError("samples")


class Nothing(Narrow):
    def build(self, input_shape, outputs):
        return None


class Dropping(Narrow):
    def build(self, input_shape, outputs):
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(input_shape[0], outputs))
'''


@pytest.fixture
def module(own_module) -> str:
    return own_module("my_networks", FILE)


def study(architecture: dict, scan: dict | None = None, **more: object) -> dict:
    network = {
        "kind": "network", "architecture": architecture, "replicas": 3, "steps": 40, "record_times": 4, **more,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_it_is_the_same_network_as_the_packages_own(module: str) -> None:
    """The same layers draw the same numbers, so the training has the same bits."""
    own = lsgd.simulate(study({"kind": f"{module}:Narrow", "width": 4}))["network"]
    ours = lsgd.simulate(study({"kind": "mlp", "hidden": [4]}))["network"]
    assert np.array_equal(own.energy, ours.energy)


def test_its_size_is_known_before_it_is_built(module: str) -> None:
    with pytest.raises(UserError, match=r"architecture: has 7510 parameters, too many for the full Hessian"):
        config.parse(study({"kind": f"{module}:Narrow", "width": 100}, probes=["sharpness"]))


def test_it_is_scanned_and_goes_on_after_an_interruption(module: str, stopped_and_resumed) -> None:
    chosen = study({"kind": f"{module}:Narrow"}, {"sgd.batch_size": [4, 8]})
    whole = lsgd.simulate(chosen)["network"]
    assert np.array_equal(whole.energy, stopped_and_resumed(chosen, 7).energy)


def test_it_may_start_from_the_samples(module: str) -> None:
    """First weights that are scaled by the inputs make another loss at the start."""
    first, settled = (
        lsgd.simulate(study({"kind": f"{module}:{name}"}, steps=1))["network"].train_loss.values[0, 0]
        for name in ("Narrow", "Settled")
    )
    assert settled != first


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Raises", "it cannot be built: KeyError: 'layer' (my_networks.py, line "),
        ("Unsettled", "it cannot be settled on the samples: KeyError: 'samples' (my_networks.py, line "),
        ("Nothing", "built NoneType; a torch.nn.Module is needed"),
        ("Dropping", "the module gives different outputs for the same input"),
    ],
)
def test_a_broken_one_is_told_in_one_line(module: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        lsgd.simulate(study({"kind": f"{module}:{name}"}))
    assert f"architecture {module}:{name}: {told}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_is_told_when_the_config_is_read(module: str) -> None:
    with pytest.raises(UserError, match=r"architecture.kind: unknown kind \"softmx\"; did you mean \"softmax\""):
        config.parse(study({"kind": "softmx"}))
    with pytest.raises(UserError, match=r"architecture.kind: my_networks:Narow: .* did you mean my_networks:Narrow"):
        config.parse(study({"kind": f"{module}:Narow"}))
    with pytest.raises(UserError, match=r"architecture.widht: unknown key; did you mean \"width\""):
        config.parse(study({"kind": f"{module}:Narrow", "widht": 4}))
    with pytest.raises(UserError, match=r"write {kind: softmax}"):
        config.parse(study("softmax"))  # type: ignore[arg-type]
