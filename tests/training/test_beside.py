"""What runs beside an ensemble sees its minibatches, and its rule."""

import numpy as np
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.beside import Beside, EverySample
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

SEED = 5


def beside(network, samples, sgd, start) -> Beside:
    instruments = Instruments(network, samples, None, weight_decay=sgd.weight_decay, workers=Workers(1))
    told = {"start": start, "record": np.array([0]), "instruments": instruments, "workers": Workers(1), "seed": SEED}
    return Beside.simple(network, samples, sgd, **told)


def test_copies_on_the_same_minibatches_are_the_training_itself(make_network, samples):
    network = make_network(nn.Linear(9, 4))
    sgd = Sgd(learning_rate=0.5, batch_size=3, momentum=0.5, weight_decay=0.02)
    start = network.weights().expand(3, -1)
    trained = Ensemble(network, samples, sgd, weights=start, dtype=torch.float64, workers=Workers(1))
    trained.advance(Minibatches.of(sgd, seed=SEED, replicas=3, samples=len(samples)), 0, 40)

    training = beside(network, samples, sgd, start)
    replica = np.array([2, 0, 1, 2])
    rows = training.ensemble(start[replica])
    rows.advance(training.minibatches(replica), 0, 25)
    rows.advance(training.minibatches(replica), 25, 40)  # drawn again from amid the run
    assert torch.equal(rows.weights, trained.weights[replica])
    assert not torch.equal(trained.weights[0], trained.weights[2])


def test_descent_of_several_rows_is_that_of_each(make_network, samples):
    network = make_network(nn.Linear(9, 4))
    sgd = Sgd(learning_rate=0.5, batch_size=3)
    training = beside(network, samples, sgd, network.weights()[None])
    starts = torch.stack([network.weights(), 0.5 * network.weights()])
    both = training.descent(starts)
    both.advance(EverySample(len(samples), rows=2), 0, 12)
    for row, start in enumerate(starts):
        alone = training.descent(start[None])
        alone.advance(EverySample(len(samples)), 0, 12)
        np.testing.assert_allclose(alone.weights[0], both.weights[row], rtol=1e-12)
