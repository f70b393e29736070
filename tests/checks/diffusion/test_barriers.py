"""Trainings whose answer is known, in full: planted barriers, and cross-entropy without any. Counts over seeds."""

import collections

import numpy as np
import pytest

import langevin_sgd as lsgd

PLANTED = {"architecture": {"kind": "planted_barriers", "hidden": [32]}, "loss": "cross_entropy_plus_energy"}
PLAIN = {"architecture": {"kind": "mlp", "hidden": [32], "activation": "tanh"}}
SEEDS = range(1, 21)


def table(seed: int, batches: list[int], *, steps: int, replicas: int, looks: int = 3, **network):
    probes = [{"kind": "tangent", "looks": looks}, {"kind": "segments", "looks": 1}]
    model = {
        "kind": "network", "data": {"name": "digits"}, "replicas": replicas, "steps": steps, "record_times": 12,
        "probes": probes, **network,
    }  # fmt: skip
    study = {
        "name": "one", "seed": seed, "sgd": {"learning_rate": 0.1, "batch_size": batches[0]},
        "models": {"network": model}, "checks": ["diffusion"], "scan": {"sgd.batch_size": batches},
    }  # fmt: skip
    return lsgd.check(lsgd.simulate(study)).to_dataframe()


def words(found) -> list[str]:
    concluded = found[found.quantity == "conclusion"]
    return [title.removeprefix("conclusion: ") for title in concluded.quantity_title]


@pytest.mark.validate
def test_planted_barriers_are_called_so():
    """20 seeds, 32 replicas, 300 steps at B = 16 and 32: barriers at B = 16 in at least 19."""
    found = [words(table(seed, [16, 32], steps=300, replicas=32, **PLANTED)) for seed in SEEDS]
    assert collections.Counter(at[0] for at in found)["barriers"] >= 19


@pytest.mark.validate
def test_cross_entropy_is_drift_and_its_rows_do_not_disagree():
    """20 seeds, each with a start of its own, 16 replicas, 1,000 steps at B = 16 and 64: barriers in none, and at most
    one law row in fifty disagrees."""
    rows, said = [], collections.Counter()
    for seed in SEEDS:
        found = table(seed, [16, 64], steps=1000, replicas=16, **PLAIN)
        said.update(words(found))
        rows.append(found[found.role == "law"])
    verdicts = np.concatenate([each.verdict.to_numpy() for each in rows])
    assert said["barriers"] == 0
    assert said["drift"] >= 38
    assert (verdicts == "disagrees").mean() <= 0.02
    assert (verdicts == "agrees").mean() >= 0.6
