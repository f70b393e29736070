"""What a layer holds of its input, against layers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.reconstruction.measure import Layers

GENERATOR = np.random.default_rng(1)
ROTATION = np.linalg.qr(GENERATOR.normal(size=(6, 6)))[0]
INVERTIBLE = ROTATION * np.linspace(0.5, 1.5, 6)
PROJECTING = GENERATOR.normal(size=(4, 6))
SAMPLE, START = (torch.from_numpy(GENERATOR.normal(size=6) * 0.5) for _ in range(2))


def reconstructed(layer: int, iterations: int = 200) -> tuple[np.ndarray, float]:
    """From layer 0, h = A x with an invertible A, or from layer 1, P h with P of four rows."""
    module = torch.nn.Sequential(
        torch.nn.Linear(6, 6, bias=False), torch.nn.Identity(), torch.nn.Linear(6, 4, bias=False)
    )
    network = Network.of(module, dtype=torch.float64)
    w = torch.from_numpy(np.concatenate([INVERTIBLE.ravel(), PROJECTING.ravel()]))
    x, mismatch = Layers(network).reconstructed(w, layer, SAMPLE, START, iterations)
    return x.numpy(), mismatch


def test_an_invertible_layer_gives_its_input_back():
    x, mismatch = reconstructed(0)
    np.testing.assert_allclose(x, SAMPLE.numpy(), atol=1e-6)
    assert mismatch < 1e-12


def test_what_a_layer_projects_out_stays_what_it_was_at_the_start():
    x, mismatch = reconstructed(1)
    product = PROJECTING @ INVERTIBLE
    kept = np.linalg.pinv(product) @ product
    expected = kept @ SAMPLE.numpy() + (np.eye(6) - kept) @ START.numpy()
    np.testing.assert_allclose(x, expected, atol=1e-6)
    assert np.abs(x - SAMPLE.numpy()).max() > 0.1
    assert mismatch < 1e-12


def test_the_mismatch_is_that_of_the_signal_over_its_own_square():
    x, mismatch = reconstructed(0, iterations=1)
    wanted = INVERTIBLE @ SAMPLE.numpy()
    assert mismatch == pytest.approx(((INVERTIBLE @ x - wanted) ** 2).sum() / (wanted**2).sum(), rel=1e-12)
    assert mismatch > 1e-3


def test_signals_are_those_handed_on_and_normalisations_are_no_layers():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.LayerNorm(5), torch.nn.Tanh(), torch.nn.Linear(5, 2)
    ).double()
    network = Network.of(module, dtype=torch.float64)
    x = torch.tensor([0.1, -0.4, 0.7], dtype=torch.float64)
    first, last = Layers(network).signals(network.weights(), x)
    torch.testing.assert_close(first, module[:3](x[None]))
    torch.testing.assert_close(last, module(x[None]))


def test_a_signal_of_zeros_is_not_told():
    module = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    layers = Layers(Network.of(module, dtype=torch.float64))
    w = torch.cat([torch.zeros(24), -torch.ones(4), torch.ones(10)]).double()
    x, mismatch = layers.reconstructed(w, 0, SAMPLE, START, 10)
    assert torch.isnan(x).all()
    assert np.isnan(mismatch)


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "mlp", "hidden": [6]}, "replicas": 3,
        "steps": 40, "record_times": 6, "start": "independent",
        "probes": [{"kind": "reconstruction", "samples": 2, "iterations": 60, "replicas": 2}], **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


def test_it_is_measured_at_the_end_whatever_the_number_of_replicas():
    whole = lsgd.simulate(study())["network"]
    assert whole.reconstruction_error.dims == ("reconstructed_replica", "reconstructed_layer", "reconstructed_sample")
    assert whole.reconstruction_error.shape == (2, 2, 2)
    assert (
        whole.reconstruction_error.sel(reconstructed_layer=1) < 1e-3
    ).all()  # tanh of six units of four inputs holds them all
    np.testing.assert_allclose(
        whole.reconstruction_error,
        ((whole.reconstruction - whole.reconstructed_input) ** 2).sum("reconstructed_component")
        / (whole.reconstructed_input**2).sum("reconstructed_component"),
    )
    alone = study(probes=[{"kind": "reconstruction", "samples": 2, "iterations": 60, "replicas": 1}])
    one = lsgd.simulate(alone)["network"]
    np.testing.assert_array_equal(one.reconstruction[0], whole.reconstruction[0])


def test_there_must_be_so_many_replicas():
    with pytest.raises(lsgd.ConfigError, match="replicas: 4 is more than the 3 of the network; give at most so many"):
        lsgd.parse(study(probes=[{"kind": "reconstruction", "replicas": 4}]))


def test_by_default_every_evaluation_is_paid_for_as_a_call():
    """3 x 4000 x 24 gradients in training, a fifth for 2 x 2 x 60 evaluations at least: one replica, where their
    gradients alone would pay for all three.
    """
    given = study(probes=[{"kind": "reconstruction", "samples": 2, "iterations": 60}], steps=4000)
    assert lsgd.simulate(given)["network"].sizes["reconstructed_replica"] == 1
