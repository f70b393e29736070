"""A training loop of a user's own, small: softmax regression on made-up data, with and without a watch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.one_thread import one_torch_thread

SAMPLES, DECAY, RATE, BATCH = 120, 0.1, 0.2, 8

_rng = np.random.default_rng(3)
INPUTS = _rng.normal(size=(SAMPLES, 3)).astype(np.float32)
LABELS = (INPUTS @ _rng.normal(size=(3, 3)) + _rng.gumbel(size=(SAMPLES, 3))).argmax(1)
DATA = torch.from_numpy(INPUTS), torch.from_numpy(LABELS)


def made_up_data() -> lsgd.DataSet:
    """The same for the built-in ensemble."""
    return lsgd.DataSet(INPUTS, LABELS, 3)


def network() -> nn.Module:
    """A module with weights of its own that are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(3, 3)


@pytest.fixture(scope="session")
def at_minimum() -> nn.Module:
    """The module at the minimum."""
    module = network()
    lsgd.to_minimum(module, "cross_entropy", DATA, weight_decay=DECAY)
    return module


def sgd(module: nn.Module, **options: Any) -> torch.optim.SGD:
    """The optimizer of the loop."""
    return torch.optim.SGD(module.parameters(), **{"lr": RATE, "weight_decay": DECAY, **options})


def drawn(generator: torch.Generator, steps: int, batch: int = BATCH) -> list[torch.Tensor]:
    """Minibatches with replacement."""
    return [torch.randint(SAMPLES, (batch,), generator=generator) for _ in range(steps)]


def train(
    module: nn.Module, optimizer: torch.optim.Optimizer, batches: list[torch.Tensor], step: Callable[[], Any]
) -> None:
    """The loop."""
    criterion = nn.CrossEntropyLoss()
    inputs, labels = DATA
    with one_torch_thread():
        for batch in batches:
            optimizer.zero_grad()
            criterion(module(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            step()


def watched(
    output: Path, *, seed: int = 1, steps: int = 40, module: nn.Module | None = None, batch: int = BATCH, **options: Any
) -> Any:
    """Train under a watch from a module, and give the watch."""
    own = copy.deepcopy(network() if module is None else module)
    optimizer = sgd(own)
    told = {"optimizer": optimizer, "batch_size": BATCH, "sampling": "with_replacement", **options}
    with lsgd.watch(own, "cross_entropy", DATA, output=output, seed=seed, steps=steps, **told) as watch:
        train(own, optimizer, drawn(torch.Generator().manual_seed(seed), steps, batch), watch.step)
    return watch
