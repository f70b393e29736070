"""The covariance of the gradient noise, against loops over samples with the Hessian of each in full."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.estimators.errors_in_both import line
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.noise_covariance.config import NoiseCovarianceProbe
from langevin_sgd.training.probes.noise_covariance.minibatch_noise import noise_of, tail_indices
from langevin_sgd.training.probes.noise_covariance.shape import NoiseShape, exponent, layers
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

ROWS, MODES, SAMPLES = 2, 5, 40
SECTION = NoiseCovarianceProbe(kind="noise_covariance", modes=MODES, eigenvalues=3, vectors=300)
LAYERS = (slice(0, 20), slice(20, 35))  # of the module below, weights and biases


def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))


def sample_by_sample(inputs, labels, w) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (n, d) and Hessians (n, d, d) of the samples' cross-entropies, one after the other, by torch alone."""
    network = Network.of(module(), dtype=torch.float64)

    def loss(weights, x, label):
        return torch.nn.functional.cross_entropy(network.outputs(network.parameters(weights), x[None]), label[None])

    at = torch.from_numpy(w)
    pairs = [(torch.from_numpy(x), torch.tensor(label)) for x, label in zip(inputs, labels, strict=True)]
    gradients = [torch.func.grad(loss)(at, *pair).numpy() for pair in pairs]
    hessians = [torch.func.jacrev(torch.func.grad(loss))(at, *pair).numpy() for pair in pairs]
    return np.array(gradients), np.array(hessians)


@pytest.fixture(scope="module")
def measured():
    generator = np.random.default_rng(1)
    inputs, labels = generator.normal(size=(SAMPLES, 4)), generator.integers(3, size=SAMPLES)
    minibatches = generator.integers(SAMPLES, size=(12, 7))
    weights = generator.normal(size=(ROWS, 35))
    with Workers(2) as workers:
        data = Samples.of(inputs, labels, dtype=torch.float64)
        network = Network.of(module(), dtype=torch.float64)
        instruments = Instruments(network, data, None, weight_decay=0.3, workers=workers)
        shape = NoiseShape(instruments, SECTION, seed=5, tolerance=1e-11)
        found, alone = shape(weights), shape(weights[:1])
        noise = [noise_of(instruments.loss, w, minibatches) for w in weights]
    return inputs, labels, weights, minibatches, shape, found, alone, noise


def expected(gradients, hessians, shape, row) -> dict[str, np.ndarray]:
    """All that is measured of one row, from the samples' gradients and Hessians; `LAYERS` and halves as they are."""
    found: dict[str, list] = {}
    for layer in LAYERS:
        block = hessians[shape.chosen].mean(0)[layer, layer]
        vectors = np.linalg.eigh(block)[1][:, ::-1][:, :MODES]
        for ending, half in (("", shape.others), ("_in_sample", shape.chosen)):
            along = gradients[half][:, layer] @ vectors
            curved = np.einsum("im,nij,jm->nm", vectors, hessians[half][:, layer, layer], vectors)
            found.setdefault(f"curvature_along{ending}", []).append(curved.mean(0))
            found.setdefault(f"noise_along{ending}", []).append(along.var(0))
            squares, use = (along - along.mean(0)) ** 2, curved.mean(0) > 0
            relative = curved[:, use] / curved[:, use].mean(0), squares[:, use] / squares[:, use].mean(0)
            errors = [np.cov(relative[0][:, i], relative[1][:, i]) / len(half) for i in range(use.sum())]
            fit = line(
                np.log(curved[:, use].mean(0)),
                np.log(squares[:, use].mean(0)),
                *(np.array([e[i, j] for e in errors]) for i, j in ((0, 0), (1, 1), (0, 1))),
            )
            found.setdefault(f"exponent{ending}", []).append(fit.slope)
            found.setdefault(f"exponent{ending}_stderr", []).append(fit.slope_stderr * max(1.0, fit.misfit) ** 0.5)
    covariance, hessian = np.cov(gradients.T, bias=True), hessians.mean(0)
    found["hessian_trace"] = np.mean([z @ hessian @ covariance @ z for z in shape.signs])
    found["top"] = np.linalg.eigvalsh(covariance)[::-1][:3]
    return {name: np.array(value) for name, value in found.items()}


def holds(found, row, gradients, hessians, shape) -> bool:
    return all(
        np.allclose(found[name][row], value, rtol=1e-6, atol=1e-9)
        for name, value in expected(gradients, hessians, shape, row).items()
    )


def test_all_of_it_is_that_of_a_loop_over_samples_and_planted_faults_are_seen(measured):
    inputs, labels, weights, _, shape, found, _, _ = measured
    for row, w in enumerate(weights):
        gradients, hessians = sample_by_sample(inputs, labels, w)
        for name, value in expected(gradients, hessians, shape, row).items():
            np.testing.assert_allclose(found[name][row], value, rtol=1e-6, atol=1e-9, err_msg=name)
    shuffled = np.random.default_rng(7).permutation(labels)
    assert not holds(found, row, *sample_by_sample(inputs, shuffled, w), shape)
    assert not holds(found, row, np.sqrt(2.0) * gradients, hessians, shape)
    assert not holds(found, row, gradients, 2.0 * hessians, shape)
    order = np.r_[1:35, 0]  # a layer that begins one weight late
    assert not holds(found, row, gradients[:, order], hessians[:, order][:, :, order], shape)


