"""The `two_time` probe: squared increments of replicas, and what is left of an interruption."""

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.two_time.config import TwoTimeProbe
from langevin_sgd.training.probes.two_time.measure import TwoTime
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments, View


def study(**probe):
    softmax = {"kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum"}
    network = {**softmax, "replicas": 64, "steps": 400, "sample_every": 10, "probes": [{"kind": "two_time", **probe}]}
    return {
        "name": "two_times", "seed": 4, "models": {"network": network}, "checks": ["ageing"],
        "sgd": {"learning_rate": 0.05, "batch_size": 16, "weight_decay": 0.1},
    }  # fmt: skip


def test_from_the_minimum_sgd_follows_the_two_time_law():
    """No tuned number: increments of iris' softmax over the law of its H and C, within 4 standard errors and 10%."""
    tree = lsgd.simulate(study(waiting=[10, 100], separations=[10, 100, 300]))
    found = tree["network"].to_dataset()
    ratio = found["squared_increment"].mean("replica") / found["squared_increment_predicted"]
    error = found["squared_increment"].std("replica", ddof=1) / 8 / found["squared_increment_predicted"]
    assert float(error.max()) < 0.15
    assert (abs(ratio - 1) < 4 * error + 0.1).all()
    assert set(tree["checks"]["verdict"].values.tolist()) <= {"agrees", "inconclusive"}


def test_times_must_be_in_order_and_within_the_training():
    with pytest.raises(ConfigError, match=r"grow from one to the next, got 100, 10; give \[10, 100\]"):
        lsgd.simulate(study(waiting=[100, 10]))
    with pytest.raises(ConfigError, match="reach step 600, but the training ends at 400"):
        lsgd.simulate(study(waiting=[100], separations=[500]))


def test_increments_are_those_between_the_two_times_and_survive_an_interruption(make_network, samples):
    network = make_network(nn.Linear(9, 4))
    instruments = Instruments(network, samples, None, weight_decay=0.0, workers=Workers(1))
    watched = Watched(20, 5, network.size, Sgd(learning_rate=0.1, batch_size=8), 1e-8)
    section = TwoTimeProbe(kind="two_time", waiting=(2, 5), separations=(3, 10))
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(21, 5, network.size)).cumsum(axis=0))
    probe = TwoTime(section, watched)
    assert probe.steps.tolist() == [2, 5, 8, 12, 15]
    for step in probe.steps.tolist():
        if step == 8:  # goes on from what it kept
            kept = {name: value.copy() for name, value in probe.state().items()}
            probe = TwoTime(section, watched)
            probe.restore(kept)
        view = View(step, weights[step], instruments)
        probe.observe(view)
    found = probe.finish(view)
    for row, waiting in enumerate((2, 5)):
        for column, separation in enumerate((3, 10)):
            moved = weights[waiting + separation] - weights[waiting]
            np.testing.assert_allclose(found["squared_increment"][:, row, column], (moved**2).sum(1))
            drift = (moved.mean(0) ** 2).sum() - moved.var(0).sum() / 5
            np.testing.assert_allclose(found["increment_drift_squared"][row, column], drift)


@pytest.mark.parametrize("steps", [8, 9, 40, 5000])
def test_times_that_are_not_given_are_distinct_and_fit(steps):
    watched = Watched(steps, 2, 3, Sgd(learning_rate=0.1, batch_size=8), 1e-8)
    probe = TwoTime(TwoTimeProbe(kind="two_time"), watched)
    assert probe.coords()["waiting_step"].size == probe.coords()["separation_step"].size == 4
    assert probe.steps.max() <= steps
