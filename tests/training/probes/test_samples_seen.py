"""Which samples are told, and which have another answer close by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.critical_samples.measure import critical
from langevin_sgd.training.probes.per_example.measure import spread


def test_the_spread_of_samples_that_are_alike_is_nothing_and_of_others_their_own():
    generator = np.random.default_rng(1)
    replicas, samples = 10, 20_000
    alike = generator.binomial(replicas, 0.6, samples) / replicas
    assert spread(alike, replicas) < 0.04  # squared: 4 errors of a variance of shares, 0.024 sqrt(2/20,000) each
    probability = generator.uniform(size=samples)
    unlike = generator.binomial(replicas, probability) / replicas
    assert spread(unlike, replicas) == pytest.approx(12**-0.5, abs=0.005)
    assert np.std(unlike) > 12**-0.5 + 0.02  # what chance adds


def test_critical_samples_are_those_closer_to_the_border_than_the_radius():
    """Two classes by the sign of x_0: within r in every input iff |x_0| < r. Noise beyond the box is put back."""
    layer = torch.nn.Linear(2, 2, bias=False)
    network = Network.of(layer, dtype=torch.float64)
    x0 = np.array([-0.5, -0.11, -0.09, 0.02, 0.099, 0.101, 3.0])
    inputs = torch.from_numpy(np.stack([x0, np.zeros(7)], axis=1))
    normals = np.random.default_rng(1).normal(size=(12, 7, 2))
    found = critical(network, np.array([1.0, 0.0, -1.0, 0.0]), inputs, 0.1, normals)
    np.testing.assert_array_equal(found, np.abs(x0) < 0.1)


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 60,
        "record_times": 8, "probes": [{"kind": "per_example"}, {"kind": "critical_samples", "radius": 0.1, "looks": 2}],
        **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


def test_they_are_measured_along_training():
    found = lsgd.simulate(study(precision="float64"))["network"]
    assert found.example_step.values.tolist() == [5]  # 120 samples in batches of 24
    assert found.example_accuracy.shape == (1, 120)
    whole = lsgd.simulate(study(precision="float64", steps=5, record_times=3, probes=["per_example"]))["network"]
    assert float(found.example_accuracy.mean()) == pytest.approx(float(whole.train_accuracy[:, -1].mean()), abs=1e-12)
    assert found.critical_share.shape == (2, 1)
    assert ((found.critical_share >= 0) & (found.critical_share <= 1)).all()
    wide = lsgd.simulate(study(probes=[{"kind": "critical_samples", "radius": 5.0, "looks": 1}]))["network"]
    assert (wide.critical_share > 0.9).all()


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ({"replicas": 1, "probes": ["per_example"]}, "replicas: per_example tells samples from chance"),
        (
            {"probes": [{"kind": "per_example", "steps": [9, 3]}]},
            r"steps: must grow from one to the next; give \[3, 9\]",
        ),
        ({"probes": [{"kind": "per_example", "steps": [61]}]}, "steps: reach step 61, but the training ends at 60"),
        ({"probes": [{"kind": "critical_samples", "radius": 1, "replicas": 4}]}, "4 is more than the 3 of the network"),
    ],
)
def test_keys_that_do_not_fit(network, told):
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(study(**network))


def test_losses_without_answers_have_neither():
    real = {"data": {"name": "diabetes"}, "loss": "mse"}
    for probe in ("per_example", {"kind": "critical_samples", "radius": 1.0}):
        with pytest.warns(RuntimeWarning, match=r"needs (a loss on )?classes"):
            lsgd.simulate(study(**real, probes=[probe]))
