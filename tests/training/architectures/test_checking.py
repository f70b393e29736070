"""Architectures: the networks of the family, those of the user's own, and which the theory is not about."""

import copy
import sys
import types

import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.module import Module
from langevin_sgd.training.architectures.softmax import Softmax
from langevin_sgd.training.network import Network


@pytest.mark.parametrize(
    "architecture",
    [
        Softmax(kind="softmax"),
        MultilayerPerceptron(kind="mlp"),
        MultilayerPerceptron(kind="mlp", hidden=(7, 5), activation="gelu"),
    ],
)
def test_built_in_networks_have_the_size_that_the_config_says(architecture):
    module = architectures.build(architecture, (64,), 10)
    assert Network.of(module, dtype=torch.float32).size == architecture.parameters((64,), 10)
    assert module(torch.zeros(3, 64)).shape == (3, 10)
    images = architectures.build(architecture, (8, 8), 10)
    assert images(torch.zeros(3, 8, 8)).shape == (3, 10)


def test_activations_are_where_they_belong():
    module = architectures.build(MultilayerPerceptron(kind="mlp", hidden=(7, 5), activation="relu"), (4,), 3)
    assert [type(layer) for layer in module] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]


def test_weights_and_parameters_are_inverse_and_in_torch_order():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, bias=False))
    network = Network.of(module, dtype=torch.float64)
    expected = torch.cat([p.detach().flatten() for p in module.parameters()]).double()
    assert torch.equal(network.weights(), expected)
    several = torch.randn(5, network.size, dtype=torch.float64)
    assert torch.equal(network.flatten(network.parameters(several), leading=1), several)
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(network.outputs(network.parameters(network.weights()), x), module.double()(x))


@pytest.fixture
def factory(monkeypatch):
    made = types.ModuleType("made_up_networks")
    monkeypatch.setitem(sys.modules, "made_up_networks", made)

    def build(function, shape=(6,), **arguments) -> nn.Module:
        made.make = function
        config = Module(kind="module", factory="made_up_networks:make", arguments=arguments)
        return architectures.build(config, shape, 4)

    return build


def test_a_factory_gets_what_it_takes(factory):
    assert factory(nn.Linear, in_features=6, out_features=4).weight.shape == (4, 6)
    seen = {}
    factory(lambda width, inputs, classes: seen.update(width=width, i=inputs, c=classes) or nn.Identity(), width=3)
    assert seen == {"width": 3, "i": 6, "c": 4}
    factory(lambda **given: seen.update(given) or nn.Identity(), shape=(2, 3))
    assert seen["inputs"] == (2, 3)


def test_a_factory_with_parameters_of_other_names_is_told_which_it_gets(factory):
    told = (
        r"nothing for n_in, n_out; give it arguments in the config; inputs= and classes= it has by parameters of these"
    )
    with pytest.raises(UserError, match=told):
        factory(lambda n_in, n_out, width=3: nn.Linear(n_in, n_out))


def test_a_factory_that_fails_is_told_in_one_line(factory):
    def fail(width: int) -> nn.Module:
        raise RuntimeError("no,\nnot so")

    with pytest.raises(UserError, match=r"made_up_networks:make\(width=3\) failed: RuntimeError: no, not so"):
        factory(fail, width=3)
    with pytest.raises(UserError, match="returned str"):
        factory(lambda: "a network")
    with pytest.raises(UserError, match="unexpected keyword argument 'width'"):
        factory(lambda: nn.Identity(), width=3)


class _BatchMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x - x.mean(0))


class _Counting(_BatchMean):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.linear(x)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), "updates its buffer 1.running_mean"),
        (_Counting(), "updates its buffer calls"),
        (nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)), "different outputs for the same input"),
        (nn.Linear(6, 3), r"returns \(4, 3\) for 4 samples; \(4, 4\) is needed"),
        (nn.Linear(5, 4), r"fails on inputs of shape \(4, 6\)"),
        (nn.Identity(), "no trainable parameters"),
        (nn.Linear(6, 4).requires_grad_(False), "no trainable parameters"),
    ],
)
def test_networks_that_the_theory_is_not_about_are_refused(module, told):
    inputs = torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    with pytest.raises(UserError, match=told):
        architectures.check(module, inputs, 4, name="mine")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "module", [_BatchMean(), nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, track_running_stats=False))]
)
def test_batch_statistics_are_told_and_refused_where_a_sum_over_samples_is_needed(module):
    apart = architectures.check(module, torch.randn(8, 6, dtype=torch.float64), 4, name="mine")
    assert apart is False
    architectures.refuse_mixed(apart, None, name="mine")
    architectures.refuse_mixed(True, "give start: shared", name="mine")
    with pytest.raises(UserError, match=r"mine: the output for one sample depends on the others .* give start: shared"):
        architectures.refuse_mixed(apart, "give start: shared", name="mine")


@pytest.mark.parametrize("layer", [nn.LayerNorm(4), nn.Dropout(0.0)])
def test_layers_that_keep_samples_apart_are_accepted_and_left_as_they_were(layer):
    module, inputs = nn.Sequential(nn.Linear(6, 4), layer), torch.randn(8, 6, dtype=torch.float64)
    before = copy.deepcopy(module.state_dict())
    architectures.check(module, inputs, 4, name="mine")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
