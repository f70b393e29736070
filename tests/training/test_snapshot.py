"""What is kept of weights stays what it was when they move on, in whatever precision they are."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.control import Control
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.ensemble_record import EnsembleRecord
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.sharpness.config import SharpnessProbe
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments, View

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
    recorder = EnsembleRecord(
        start=weights, record=np.array([0, 1]), evaluated=np.array([0, 1]), sample=np.empty(0, np.int64), test=False,
        reference=None, workers=workers,
    )  # fmt: skip
    instruments = Instruments(network, samples, None, weight_decay=0.0, workers=workers)
    recorder.observe(View(0, weights, instruments))
    weights.add_(1.0)
    recorder.observe(View(1, weights, instruments))
    found = recorder.finish(View(1, weights, instruments))
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
    instruments = Instruments(exact, samples, None, weight_decay=0.0, workers=Workers(1))
    told = {"start": own["weights"], "record": np.array([0, 5]), "instruments": instruments, "workers": Workers(1)}
    control = Control(Beside.simple(network, samples.to(dtype), sgd, **told), instruments.meter, told["record"])
    view = View(0, own["weights"], instruments)
    control.observe(view)
    control.advance(0, 5)
    view.step = 5
    control.observe(view)
    moved = control.state()["weights"].astype(np.float64) - start
    np.testing.assert_allclose(control.finish(view)["control_squared_displacement"], [0, (moved**2).sum()], rtol=1e-6)

    class Fixed:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return np.zeros((at_most, 1, 8), dtype=np.int64)

    ensemble.advance(Fixed(), 0, 3)
    assert np.array_equal(own["weights"], start)  # what it was made from is not what it moves
    assert np.array_equal(before["weights"], start)
    assert not before["slots/velocity"].any()
    assert not np.array_equal(ensemble.state()["weights"], start)


@BOTH
def test_a_probe_keeps_the_weights_that_it_saw(make_network, samples, dtype):
    weights = torch.ones(2, 3, dtype=dtype)
    probe = SharpnessProbe(kind="sharpness").build(Watched(4, 2, 3, Sgd(learning_rate=0.1, batch_size=1), 1e-6))
    instruments = Instruments(make_network(nn.Linear(9, 4)), samples, None, weight_decay=0.0, workers=Workers(1))
    probe.observe(View(4, weights, instruments))
    weights.zero_()
    assert (probe.state()["weights"] == 1).all()
