"""What is kept of weights stays what it was when they move on, in whatever precision they are."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.control import Control
from langevin_sgd.training.energy import Evaluator
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.probes.sharpness import SharpnessAtEnd
from langevin_sgd.training.recorder import Recorder
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@BOTH
def test_a_snapshot_shares_no_memory(dtype):
    tensor = torch.ones(3, 4, dtype=dtype)
    kept = [snapshot(tensor), snapshot(tensor, torch.float64), snapshot(tensor[1:], dtype), snapshot(tensor.T)]
    tensor.mul_(2)
    assert all((array == 1).all() for array in kept)
    assert kept[0].dtype == {torch.float32: np.float32, torch.float64: np.float64}[dtype]
    assert kept[1].dtype == np.float64


@BOTH
def test_displacement_is_measured_from_where_the_weights_were(make_network, samples, dtype):
    """Every replica moves by 1 along each of d weights: |w - w0|^2 = d, all of it drift."""
    network = make_network(nn.Linear(9, 4))
    weights = network.weights().expand(3, -1).clone().to(dtype)
    workers = Workers(1)
    recorder = Recorder(
        start=weights, record=np.array([0, 1]), sample=np.empty(0, np.int64), weight_decay=0.0,
        train=Evaluator(network, samples, workers), test=None, reference=None, workers=workers,
    )  # fmt: skip
    recorder.visit(0, weights)
    weights.add_(1.0)
    recorder.visit(1, weights)
    found = recorder.variables()
    np.testing.assert_allclose(found["squared_displacement"], [[0, network.size]] * 3, rtol=1e-6)
    np.testing.assert_allclose(found["drift_squared"], [0, network.size], rtol=1e-6)
    np.testing.assert_allclose(found["spread"], [0, 0], atol=1e-10)


@BOTH
def test_the_control_and_states_keep_copies(make_network, samples, dtype):
    network = make_network(nn.Linear(9, 4), dtype=dtype)
    sgd = Sgd(learning_rate=0.1, batch_size=8, momentum=0.5)
    own = {"weights": network.weights()[None].clone(), "dtype": dtype, "workers": Workers(1)}
    ensemble = Ensemble(network, samples.to(dtype), sgd, **own)
    start = own["weights"].numpy().copy()
    before = ensemble.state()
    exact = make_network(nn.Linear(9, 4))
    control = Control(
        network, samples.to(dtype), sgd, start=own["weights"], dtype=dtype, record=np.array([0, 5]),
        train=Evaluator(exact, samples, Workers(1)), workers=Workers(1),
    )  # fmt: skip
    control.visit(0)
    control.advance(0, 5)
    control.visit(5)
    moved = control.state()["weights"].astype(np.float64) - start
    np.testing.assert_allclose(control.variables()["control_squared_displacement"], [0, (moved**2).sum()], rtol=1e-6)

    class Fixed:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return np.zeros((at_most, 1, 8), dtype=np.int64)

    ensemble.advance(Fixed(), 0, 3)
    assert np.array_equal(own["weights"], start)  # what it was made from is not what it moves
    assert np.array_equal(before["weights"], start)
    assert not before["velocity"].any()
    assert not np.array_equal(ensemble.state()["weights"], start)


@BOTH
def test_a_probe_keeps_the_weights_that_it_saw(dtype):
    weights = torch.ones(2, 3, dtype=dtype)
    probe = SharpnessAtEnd(4, 2, 3)
    probe.visit(4, weights)
    weights.zero_()
    assert (probe.state()["weights"] == 1).all()
