"""Errors on training and test set, against the network's answers one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.training.data.loading import load


def study(**network) -> dict:
    mlp = {"kind": "mlp", "hidden": [16], "activation": "tanh"}
    network = {
        "kind": "network", "data": {"name": "iris", "label_noise": 0.4}, "architecture": mlp,
        "replicas": 5, "steps": 300, "record_times": 8, "start": "independent",
        "probes": [{"kind": "generalisation", "looks": 2}, "final_weights"], **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.2, "batch_size": 24}, "models": {"network": network}}


def test_errors_are_those_of_all_answers_and_the_gap_has_the_error_of_the_replicas():
    given = study(recording={"precision": "float32", "samples": 20})
    found = lsgd.simulate(given)["network"]
    data = load(lsgd.parse(given).models["network"].data, 1)
    module = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3)).double()
    wrong = {"train": [], "test": []}
    for w in found.final_weights.values:
        torch.nn.utils.vector_to_parameters(torch.from_numpy(w.astype(np.float64)), module.parameters())
        for name, inputs, labels in (
            ("train", data.train_inputs, data.train_labels), ("test", data.test_inputs, data.test_labels),
        ):  # fmt: skip
            answers = module(torch.from_numpy(inputs).double()).argmax(1).numpy()
            wrong[name].append(np.mean(answers != labels))
    assert found.generalisation_step.values[-1] == 300
    np.testing.assert_allclose(found.train_error[-1], wrong["train"], atol=1e-12)
    np.testing.assert_allclose(found.test_error[-1], wrong["test"], atol=1e-12)
    gap = np.subtract(wrong["test"], wrong["train"])
    assert gap.std() > 0
    assert float(found.generalisation_gap[-1]) == pytest.approx(gap.mean(), abs=1e-12)
    assert float(found.generalisation_gap_stderr[-1]) == pytest.approx(gap.std(ddof=1) / 5**0.5, abs=1e-12)


def test_of_real_targets_the_error_is_the_loss():
    found = lsgd.simulate(study(data={"name": "diabetes"}, loss="mse", steps=40, recording={"precision": "float64"}))
    found = found["network"]
    np.testing.assert_allclose(found.train_error[-1], found.train_loss[:, -1], rtol=1e-12)
    gap = (found.test_loss - found.train_loss)[:, -1]
    assert float(found.loss_gap[-1]) == pytest.approx(float(gap.mean()), rel=1e-10)
    np.testing.assert_array_equal(found.loss_gap, found.generalisation_gap)


def test_replicas_do_not_hang_on_their_number():
    few, many = (lsgd.simulate(study(replicas=replicas, steps=40))["network"] for replicas in (2, 7))
    np.testing.assert_array_equal(few.test_error, many.test_error[:, :2])


def test_by_default_it_takes_what_a_fifth_of_the_training_pays():
    found = lsgd.simulate(study(probes=["generalisation"], steps=200))["network"]
    # 0.2 * 5 * 200 * 24 gradients; a look takes 0.4 * 5 * 150
    assert found.sizes["generalisation_look"] == min(16, found.sizes["time"] - 1)


def test_it_needs_a_test_set_and_two_replicas():
    with pytest.warns(
        RuntimeWarning, match=r"the data have no test set; give data\.test_fraction, or remove the probe"
    ):
        lsgd.simulate(study(data={"name": "iris", "test_fraction": 0}))
    with pytest.raises(lsgd.ConfigError, match="replicas: generalisation has its error from replicas; give 2 or more"):
        lsgd.parse(study(replicas=1))
