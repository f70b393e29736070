"""Trainings whose answer is known, in full: planted barriers, and cross-entropy without any. Counts over seeds."""

import collections

import pytest
from made_up_networks import beside_linear_response

import langevin_sgd as lsgd

PLANTED = {
    "architecture": {"kind": "planted_barriers", "hidden": [8], "amplitude": 0.4},
    "loss": "cross_entropy_plus_energy",
}
BARE = {"architecture": {"kind": "mlp", "hidden": [8], "activation": "tanh"}}
PLAIN = {"architecture": {"kind": "mlp", "hidden": [32], "activation": "tanh"}}
SEGMENTS = {"kind": "segments", "looks": 1}
SEEDS = range(1, 21)
JUDGED_SEEDS = range(501, 521)
LIKE_PLANTED = {"batches": [256, 64], "steps": 150, "replicas": 32}


def words(seed: int, batches: list[int], **network) -> list[str]:
    study = beside_linear_response(seed, batches, probes=[SEGMENTS], **network)
    found = lsgd.check(lsgd.simulate(study)).to_dataframe()
    return [title.removeprefix("conclusion: ") for title in found[found.quantity == "conclusion"].quantity_title]


@pytest.mark.validate
def test_planted_barriers_are_called_so_and_without_them_nothing_is():
    """20 seeds, each with lines and a start of its own, 32 replicas, 150 steps: barriers at B = 256 in at least 19, and
    in none of the same trainings without the lines.

    Concluded is at the lower of two temperatures a factor 4 apart. How many lines let replicas down on either side
    grows as the root of T, while linear response grows as T and on some starts, where descent lingers on a hill top,
    far more than all lines give: the colder, the larger is the excess. Hills are four times as steep in energy^2 as by
    default, so that the gradient of the network pushes the start less far from their tops. All of this was chosen on
    the seeds 1 to 25.
    """
    planted, bare = (
        collections.Counter(words(seed, **LIKE_PLANTED, **network)[0] for seed in JUDGED_SEEDS)
        for network in (PLANTED, BARE)
    )
    assert planted["barriers"] >= 19, planted
    assert bare["barriers"] == 0, bare


@pytest.mark.validate
def test_cross_entropy_has_no_barriers():
    """20 seeds, each with a start of its own, 16 replicas, 1,000 steps at B = 16 and 64."""
    said = collections.Counter(
        word for seed in SEEDS for word in words(seed, [16, 64], steps=1000, replicas=16, **PLAIN)
    )
    assert said["barriers"] == 0
    assert said["drift"] >= 38
