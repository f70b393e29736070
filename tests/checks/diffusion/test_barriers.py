"""Trainings whose answer is known, in full: planted barriers, and cross-entropy without any. Counts over seeds."""

import collections

import pytest
from made_up_networks import beside_linear_response

import langevin_sgd as lsgd

PLANTED = {"architecture": {"kind": "planted_barriers", "hidden": [8]}, "loss": "cross_entropy_plus_energy"}
PLAIN = {"architecture": {"kind": "mlp", "hidden": [32], "activation": "tanh"}}
SEGMENTS = {"kind": "segments", "looks": 1}
SEEDS = range(1, 21)
PLANTED_SEEDS = range(401, 421)


def words(seed: int, batches: list[int], **network) -> list[str]:
    study = beside_linear_response(seed, batches, probes=[SEGMENTS], **network)
    found = lsgd.check(lsgd.simulate(study)).to_dataframe()
    return [title.removeprefix("conclusion: ") for title in found[found.quantity == "conclusion"].quantity_title]


@pytest.mark.validate
@pytest.mark.xfail(
    strict=False, reason="barriers in 7 of the first 10 seeds; 401 and 408 are inconclusive, 407 is anharmonic"
)
def test_planted_barriers_are_called_so():
    """20 seeds, 24 replicas, 150 steps: barriers at B = 32 in at least 19.

    Temperatures a factor 4 apart. Where the excess is small, how it goes with T is too uncertain to tell, and such a
    seed is inconclusive.
    """
    found = [words(seed, [32, 128], steps=150, replicas=24, **PLANTED)[0] for seed in PLANTED_SEEDS]
    assert collections.Counter(found)["barriers"] >= 19


@pytest.mark.validate
def test_cross_entropy_has_no_barriers():
    """20 seeds, each with a start of its own, 16 replicas, 1,000 steps at B = 16 and 64."""
    said = collections.Counter(
        word for seed in SEEDS for word in words(seed, [16, 64], steps=1000, replicas=16, **PLAIN)
    )
    assert said["barriers"] == 0
    assert said["drift"] >= 38
