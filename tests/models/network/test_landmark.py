"""When a point of small gradient is too far from the minimum: against the fluctuations that the process itself has."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import Landmark, far_beside, find_landmark, process_at
from langevin_sgd.progress import NullProgress
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.top_modes import TopModes

MODEL = NetworkModel.model_validate(
    {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 100}
)


@pytest.fixture
def landmark():
    """The minimum of a small problem, and the process there, at which the gradient may be another."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 96)
    inputs = rng.normal(size=(3, 4))[labels] + rng.normal(size=(96, 4))
    network = Network.of(nn.Linear(4, 3), dtype=torch.float64)
    samples = Samples.of(inputs, labels, dtype=torch.float64)
    full = FullBatch(network, samples, 0.05, Workers(1))

    start = np.zeros(network.size)
    found = find_landmark(full, start, tolerance=1e-6, curved=True, name="network", progress=NullProgress())

    def process(sampling: str, gradient=None):
        sgd = Sgd(learning_rate=0.05, batch_size=8, weight_decay=0.05, sampling=sampling)
        moved = found.minimum if gradient is None else dataclasses.replace(found.minimum, gradient=gradient)
        return process_at(dataclasses.replace(found, minimum=moved), MODEL, sgd, len(samples), None)

    return found, process


@pytest.mark.parametrize(("sampling", "law"), [("with_replacement", "discrete"), ("epoch", "epoch")])
def test_the_distance_is_held_against_the_law_of_the_process(landmark, sampling, law):
    found, process = landmark
    k, v = found.curvature.eigenvalues, found.curvature.eigenvectors
    fluctuation = np.sqrt(np.trace(process(sampling).covariance(law)))
    for offset, refused in ((0.019, False), (0.021, True)):
        slope = k[0] * offset * fluctuation * v[:, 0]
        if refused:
            with pytest.raises(UserError, match="not small against the predicted fluctuations"):
                process(sampling, slope)
        else:
            assert process(sampling, slope).own == law


def test_epochs_fluctuate_far_less(landmark):
    """Or the test above could not tell the laws apart."""
    laws = landmark[1]("epoch")
    assert np.trace(laws.covariance("epoch")) < 0.3 * np.trace(laws.covariance("discrete"))


def test_a_point_far_along_flat_directions_is_told_of_though_the_modes_do_not_see_it(landmark):
    """From a quarter of the fluctuations along the measured modes on."""
    found, process = landmark
    k, c = found.curvature.eigenvalues[:3], found.curvature.noise_in_modes[:3, :3]
    v, trace = found.curvature.eigenvectors[:, :3], found.curvature.noise_trace
    fluctuation = np.sqrt(np.trace(process("with_replacement").covariance("discrete")[:3, :3]))
    sgd = Sgd(learning_rate=0.05, batch_size=8, weight_decay=0.05)
    told = {}
    for left in (0.24, 0.26):
        some = Landmark(found.minimum, TopModes(k, v, c, trace, left * fluctuation))
        told[left] = far_beside(some, process_at(some, MODEL, sgd, 96, None))
    assert told[0.24] is None
    assert "away along flat directions beside the measured modes" in told[0.26]
    assert far_beside(found, process("with_replacement")) is None
