"""The `mode_covariance` and `final_weights` probes, on one training of iris' softmax from its minimum."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import load_data
from langevin_sgd.training.probes.final_weights.config import FinalWeightsProbe
from langevin_sgd.training.probes.mode_covariance.config import ModeCovarianceProbe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.threads import Workers

REPLICAS, MODES = 64, 6


def _study(probes, **network):
    base = {"kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum"}
    base |= {"replicas": REPLICAS, "steps": 1500, "burn_in": 300, "sample_every": 5, "recording": {"window": "modes"}}
    return {
        "name": "together", "seed": 4, "models": {"network": {**base, "probes": probes, **network}},
        "sgd": {"learning_rate": 0.1, "batch_size": 16, "weight_decay": 0.1},
    }  # fmt: skip


@pytest.fixture(scope="module")
def found():
    study = _study(["final_weights", {"kind": "mode_covariance", "modes": MODES}])
    return lsgd.simulate(study)["network"].to_dataset(inherit=False)


def test_modes_fluctuate_together_as_the_law_of_the_measured_noise_says(found):
    """All 21 pairs within 4.5 standard errors, which one run in 7,000 would miss; a quarter too hot, or with the
    signs of half the modes turned, they are not, and neither are modes that know nothing of each other."""
    measured, error, predicted = (found[f"mode_covariance{end}"].values for end in ("", "_stderr", "_predicted"))

    def worst(law):
        return float(np.abs((measured - law) / error).max())

    k, eta, batch = found["hessian_eigenvalue"].values[:MODES], 0.1, 16
    basis = found["hessian_eigenvector"].values
    c = (basis.T @ found["noise_covariance"].values @ basis)[:MODES, :MODES]
    np.testing.assert_allclose(predicted, eta / batch * c / (k[:, None] + k - eta * np.outer(k, k)), rtol=1e-8)
    assert worst(predicted) < 4.5
    assert worst(np.diag(np.diagonal(predicted))) > 20
    assert worst(predicted * 1.25) > 4.5
    assert worst(predicted * np.sign(np.arange(MODES) - 2.5)[:, None] * np.sign(np.arange(MODES) - 2.5)) > 10
    np.testing.assert_allclose(np.diagonal(measured), found["mode_variance"][:MODES], rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(error), found["mode_variance_stderr"][:MODES], rtol=1e-10)
    for name in ("mode_covariance", "mode_covariance_stderr", "mode_covariance_predicted", "final_weights"):
        assert found[name].attrs["units"] == "1"
        assert found[name].attrs["long_name"]


def test_final_weights_make_the_module_again(found):
    """Their loss on the training set is the one that was recorded at the last step, for another replica it is not."""
    assert found["final_weights"].dims == ("replica", "parameter")
    data = load_data(lsgd.parse(_study([])).models["network"].data, 4)
    module = nn.Linear(4, 3)
    inputs = torch.from_numpy(np.asarray(data.train_inputs, dtype=np.float32))
    labels = torch.from_numpy(np.asarray(data.train_labels))
    losses = []
    for weights in found["final_weights"].values:
        nn.utils.vector_to_parameters(torch.from_numpy(weights), module.parameters())
        losses.append(float(nn.functional.cross_entropy(module(inputs), labels).detach()))
    recorded = found["train_loss"].isel(time=-1).values
    np.testing.assert_allclose(losses, recorded, rtol=1e-5)
    assert abs(losses[0] / recorded[1] - 1) > 1e-4


def test_sums_survive_an_interruption():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    with Workers(1) as workers:
        beside = SimpleNamespace(
            curvature=SimpleNamespace(eigenvectors=basis), minimum=SimpleNamespace(position=np.ones(4)),
            sample=np.arange(10), workers=workers,
        )  # fmt: skip
        sgd = Sgd(learning_rate=0.1, batch_size=2)
        watched = Watched(20, 3, 4, sgd, 1e-6, curved=True, beside=beside)
        weights = rng.normal(size=(10, 3, 4))
        section = ModeCovarianceProbe(kind="mode_covariance", modes=3)
        whole, part = section.build(watched), section.build(watched)
        for step in range(10):
            if step == 6:
                kept = part.state()
                part = section.build(watched)
                part.restore(kept)
            for probe in (whole, part):
                probe.observe(SimpleNamespace(positions=weights[step]))
        assert all(np.array_equal(part.finish(None)[name], value) for name, value in whole.finish(None).items())
        modes = (weights - 1.0) @ basis[:, :3]
        pooled = np.cov(modes.reshape(-1, 3).T, bias=True)
        means = modes.mean(axis=0)
        between = means.T @ means / 3 - np.outer(means.mean(0), means.mean(0))
        np.testing.assert_allclose(whole.finish(None)["mode_covariance"], pooled + between / 2, atol=1e-12)


def test_what_would_not_fit_is_refused_with_what_would():
    def told(section, **changed):
        watched = Watched(
            10, **{"replicas": 64, "parameters": 650, **changed}, sgd=SGD, gradient_tolerance=1e-6, curved=True
        )
        return [message for _, message in section.problems(watched, model=("m",), probe=("m", "probes", 0))]

    every = ModeCovarianceProbe(kind="mode_covariance", modes=None)
    assert told(every) == []
    (message,) = told(every, replicas=256)
    assert "650 modes of 256 replicas" in message
    assert message.endswith("give modes: 362 or less")
    assert told(ModeCovarianceProbe(kind="mode_covariance", modes=362), replicas=256) == []
    assert told(ModeCovarianceProbe(kind="mode_covariance", modes=10_000), parameters=20) == []
    (message,) = told(FinalWeightsProbe(kind="final_weights"), parameters=10_000_000)
    assert message.endswith("give at most 6 replicas, or remove the probe")
    with pytest.raises(UserError, match="probe final_weights: keeps 64 x 10000000"):
        FinalWeightsProbe(kind="final_weights").build(Watched(10, 64, 10_000_000, SGD, 1e-6))
    with pytest.raises(ConfigError, match="mode_covariance takes H and C at the minimum"):
        lsgd.parse(_study(["mode_covariance"], start="shared"))


SGD = Sgd(learning_rate=0.1, batch_size=16)
