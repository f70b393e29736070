"""The curvature of minibatches along their own gradients, against autograd of one minibatch at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.batch_sharpness.measure import quotients
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

DECAY = 0.07


@pytest.fixture(scope="module")
def beside():
    generator = np.random.default_rng(1)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    network = Network.of(module, dtype=torch.float64)
    data = Samples.of(generator.normal(size=(40, 5)), generator.integers(3, size=40), dtype=torch.float64)
    with Workers(2) as workers:
        yield Beside.simple(
            network,
            data,
            Sgd(learning_rate=0.1, batch_size=8, weight_decay=DECAY),
            start=torch.zeros(3, network.size),
            record=np.arange(3),
            instruments=Instruments(network, data, None, weight_decay=DECAY, workers=workers),
            workers=workers,
        )


def test_it_is_that_of_autograd_of_each_minibatch(beside):
    generator = np.random.default_rng(2)
    weights = generator.normal(size=(3, beside.network.size))
    indices = generator.integers(40, size=(3, 7, 8))
    found = quotients(beside, weights, indices)
    for row in range(3):
        w = torch.from_numpy(weights[row]).requires_grad_()
        for place in range(7):
            batch = torch.from_numpy(indices[row, place])
            outputs = beside.network.outputs(beside.network.parameters(w), beside.samples.inputs[batch])
            energy = torch.nn.functional.cross_entropy(outputs, beside.samples.labels[batch]) + 0.5 * DECAY * (w @ w)
            (gradient,) = torch.autograd.grad(energy, w, create_graph=True)
            (product,) = torch.autograd.grad(gradient, w, grad_outputs=gradient.detach())
            assert found[row, place] == pytest.approx(
                float((product @ gradient / (gradient @ gradient)).detach()), rel=1e-9
            )
    np.testing.assert_array_equal(quotients(beside, weights[1:2], indices[1:2])[0], found[1])


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 60,
        "record_times": 8, "probes": [{"kind": "batch_sharpness", "looks": 2, "minibatches": 5}], **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


def test_minibatches_are_those_that_follow_a_look():
    """A quotient of each replica; those of one more step of the training share all but one minibatch."""
    found = lsgd.simulate(study())["network"]
    assert found.batch_sharpness.dims == ("batch_sharpness_look", "replica")
    assert (found.batch_sharpness > 0).all()
    assert (found.batch_sharpness_stderr > 0).all()
    fewer = lsgd.simulate(study(replicas=2))["network"]
    np.testing.assert_array_equal(fewer.batch_sharpness, found.batch_sharpness[:, :2])


def test_samples_that_are_made_anew_are_refused():
    with pytest.raises(lsgd.ConfigError, match="takes minibatches of the training samples, and samples are made anew"):
        lsgd.parse(study(data={"name": "gaussian_mixture", "fresh": True}))
