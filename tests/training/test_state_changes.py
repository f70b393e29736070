"""Modules that write to something as they run: refused whether a number changes at the first call or not."""

import warnings

import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures import checking as architectures

WORDS, SAMPLES = 7, 6


class _Does(nn.Module):
    """A linear layer that does something else first."""

    def __init__(self, something) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("hidden", torch.zeros(()), persistent=False)
        self.kept = torch.zeros(3)
        self.something = something

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.something(self, x)
        return self.linear(x)


class _Words(nn.Module):
    def __init__(self, max_norm: float | None) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, 5, max_norm=max_norm)
        self.linear = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.table(x).mean(1))


def _clamps(self: _Does, x: torch.Tensor) -> None:
    with torch.no_grad():
        self.linear.weight.clamp_(-100, 100)  # changes nothing yet


def _halves(self: _Does, x: torch.Tensor) -> None:
    self.linear.weight.data = 0.5 * self.linear.weight.data


def _replaces(self: _Does, x: torch.Tensor) -> None:
    self.linear.bias = nn.Parameter(self.linear.bias.detach().clone())


def _counts(self: _Does, x: torch.Tensor) -> None:
    self.count = self.count + 1


def _adds(self: _Does, x: torch.Tensor) -> None:
    self.hidden += 1


def _remembers(self: _Does, x: torch.Tensor) -> None:
    self.kept.copy_(self.linear.bias.detach())


def _registers(self: _Does, x: torch.Tensor) -> None:
    self.register_buffer("late", torch.ones(2))


def _scales(self: _Does, x: torch.Tensor) -> None:
    x.view(-1).mul_(0.5)


def _normed(norm) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the older of the two is deprecated
        return norm(nn.Linear(5, 3))


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (_Words(max_norm=1.0), "its parameter table.weight .*; leave out max_norm"),
        (_Words(max_norm=1e9), "its parameter table.weight .*; leave out max_norm"),
        (_Does(_clamps), "its parameter linear.weight .*; leave out"),
        (_Does(_halves), "its parameter linear.weight .*; leave out"),
        (_Does(_replaces), "its parameter linear.bias .*; leave out"),
        (_Does(_counts), "its buffer count .*; use LayerNorm or GroupNorm"),
        (_Does(_adds), "its buffer hidden .*; use LayerNorm or GroupNorm"),
        (_Does(_registers), "its buffer late"),
        (_Does(_remembers), "a tensor that it keeps .*; compute it anew"),
        (_Does(_scales), r"its inputs .*; write x = x - 1"),
        (nn.Sequential(nn.ReLU(inplace=True), nn.Linear(5, 3)), "its inputs"),
        (_normed(nn.utils.parametrizations.spectral_norm), r"its buffer parametrizations\.weight\.0\._u"),
        (_normed(nn.utils.spectral_norm), "its buffer weight_[uv]"),
        (nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)), r"its buffer 1\.running_mean"),
        (nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, momentum=0.0)), r"its buffer 1\.num_batches_tracked"),
    ],
)
def test_what_writes_as_it_runs_is_refused(module, told):
    words = isinstance(module, _Words)
    inputs = torch.arange(4 * SAMPLES).view(SAMPLES, 4) % WORDS if words else torch.rand(SAMPLES, 5).double() + 0.5
    before = inputs.clone()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(UserError, match=f"^mine: the module updates {told}"):
        architectures.check(module, inputs, 3, name="mine")
    assert torch.equal(inputs, before) or "inputs" in told
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


class _Careful(nn.Module):
    """Writes only to what it has just made, and reads buffers, one of which holds NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        self.register_buffer("table", torch.tensor([1.0, float("nan")]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own = torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype)
        own.mul_(2)
        out = torch.zeros(len(x), 3, dtype=x.dtype)
        out[:] = self.linear(x)
        out.add_(own * self.table[0])
        return out.relu_()


@pytest.mark.parametrize(
    "module", [_Careful(), _Words(None), nn.Sequential(nn.Linear(5, 3), nn.ReLU(inplace=True), nn.LayerNorm(3))]
)
def test_what_writes_to_its_own_results_alone_is_accepted(module):
    words = isinstance(module, _Words)
    inputs = torch.arange(4 * SAMPLES).view(SAMPLES, 4) % WORDS if words else torch.rand(SAMPLES, 5).double()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    architectures.check(module, inputs, 3, name="mine")
    assert all(torch.equal(now, kept) for now, kept in zip(module.parameters(), before, strict=True))
