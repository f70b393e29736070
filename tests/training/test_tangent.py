"""Linear response along the control, against SGD where that is linear, and to first order where it is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.beside import Beside, EverySample
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss
from langevin_sgd.training.tangent import TangentEnsemble
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

SEED, STEPS = 5, 60


def beside(network, samples, sgd, *, loss=CROSS_ENTROPY, replicas=4, workers=1) -> Beside:
    pool = Workers(workers)
    instruments = Instruments(network, samples, None, weight_decay=sgd.weight_decay, workers=pool, loss=loss)
    told = {"record": np.array([0]), "instruments": instruments, "workers": pool, "seed": SEED, "loss": loss}
    return Beside.simple(network, samples, sgd, start=network.weights().expand(replicas, -1), **told)


def trained(training: Beside, steps: int = STEPS) -> torch.Tensor:
    ensemble = training.ensemble(training.start)
    ensemble.advance(training.minibatches(), 0, steps)
    return ensemble.weights


def tangent(training: Beside, steps: int = STEPS) -> TangentEnsemble:
    ensemble = TangentEnsemble(training)
    ensemble.advance(0, steps)
    return ensemble


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_it_is_exact_where_the_loss_is_quadratic(make_network, samples, momentum):
    sgd = Sgd(learning_rate=0.02, batch_size=3, momentum=momentum, weight_decay=0.02)
    training = beside(make_network(nn.Linear(9, 4)), samples, sgd, loss=SquaredErrorLoss(kind="mse").build())
    weights, found = trained(training), tangent(training)
    moved = weights - found.control
    assert moved.norm() > 0.1
    torch.testing.assert_close(found.displacements, moved, rtol=1e-10, atol=1e-12)
    descent = training.descent(training.start[:1])
    descent.advance(EverySample(len(samples)), 0, STEPS)
    torch.testing.assert_close(found.control, descent.weights, rtol=1e-12, atol=1e-14)


def test_what_it_leaves_out_is_of_second_order(make_network, samples):
    """Minibatches m times as large make the noise smaller; at equal time |w - c - v|^2/|v|^2 goes as learning rate."""
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    residual, spread = [], []
    for rate in (0.1, 0.025):
        training = beside(network, samples, Sgd(learning_rate=rate, batch_size=8), replicas=8)
        steps = round(6.0 / rate)
        weights, found = trained(training, steps), tangent(training, steps)
        rest = weights - found.control - found.displacements
        residual.append(float((rest**2).sum() / (found.displacements**2).sum()))
        spread.append(float((found.displacements**2).sum()))
    assert residual[0] < 0.1
    assert 2.0 < residual[0] / residual[1] < 8.0  # 4 in the mean; 0.92 to 1.09 without the Hessian of the minibatch
    assert 2.0 < spread[0] / spread[1] < 8.0


def test_a_hessian_that_is_half_as_large_is_seen(make_network, samples, monkeypatch):
    from langevin_sgd.training.losses import functions

    def halved(network, loss):
        whole, slope = functions_response(network, loss), functions.gradient(network, loss)
        count = len(network.shapes)

        def function(*arguments):
            gradient = slope(*arguments[:count], *arguments[2 * count :])
            return tuple(0.5 * (g + r) for g, r in zip(gradient, whole(*arguments), strict=True))

        return function

    functions_response = functions.response
    monkeypatch.setattr(functions, "response", halved)
    sgd = Sgd(learning_rate=0.05, batch_size=3)
    training = beside(make_network(nn.Linear(9, 4)), samples, sgd, loss=SquaredErrorLoss(kind="mse").build())
    moved, found = trained(training), tangent(training)
    assert ((moved - found.control - found.displacements) ** 2).sum() > 1e-3 * (found.displacements**2).sum()


def test_a_row_has_its_bits_whatever_runs_beside_it_and_goes_on_from_its_state(make_network, samples):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    sgd = Sgd(learning_rate=0.2, batch_size=4, momentum=0.5, weight_decay=0.01)
    alone = tangent(beside(network, samples, sgd, replicas=5))
    many = tangent(beside(network, samples, sgd, replicas=37, workers=2), 33)
    resumed = TangentEnsemble(beside(network, samples, sgd, replicas=37))
    resumed.restore({name: value.copy() for name, value in many.state().items()})
    resumed.advance(33, STEPS)
    many.advance(33, STEPS)
    assert torch.equal(many.displacements, resumed.displacements)
    assert torch.equal(alone.displacements, many.displacements[:5])
    assert torch.equal(alone.control, resumed.control)


def test_minibatches_that_are_not_of_the_training_samples_are_refused(make_network, samples):
    training = beside(make_network(nn.Linear(9, 4)), samples, Sgd(learning_rate=0.2, batch_size=4))
    with pytest.raises(UserError, match="made anew"):
        TangentEnsemble(replace(training, supply=object()))


def test_samples_of_real_targets(make_network):
    rng = np.random.default_rng(2)
    inputs, targets = rng.normal(size=(30, 9)), rng.normal(size=(30, 4))
    samples = Samples.of(inputs, targets, dtype=torch.float64)
    training = beside(
        make_network(nn.Linear(9, 4)),
        samples,
        Sgd(learning_rate=0.01, batch_size=5),
        loss=SquaredErrorLoss(kind="mse").build(),
    )
    found = tangent(training)
    torch.testing.assert_close(found.displacements, trained(training) - found.control, rtol=1e-9, atol=1e-12)