def test_traces_are_those_of_the_matrices_within_their_errors(measured):
    inputs, labels, weights, _, _, found, _, _ = measured
    for row, w in enumerate(weights):
        gradients, hessians = sample_by_sample(inputs, labels, w)
        covariance, hessian = np.cov(gradients.T, bias=True), hessians.mean(0)
        both, error = np.trace(hessian @ covariance), found["hessian_trace_stderr"][row]
        assert abs(found["hessian_trace"][row] - both) < 4.0 * error
        assert error < 0.1 * both
        size = np.linalg.norm(hessian) * np.linalg.norm(covariance)
        assert found["alignment"][row] == pytest.approx(both / size, abs=0.2)


def test_noise_of_minibatches_and_the_trace_are_those_of_a_loop(measured):
    inputs, labels, weights, minibatches, _, _, _, noise = measured
    for w, (trace, found) in zip(weights, noise, strict=True):
        gradients = sample_by_sample(inputs, labels, w)[0]
        assert trace == pytest.approx(np.trace(np.cov(gradients.T, bias=True)), rel=1e-9)
        exact = np.array([gradients[batch].mean(0) - gradients.mean(0) for batch in minibatches])
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-12)


def test_the_halves_have_every_sample_once_and_layers_every_weight(measured):
    shape = measured[4]
    np.testing.assert_array_equal(np.sort(np.r_[shape.chosen, shape.others]), np.arange(SAMPLES))
    np.testing.assert_array_equal(shape.layers, [np.r_[np.ones(20), np.zeros(15)], np.r_[np.zeros(20), np.ones(15)]])
    np.testing.assert_array_equal(layers(["scale"], [2]), [[1, 1]])


def test_a_row_does_not_hang_on_the_others(measured):
    found, alone = measured[5:7]
    for name, values in alone.items():
        np.testing.assert_array_equal(values[0], found[name][0])


def test_a_planted_exponent_is_found():
    """g_n . v_i normal of variance k_i^gamma, and H_n,ii = k_i E of exponential E: within its errors."""
    generator = np.random.default_rng(3)
    sharp = np.geomspace(1e-2, 10.0, 20)
    for gamma in (1.0, 1.4):
        fits = [
            exponent(
                np.sqrt(sharp**gamma)[:, None] * generator.normal(size=(20, 500)),
                sharp[:, None] * generator.exponential(size=(20, 500)),
            )[0]
            for _ in range(30)
        ]
        slopes, errors = (np.array([getattr(fit, name) for fit in fits]) for name in ("slope", "slope_stderr"))
        assert abs(slopes.mean() - gamma) < 4.0 * slopes.std(ddof=1) / np.sqrt(30)
        assert 0.6 < np.mean(errors) / slopes.std(ddof=1) < 1.8


def test_tails_across_coordinates_and_across_iterations_are_told_apart():
    """Gaussian noise of coordinates that differ in scale is heavy across coordinates alone."""
    generator = np.random.default_rng(4)
    noise = generator.normal(size=(100, 900)) * np.exp(2.0 * generator.normal(size=900))
    noise[:, :100] = 0.0
    across_coordinates, across_iterations = tail_indices(noise, generator.permutation(900))
    assert across_coordinates < 1.7
    assert across_iterations == pytest.approx(2.0, abs=0.05)
    assert np.isnan(tail_indices(np.zeros((10, 20)), np.arange(20))).all()


def study(ensemble: int = 2, **probe) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "mlp", "hidden": [4]},
        "replicas": ensemble, "start": "independent", "steps": 60, "record_times": 8,
        "probes": [{"kind": "noise_covariance", "modes": 4, "eigenvalues": 2, "vectors": 2, "looks": 2, "replicas": 2,
                    **probe}],
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


def test_it_is_measured_along_training_whatever_the_number_of_replicas():
    whole = lsgd.simulate(study(ensemble=3))["network"]
    assert whole.gradient_noise_exponent.dims == ("noise_look", "noise_replica", "noise_layer")
    assert whole.noise_along.shape == (2, 2, 2, 4)
    assert whole.noise_step.values[-1] == 60
    assert np.isfinite(whole.gradient_noise_tail_across_iterations).all()
    fewer = lsgd.simulate(study())["network"]
    names = [name for name in whole.data_vars if name.startswith(("gradient_noise_", "noise_along", "curvature_along"))]
    assert len(names) > 12
    for name in names:
        np.testing.assert_array_equal(fewer[name], whole[name], err_msg=name)


@pytest.mark.parametrize(
    ("keys", "data", "message"),
    [
        ({"replicas": 5}, {}, "5 is more than the 2 of the network"),
        ({"modes": 2}, {}, "modes"),
        ({}, {"name": "linear_regression", "fresh": True}, "made anew at every step"),
    ],
)
def test_what_does_not_fit_is_told(keys, data, message):
    given = study(**keys)
    if data:
        given["models"]["network"] |= {"data": data, "architecture": {"kind": "linear"}, "loss": "mse"}
    with pytest.raises(lsgd.ConfigError, match=message):
        lsgd.parse(given)
