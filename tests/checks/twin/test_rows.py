"""Network over twin: verdicts at their rates, planted errors seen, and the rule of the conclusion."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.twin.compared import Compared, compared
from langevin_sgd.checks.twin.conclusion import Twin, concluded
from langevin_sgd.checks.twin.config import TwinCheck
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Verdict
from langevin_sgd.checks.verdicts.two_ensembles import MeanOverReplicas

CHECK = TwinCheck(kind="twin")
K = np.geomspace(1.0, 0.03, 12)
REPLICAS, EFFECTIVE, SAMPLES = 64, 40, 40
VARIANCE = 0.02 / (2 - 0.3 * K)


def window(seed: int, factor: float = 1.0, *, shift: float = 0.0) -> xr.Dataset:
    """Moments of independent Gaussian samples, with variances that are `factor` times those of the law."""
    rng = np.random.default_rng(seed)
    x = shift + np.sqrt(factor * VARIANCE) * rng.normal(size=(REPLICAS, EFFECTIVE, K.size))
    return xr.Dataset(
        {
            "mode_moment_1": (("replica", "mode"), x.mean(axis=1)),
            "mode_moment_2": (("replica", "mode"), (x**2).mean(axis=1)),
            "stationary_energy": (("replica", "sample"), 0.5 * (x**2 @ K)),
            "hessian_eigenvalue": ("mode", K),
            "noisy": ("mode", np.ones(K.size, dtype=bool)),
            "mode_variance_law": (("law", "mode"), VARIANCE[None]),
            "energy_law_weight": (("law", "mode"), 0.5 * K[None] * VARIANCE),
            "transient_deficit": 0.0,
        },
        coords={"law": ["twin"]},
        attrs={"law": "twin"},
    )


def verdicts(network: xr.Dataset, twin: xr.Dataset) -> dict[str, Verdict]:
    rows = compared(network, twin, CHECK)
    return {row.quantity.name: Verdict.INCONCLUSIVE if row.fault else row.assessed.verdict for row in rows}


def test_what_agrees_is_seldom_told_to_disagree():
    """60 pairs of equal processes. A row whose truth is 1 has its interval beyond 5% with probability next to 0: none
    of 420 rows disagrees. Of a truth on the edge of the tolerance 2.5% may: 60 x 3 totals, at most 12 (99.9%)."""
    equal = [verdicts(window(2 * seed), window(2 * seed + 1)) for seed in range(60)]
    assert sum(verdict is Verdict.DISAGREES for found in equal for verdict in found.values()) == 0
    assert sum(found["total_variance"] is Verdict.AGREES for found in equal) > 50
    edge = [verdicts(window(2 * seed, 1.05), window(2 * seed + 1)) for seed in range(60)]
    totals = [found[name] for found in edge for name in ("total_variance", "energy", "squared_distance")]
    assert sum(verdict is Verdict.DISAGREES for verdict in totals) <= 12


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.2])  # T in the place of theta, theta in that of T, and a little
def test_planted_noise_is_seen(factor):
    for seed in range(5):
        found = verdicts(window(2 * seed, factor), window(2 * seed + 1))
        assert {found[name] for name in ("total_variance", "energy", "squared_distance")} == {Verdict.DISAGREES}


def test_a_shift_is_in_the_distance_alone():
    found = verdicts(window(0, shift=0.05), window(1))
    assert found["squared_distance"] is Verdict.DISAGREES
    assert found["total_variance"] is Verdict.AGREES


def record(seed: int, *, steps=(0, 1, 10, 100, 1000), moved: float = 1.0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (REPLICAS, len(steps))
    away = moved * np.log1p(steps)
    return xr.Dataset(
        {
            "train_loss": (("replica", "time"), 1.0 / (1.0 + away) + 0.004 * rng.normal(size=shape)),
            "squared_displacement": (("replica", "time"), away * (1.0 + 0.05 * rng.normal(size=shape))),
            "spread": ("time", 0.1 * away),
            "spread_stderr": ("time", 0.002 * away),
        },
        coords={"step": ("time", np.array(steps)), "time": 0.1 * np.array(steps)},
    )


def test_away_from_a_minimum_times_that_both_have_are_compared():
    found = verdicts(record(0), record(1, steps=(0, 1, 5, 10, 100, 300, 1000)))
    steps = {int(name.split("[")[1][:-1]) for name in found}
    assert steps == {10, 100, 1000}
    assert set(found.values()) == {Verdict.AGREES}
    thinner = record(1)
    thinner["train_loss"][:, 3] = np.nan  # as where fewer times are evaluated
    assert {int(name.split("[")[1][:-1]) for name in verdicts(record(0), thinner)} == {10, 1000}
    faster = verdicts(record(0, moved=1.3), record(1))
    assert faster["squared_displacement[1000]"] is faster["spread[100]"] is Verdict.DISAGREES


A, D, U = Verdict.AGREES, Verdict.DISAGREES, Verdict.INCONCLUSIVE


def twin(fraction: float, *verdicts: Verdict, ratio: float = 1.2, noise: str = "per_sample") -> Twin:
    nothing = MeanOverReplicas(1.0, 0.1, 9)
    rows = [
        Compared(
            Quantity(f"q{place}"), nothing, nothing, Assessment(ratio, 0.1, 1.0, 1.0, verdict, 0.5, ""), 0.1, 0.05,
            np.empty(0),
        )
        for place, verdict in enumerate(verdicts)
    ]  # fmt: skip
    return Twin(f"twin_{fraction:g}", noise, fraction, rows)


@pytest.mark.parametrize(
    ("twins", "verdict", "title"),
    [
        ([twin(0.25, A, A), twin(1.0, D, D)], A, "SGD follows it"),
        ([twin(1.0, D, D), twin(0.25, A, U)], U, "not decided"),
        ([twin(0.25, D, A)], D, "step or noise"),
        ([twin(1.0, D, A)], D, "shape of the noise"),
        ([twin(0.25, D, D), twin(1.0, A, A)], D, "the step"),
        ([twin(0.25, D, A), twin(1.0, A, D)], D, "the step"),
        ([twin(0.25, D, D), twin(1.0, A, D)], D, "step or noise"),
        ([twin(0.25, D, D), twin(1.0, U, D)], D, "step or noise"),
        ([twin(0.25, D, D, ratio=1.2), twin(1.0, D, D, ratio=1.19)], D, "shape of the noise"),
        ([twin(0.25, D, D, ratio=1.5), twin(1.0, D, D, ratio=1.1)], D, "step and shape of the noise"),
        ([twin(0.25, A, A), twin(0.125, D, D, noise="svag")], A, "SGD follows it"),
    ],
)
def test_the_conclusion_follows_its_rule(twins, verdict, title):
    found = concluded(twins)
    assert (found.verdict, found.title) == (verdict, title)
    assert found.of.noise == "per_sample"
    assert found.of.fraction == min(each.fraction for each in twins if each.noise == "per_sample")


def test_without_the_noise_of_the_equation_nothing_is_concluded():
    assert concluded([twin(0.25, D, noise="frozen"), twin(1.0, A, noise="svag")]) is None


def test_of_epochs_it_is_their_noise_that_is_told():
    found = concluded([twin(0.25, D, D), twin(1.0, D, D)], epochs=True)
    assert found.title == "noise of epochs"
    assert "drawn afresh" in found.reason
    assert concluded([twin(0.25, D, D), twin(1.0, A, A)], epochs=True).title == "the step"


def test_it_says_how_far_minibatches_go_in_the_steps_of_the_equation():
    svag = [twin(fraction, D, D, ratio=ratio, noise="svag") for fraction, ratio in ((0.5, 1.1), (0.25, 1.44**0.5))]
    found = concluded([twin(0.25, D, D, ratio=1.44), twin(1.0, A, A), *svag])
    assert "(twin_0.25) go 50% of the way there" in found.reason
    assert "of the way" not in concluded([twin(0.25, D, D), twin(1.0, A, A), svag[0]]).reason
