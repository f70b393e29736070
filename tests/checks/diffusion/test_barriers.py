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
JUDGED_SEEDS = range(901, 921)
LIKE_PLANTED = {"batches": [256, 32], "steps": 150, "replicas": 96}


def words(seed: int, batches: list[int], **network) -> list[str]:
    study = beside_linear_response(seed, batches, probes=[SEGMENTS], **network)
    found = lsgd.check(lsgd.simulate(study)).to_dataframe()
    return [title.removeprefix("conclusion: ") for title in found[found.quantity == "conclusion"].quantity_title]


@pytest.mark.validate
def test_planted_barriers_are_called_so():
    """20 seeds, each with lines and a start of its own, 96 replicas, 150 steps: barriers at B = 256 in at least 19.

    Concluded is at the lower of two temperatures a factor 8 apart. The start is 0.0012 beside a hill top of the whole
    loss along each of the 48 lines; noise reaches 0.0006 at B = 256 and 0.0018 at 32, so that many lines let replicas
    down on either side at both. With 48 replicas 18 of the seeds 801 to 820 were barriers. In 801 and 811 the exponent
    of the excess was known too badly, -0.02 (-0.4 to 0.6) and 0.32 (0.09 to 0.7): hence twice as many. One of the
    seeds here is still inconclusive, 919 with 0.39 (0.21 to 0.65).

    Nearer to the tops, at 0.0007, the exponent is lower, and 17 of the seeds 701 to 720 are barriers. There descent
    lingers on some tops, and in 707 and 717 linear response is as large as all lines give; not so at 0.0012.
    """
    found = collections.Counter(words(seed, **LIKE_PLANTED, **PLANTED)[0] for seed in JUDGED_SEEDS)
    assert found["barriers"] >= 19, found


@pytest.mark.validate
def test_the_same_trainings_without_the_lines_have_none():
    """The 20 seeds of the planted barriers: drift in all of them at B = 256."""
    found = collections.Counter(words(seed, **LIKE_PLANTED, **BARE)[0] for seed in JUDGED_SEEDS)
    assert found["barriers"] == 0, found
    assert found["drift"] >= 19, found


@pytest.mark.validate
def test_cross_entropy_has_no_barriers():
    """20 seeds, each with a start of its own, 16 replicas, 1,000 steps at B = 16 and 64."""
    said = collections.Counter(
        word for seed in SEEDS for word in words(seed, [16, 64], steps=1000, replicas=16, **PLAIN)
    )
    assert said["barriers"] == 0
    assert said["drift"] >= 38
