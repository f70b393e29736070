"""The tangent kernel against the explicit Jacobian, one backward pass an output, and its modes against a linear map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.neural_tangent_kernel import measure
from langevin_sgd.training.probes.neural_tangent_kernel.measure import TangentKernels
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

SAMPLES, OUTPUTS = 7, 3


@pytest.fixture(scope="module")
def seen():
    """Three rows, the second of them alone, and the explicit Jacobians (n o, d) a parameter."""
    generator = np.random.default_rng(1)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, OUTPUTS))
    network = Network.of(module, dtype=torch.float64)
    data = Samples.of(generator.normal(size=(12, 5)), generator.integers(OUTPUTS, size=12), dtype=torch.float64)
    weights = generator.normal(size=(3, network.size))
    with Workers(2) as workers:
        instruments = Instruments(network, data, None, weight_decay=0.4, workers=workers, loss=CROSS_ENTROPY)
        kernels = TangentKernels(instruments, SAMPLES)
        found, alone = kernels(weights), kernels(weights[1:2])
    return found, alone, [jacobian(network, data, w) for w in weights], (network, data, weights)


def jacobian(network: Network, data: Samples, w: np.ndarray) -> list[torch.Tensor]:
    parameters = [each.clone().requires_grad_() for each in network.parameters(torch.from_numpy(w))]
    rows = []
    for sample in range(SAMPLES):
        for output in range(OUTPUTS):
            value = network.outputs(parameters, data.inputs[sample : sample + 1])[0, output]
            rows.append([each.reshape(-1) for each in torch.autograd.grad(value, parameters)])
    return [torch.stack(each) for each in zip(*rows, strict=True)]


def test_it_is_the_product_of_the_explicit_jacobian(seen):
    found, _, jacobians, (network, data, weights) = seen
    for row, parts in enumerate(jacobians):
        exact = sum(part @ part.T for part in parts)
        scale = exact.abs().max()
        assert (found[row].kernel - exact).abs().max() < 1e-12 * scale
        wrong = {
            "a factor 2": 2.0 * exact,
            "a layer left out": exact - parts[0] @ parts[0].T - parts[1] @ parts[1].T,
            "samples shuffled": torch.roll(exact, OUTPUTS, 0),
            "outputs before samples": exact.reshape(SAMPLES, OUTPUTS, -1).swapaxes(0, 1).reshape(exact.shape),
        }
        for name, other in wrong.items():
            assert (found[row].kernel - other).abs().max() > 1e-2 * scale, name
        outputs = network.outputs(network.parameters(torch.from_numpy(weights[row])), data.inputs[:SAMPLES])
        onehot = torch.nn.functional.one_hot(data.labels[:SAMPLES], OUTPUTS)
        np.testing.assert_allclose(found[row].residual, (outputs.softmax(1) - onehot).detach().reshape(-1), atol=1e-12)


def test_a_row_does_not_hang_on_the_others(seen):
    found, alone, *_ = seen
    for one, other in zip(alone[0], found[1], strict=True):
        assert torch.equal(one, other)


def test_a_jacobian_that_is_too_large_is_refused(seen, monkeypatch):
    network, data, _ = seen[3]
    monkeypatch.setattr(measure, "_NUMBERS", 5 * OUTPUTS * network.size)
    with Workers(1) as workers:
        instruments = Instruments(network, data, None, weight_decay=0.0, workers=workers)
        with pytest.raises(UserError, match=r"3 outputs of 7 samples by 39 weights .* give at most 5 samples"):
            TangentKernels(instruments, 7)


def study(*, sgd: dict | None = None, probe: dict | None = None, **keys) -> dict:
    network = {
        "kind": "network", "replicas": 3, "steps": 40, "record_times": 8, "loss": "mse", "precision": "float64",
        "data": {"name": "harmonics", "wave_numbers": [1, 2], "samples": 12, "spacing": "equal", "test_fraction": 0},
        "architecture": {"kind": "linear"}, "start": "independent",
        "probes": [{"kind": "neural_tangent_kernel", "looks": 3, "modes": 4, "replicas": 3, **(probe or {})}],
    }  # fmt: skip
    descent = {"learning_rate": 0.2, "batch_size": 12, "sampling": "epoch", **(sgd or {})}
    return {"name": "one", "seed": 1, "sgd": descent, "models": {"network": {**network, **keys}}}


def test_a_linear_map_keeps_its_kernel_and_learns_its_modes_as_predicted():
    """Theta = x x'^T + 1 on equally spaced points of a circle: Theta/n has the eigenvalues 1, 1/2, 1/2 and 0."""
    found = lsgd.simulate(study())["network"]
    np.testing.assert_array_equal(found.kernel_step.values[[0, -1]], [0, 40])
    np.testing.assert_allclose(found.kernel_drift, 0.0, atol=1e-14)
    np.testing.assert_allclose(found.kernel_eigenvalue[:, :, :3], np.tile([1.0, 0.5, 0.5], (4, 3, 1)), rtol=1e-6)
    np.testing.assert_allclose(found.kernel_residual, found.kernel_residual_predicted, atol=1e-7)
    assert (found.kernel_residual[0] >= 0).all()
    for mode, left in ((0, 0.8), (1, 0.9)):
        path = found.kernel_residual[:, :, mode]
        np.testing.assert_allclose(path, left**found.kernel_step * path[0], atol=1e-7)
    total = found.kernel_residual_norm**2
    assert (total >= (found.kernel_residual**2).sum("kernel_mode") - 1e-9).all()


@pytest.mark.parametrize(
    "keys",
    [
        {"sgd": {"batch_size": 6}},
        {"sgd": {"sampling": "with_replacement"}},
        {"sgd": {"momentum": 0.5}},
        {"sgd": {"weight_decay": 0.1}},
        {"probe": {"samples": 8}},
        {"data": {"name": "iris"}, "loss": "cross_entropy", "probe": {"samples": 4}},
    ],
)
def test_nothing_is_predicted_of_another_descent(keys):
    found = lsgd.simulate(study(steps=4, **keys))["network"]
    assert "kernel_residual_predicted" not in found
    assert np.isfinite(found.kernel_residual).all()


def test_it_does_not_hang_on_the_number_of_replicas():
    keys = {"architecture": {"kind": "mlp", "hidden": [4], "initialisation": "ntk"}}
    whole = lsgd.simulate(study(**keys))["network"]
    assert (whole.kernel_drift[-1] > 1e-3).all()
    more = lsgd.simulate(study(**keys, replicas=5))["network"]
    for name in whole.data_vars:
        if name.startswith("kernel"):
            np.testing.assert_array_equal(more[name], whole[name], err_msg=name)


def test_by_default_it_takes_what_a_fifth_of_the_training_pays():
    found = lsgd.simulate(study(steps=400, probe={"looks": None, "replicas": None, "modes": None}))["network"]
    assert dict(found.kernel_eigenvalue.sizes) == {"kernel_look": 3, "kernel_replica": 1, "kernel_mode": 10}


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        ({"samples": 13}, "13 samples are more than the 12 that are trained on"),
        ({"modes": 13}, "13 modes of 12 samples x outputs"),
    ],
)
def test_there_must_be_so_many_samples_and_modes(probe, told):
    with pytest.warns(RuntimeWarning, match=f"network: failed: neural_tangent_kernel: {told}"):
        lsgd.simulate(study(probe=probe))


def test_there_must_be_so_many_replicas():
    with pytest.raises(lsgd.ConfigError, match=r"replicas: 4 is more than the 3 of the network"):
        lsgd.parse(study(probe={"replicas": 4}))
