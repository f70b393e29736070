"""A module is taken if torch's derivative is that of its outputs, at kinks, with tied and frozen weights as well."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training import initial
from langevin_sgd.training.gradient_check import refuse_wrong_gradient
from langevin_sgd.training.network import Network

INPUTS = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 4)))


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(4, 4), nn.Linear(4, 4)
        self.out.weight = self.into.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.into(x)))


class _Parts(nn.Module):
    """Buffers, a parameter without entries, one that nothing depends on, and a frozen one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("shift", torch.arange(4.0))
        self.none, self.unused = nn.Parameter(torch.empty(2, 0)), nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.full((3,), 2.0), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.frozen * self.layer(x - self.shift) + self.none.sum()


def _at_kinks() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    nn.init.zeros_(module[0].bias)
    return module


@pytest.mark.parametrize("module", [_Tied(), _Parts(), _at_kinks(), nn.Linear(4, 3).half()])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_a_derivative_that_is_one_is_taken(module, scale):
    before = [parameter.detach().clone() for parameter in module.parameters()]
    refuse_wrong_gradient(module, scale * INPUTS, name="it")
    assert all(torch.equal(now, kept) for now, kept in zip(module.parameters(), before, strict=True))


class _Kinked(nn.Module):
    """Whose derivative is wrong the first few times that it is taken; modules are copied, so the class counts."""

    taken = 0

    def __init__(self, kinked: int) -> None:
        super().__init__()
        self.layer, self.kinked = nn.Linear(4, 3), kinked
        _Kinked.taken = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(x)
        if torch.is_grad_enabled():
            _Kinked.taken += 1
        wrong = outputs.detach() + 0.5 * (outputs - outputs.detach())
        return wrong if _Kinked.taken <= self.kinked else outputs


@pytest.mark.parametrize("kinked", [1, 2])
def test_a_place_among_kinks_does_not_decide(kinked):
    """A derivative that is half of the true one at the first places that are looked at, and right at the next."""
    refuse_wrong_gradient(_Kinked(kinked), INPUTS, name="it")
    assert _Kinked.taken == kinked + 1


def test_three_places_decide():
    with pytest.raises(UserError, match="the derivative that torch computes is not that of the module's outputs"):
        refuse_wrong_gradient(_Kinked(3), INPUTS, name="it")


def test_a_shared_weight_is_counted_once_and_stays_shared():
    network = Network.of(_Tied(), dtype=torch.float64)
    assert network.size == 4 * 4 + 4 + 4
    weights = torch.arange(24.0, dtype=torch.float64) / 24
    matrix, first, second = weights[:16].view(4, 4), weights[16:20], weights[20:]
    expected = torch.tanh(INPUTS @ matrix.T + first) @ matrix.T + second
    torch.testing.assert_close(network.outputs(network.parameters(weights), INPUTS), expected)


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_part_that_is_left_out_is_found(part):
    class Detaches(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            own = {"weight": self.weight, "bias": self.bias}
            return nn.functional.linear(x, **{**own, part: own[part].detach()})

    with pytest.raises(UserError, match="is not that of the module's outputs"):
        refuse_wrong_gradient(Detaches(4, 3), INPUTS, name="it")


def test_a_constructor_that_ignores_the_random_numbers_has_no_independent_weights():
    def zeros() -> nn.Module:
        module = nn.Linear(4, 3)
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
        return module

    def flat(module: nn.Module) -> torch.Tensor:
        return Network.of(module, dtype=torch.float64).weights()

    assert initial.weights(zeros, flat, 1, [0, 0]).shape == (2, 15)
    assert not torch.equal(*initial.weights(lambda: nn.Linear(4, 3), flat, 1, [0, 1]))
    with pytest.raises(UserError, match="or give start: shared"):
        initial.weights(zeros, flat, 1, [0, 1])
