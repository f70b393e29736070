"""What tests of training share: data, networks, modules of a user's own, and trainings that are interrupted."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.network import Network

CLASSES, INPUTS = 4, 9


@pytest.fixture(autouse=True)
def _one_thread():
    """References made with torch are small, and its threads wait for each other for longer than that takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """211 points of nine features around four centres that overlap."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 211)
    inputs = rng.normal(size=(CLASSES, INPUTS))[labels] + rng.normal(size=(211, INPUTS))
    return inputs, labels


@pytest.fixture
def samples(blobs) -> Samples:
    return Samples.of(*blobs, dtype=torch.float64)


@pytest.fixture
def make_network():
    """A network of a given module in float64, with weights that do not depend on torch's own state."""

    def make(*layers: nn.Module, dtype: torch.dtype = torch.float64) -> Network:
        module = nn.Sequential(*layers)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
        return Network.of(module, dtype=dtype)

    return make


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """A function that writes a module of the user's own beside the config; returns its name. It is forgotten after."""
    written: list[str] = []

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def stopped_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any], int], xr.Dataset]:
    """A function that trains until Ctrl-C before the n-th piece of steps, goes on, and returns what the network is."""

    def train(study: dict[str, Any], piece: int) -> xr.Dataset:
        advance, pieces = Ensemble.advance, 0

        def stopped(self: Ensemble, *arguments: Any) -> None:
            nonlocal pieces
            pieces += 1
            if pieces == piece:
                raise KeyboardInterrupt
            advance(self, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Ensemble, "advance", stopped)
            with pytest.raises(KeyboardInterrupt):
                lsgd.simulate(study, output=tmp_path / "run")
        return lsgd.simulate(study, output=tmp_path / "run", resume=True)["network"].to_dataset(inherit=False)

    return train
