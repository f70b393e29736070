import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training.energy import Samples
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
