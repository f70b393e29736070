"""Degrees of freedom of layers, and networks that are pruned to as many units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.training.architectures.fully_connected import linear_layer
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.degrees_of_freedom import pruning
from langevin_sgd.training.probes.degrees_of_freedom.measure import entering, pruned


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(1)
    module = torch.nn.Sequential(
        linear_layer(5, 7), torch.nn.ReLU(), linear_layer(7, 6), torch.nn.Tanh(), linear_layer(6, 3)
    )
    network = Network.of(module, dtype=torch.float64)
    inputs = torch.randn(40, 5, dtype=torch.float64) + 1.0
    return network, network.weights().numpy(), inputs


def by_hand(network, w, inputs, layer, *, centred=True):
    """Covariance of what enters the layer, sample by sample."""
    parts = [part.numpy() for part in network.parameters(torch.from_numpy(w))]
    signals = []
    for x in inputs.numpy():
        signal = x
        for place, act in enumerate((lambda z: np.maximum(z, 0.0), np.tanh)[:layer]):
            signal = act(parts[2 * place] @ signal + parts[2 * place + 1])
        signals.append(signal)
    mean = np.mean(signals, axis=0) if centred else 0.0
    return np.mean([np.outer(a - mean, a - mean) for a in signals], axis=0)


def test_covariances_are_those_of_the_layers_sample_by_sample(small):
    layers = list(entering(*small).values())
    assert [values.shape for values in layers] == [(40, 5), (40, 7), (40, 6)]
    for place, values in enumerate(layers):
        exact = by_hand(*small, place)
        found = pruning.covariance(values)
        np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-14)
        mu = np.linalg.eigvals(exact).real
        np.testing.assert_allclose(pruning.spectrum(found), np.sort(mu)[::-1], rtol=1e-6, atol=1e-12)
        for share in (0.1, 0.001):
            resolvent = np.linalg.inv(exact + share * mu.max() * np.eye(len(exact)))
            freedom = pruning.degrees_of_freedom(pruning.spectrum(found), share)
            assert freedom == pytest.approx(np.trace(exact @ resolvent), rel=1e-6)
            for wrong in (by_hand(*small, place, centred=False), by_hand(*small, (place + 1) % 3)):
                planted = np.linalg.eigvalsh(wrong)[::-1]
                assert freedom != pytest.approx(pruning.degrees_of_freedom(planted, share), rel=1e-3)


def test_kept_units_are_told_best_of_all_by_least_squares(small):
    """Without ridge it is the regression with an offset, and units that depend on others are kept last."""
    values = entering(*small)["2"]
    values = np.concatenate([values, values @ np.random.default_rng(1).normal(size=(7, 2))], axis=1)
    sigma = pruning.covariance(values)
    order = pruning.ranking(sigma)
    assert sorted(order) == list(range(9))
    kept = order[:4]
    told = pruning.told_by(kept, sigma, values.mean(0), 0.0)
    design = np.column_stack([values[:, kept], np.ones(len(values))])
    np.testing.assert_allclose(
        told.offset + values @ told.matrix.T, design @ np.linalg.lstsq(design, values)[0], atol=1e-9
    )
    rank = int((pruning.spectrum(sigma) > 1e-12).sum())
    all_told = pruning.told_by(order[:rank], sigma, values.mean(0), 0.0)
    np.testing.assert_allclose(all_told.offset + values @ all_told.matrix.T, values, atol=1e-7)


def test_a_pruned_network_sees_what_its_layers_are_told(small):
    network, w, inputs = small
    values = entering(*small)["4"]
    told = pruning.told_by(np.array([1, 4]), pruning.covariance(values), values.mean(0), 1e-3)
    less = pruned(network, w, {"4": told})
    weight, bias = (part.numpy() for part in network.parameters(torch.from_numpy(w))[-2:])
    outputs = network.outputs(network.parameters(torch.from_numpy(less)), inputs).numpy()
    np.testing.assert_allclose(outputs, (told.offset + values @ told.matrix.T) @ weight.T + bias, atol=1e-12)
    assert (network.parameters(torch.from_numpy(less))[-2].numpy()[:, [0, 2, 3, 5]] == 0.0).all()


def test_how_many_are_kept():
    assert pruning.enough(10.0, 1000) == 116  # 50 log 10 = 115.1
    assert pruning.enough(10.0, 64) == 64
    assert pruning.enough(1.1, 64) == 2
    assert pruning.degrees_of_freedom(np.zeros(3), 0.1) == 0.0


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "mlp", "hidden": [8, 6]}, "replicas": 3,
        "steps": 60, "record_times": 8, "probes": [{"kind": "degrees_of_freedom", "looks": 2, "replicas": 2}],
        **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


_FOUND = ("activation_spectrum", "degrees_of_freedom", "pruned_test_error", "overpruned_test_error")


def test_it_is_measured_along_training_whatever_the_number_of_replicas():
    whole = lsgd.simulate(study())["network"]
    assert whole.freedom_width.values.tolist() == [4, 8, 6]
    assert whole.degrees_of_freedom.shape == (2, 2, 3, 3)
    assert (whole.degrees_of_freedom.diff("freedom_lambda") > 0.0).all()
    assert whole.unpruned_test_error[-1].values == pytest.approx(1.0 - whole.test_accuracy[:2, -1].values, abs=1e-12)
    assert np.isfinite(whole.pruned_test_error).all()
    fewer = lsgd.simulate(study(probes=[{"kind": "degrees_of_freedom", "looks": 2, "replicas": 1}]))["network"]
    for name in _FOUND:
        np.testing.assert_array_equal(fewer[name][:, 0], whole[name][:, 0], err_msg=name)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"replicas": 4}, "replicas: 4 is more than the 3 of the network"),
        ({"relative_lambda": [0.01, 0.1]}, r"relative_lambda: must fall from one to the next; give \[0.1, 0.01\]"),
        ({"relative_lambda": [-1]}, "relative_lambda"),
    ],
)
def test_keys_that_do_not_fit(keys, told):
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(study(probes=[{"kind": "degrees_of_freedom", **keys}]))


def test_what_it_cannot_measure():
    with pytest.warns(RuntimeWarning, match="needs two fully connected layers"):
        lsgd.simulate(study(architecture={"kind": "softmax"}, probes=["degrees_of_freedom"]))
    real = study(data={"name": "diabetes"}, loss="mse", probes=["degrees_of_freedom"])
    found = lsgd.simulate(real)["network"]
    assert np.isfinite(found.degrees_of_freedom).all()
    assert np.isnan(found.pruned_test_error).all()
