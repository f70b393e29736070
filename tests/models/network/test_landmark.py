"""When a point of small gradient is too far from the minimum: against the fluctuations that the process itself has."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import find_landmark
from langevin_sgd.progress import NullProgress
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

MODEL = NetworkModel.model_validate(
    {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 100}
)


@pytest.fixture
def landmark():
    """A function that measures at the minimum of a small problem, or at a saved state."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 96)
    inputs = rng.normal(size=(3, 4))[labels] + rng.normal(size=(96, 4))
    network = Network.of(nn.Linear(4, 3), dtype=torch.float64)
    samples = Samples.of(inputs, labels, dtype=torch.float64)
    full = FullBatch(network, samples, 0.05, Workers(1))

    def find(sampling: str, saved=None):
        sgd = Sgd(learning_rate=0.05, batch_size=8, weight_decay=0.05, sampling=sampling)
        start = np.zeros(network.size)
        return find_landmark(MODEL, sgd, full, start, saved, name="network", progress=NullProgress())

    return find


@pytest.mark.parametrize(("sampling", "law"), [("with_replacement", "discrete"), ("epoch", "epoch")])
def test_the_distance_is_held_against_the_law_of_the_process(landmark, sampling, law):
    found = landmark(sampling)
    k, v = found.curvature.eigenvalues, found.curvature.eigenvectors
    fluctuation = np.sqrt(np.trace(found.process.covariance(law)))
    for offset, refused in ((0.019, False), (0.021, True)):
        slope = k[0] * offset * fluctuation * v[:, 0]
        saved = dataclasses.replace(found, minimum=dataclasses.replace(found.minimum, gradient=slope)).state()
        if refused:
            with pytest.raises(UserError, match="not small against the predicted fluctuations"):
                landmark(sampling, saved)
        else:
            assert landmark(sampling, saved).minimum.gradient_norm == pytest.approx(np.linalg.norm(slope))


def test_epochs_fluctuate_far_less(landmark):
    """Or the test above could not tell the laws apart."""
    laws = landmark("epoch").process
    assert np.trace(laws.covariance("epoch")) < 0.3 * np.trace(laws.covariance("discrete"))
