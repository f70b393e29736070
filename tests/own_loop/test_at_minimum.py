"""A module is put at its minimum, and a loop that starts there has the laws of its optimizer, or none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_loops import DATA, DECAY, drawn, network, sgd, train
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError


def test_the_gradient_of_the_whole_loss_vanishes_there_and_nothing_else_is_moved() -> None:
    module = network().double().eval()
    state = torch.get_rng_state()
    found = lsgd.to_minimum(module, "cross_entropy", DATA, weight_decay=DECAY)
    assert torch.equal(torch.get_rng_state(), state)
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    inputs, labels = DATA
    loss = nn.functional.cross_entropy(module(inputs.double()), labels)
    energy = loss + 0.5 * DECAY * sum((parameter**2).sum() for parameter in module.parameters())
    gradients = torch.autograd.grad(energy, [*module.parameters()])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-12
    assert found.energy == pytest.approx(energy.item(), rel=1e-12)
    assert found.gradient_norm < 1e-12
    weights = torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
    assert weights.numpy() == pytest.approx(found.position)


def test_a_loss_without_minimum_is_told_and_the_weights_stay() -> None:
    module, inputs = network(), DATA[0]
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(UserError, match="no minimum was found"):
        lsgd.to_minimum(module, "cross_entropy", (inputs, (inputs[:, 0] > 0).long() * 2), gradient_tolerance=1e-300)
    assert all(torch.equal(module.state_dict()[name], values) for name, values in before.items())


def _amsgrad(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=0.01, weight_decay=DECAY, amsgrad=True)


@pytest.mark.parametrize(
    ("make", "law"),
    [(sgd, "discrete"), (lambda module: sgd(module, momentum=0.5), "discrete"), (_amsgrad, None)],
    ids=["sgd", "momentum", "amsgrad"],
)
def test_a_law_is_claimed_for_sgd_alone(make: Any, law: str | None, tmp_path: Path, at_minimum: nn.Module) -> None:
    module = copy.deepcopy(at_minimum)
    optimizer = make(module)
    told: Any = {"optimizer": optimizer, "batch_size": 8, "sampling": "with_replacement", "start": "minimum"}
    with lsgd.watch(module, "cross_entropy", DATA, output=tmp_path / "run", seed=1, steps=20, **told) as watch:
        train(module, optimizer, drawn(torch.Generator().manual_seed(1), 20), watch.step)
    found = watch.close()["network"]
    assert found.attrs.get("law") == law
    assert ("law" in found.dims) == (law is not None)
    assert {"mode_moment_2", "hessian", "noise_covariance"} <= {*found.data_vars}
