"""Modes at rest and modes that diffuse, of synthetic trainings from the minimum, and of small ones."""

import numpy as np
import pytest
import xarray as xr
from made_up_networks import trained

from langevin_sgd.checks.flat_modes.config import FlatModesCheck
from langevin_sgd.checks.flat_modes.rows import flat_modes
from langevin_sgd.checks.verdicts.statistics import Verdict

CHECK = FlatModesCheck(kind="flat_modes", bins=4)
STEPS, NOISE = 4096, 0.01
STEEP, FLAT = 0.05, 1e-6  # curvature x learning rate: 100 relaxation times in half of the steps, and none


def recorded(rates: np.ndarray, rng: np.random.Generator, replicas: int = 32) -> xr.Dataset:
    """Walks x <- (1 - rate) x + noise from 0, one a mode, drawn at half of the steps and at their end."""
    decay = (1.0 - rates) ** (STEPS // 2)
    variance = NOISE * (1.0 - decay**2) / (rates * (2.0 - rates))
    first, second = np.sqrt(variance) * rng.normal(size=(2, replicas, rates.size))
    seen = np.stack([first, decay * first + second], axis=1)
    return xr.Dataset(
        {
            "mode_position": (("replica", "growth", "mode"), seen),
            "mode_growth_free": ("mode", np.full(rates.size, NOISE)),
            "mode_growth_linear": ("mode", variance * decay**2 / (STEPS // 2)),
            "hessian_eigenvalue": ("mode", rates),
            "noisy": ("mode", np.ones(rates.size, dtype=bool)),
        },
        coords={"growth_step": ("growth", [STEPS // 2, STEPS])},
    )


def _rows(rates, seed=0, **changed):
    check = CHECK.model_copy(update=changed)
    return flat_modes(recorded(np.asarray(rates, dtype=float), np.random.default_rng(seed)), "net", check)


def test_diffusing_modes_are_told_from_those_at_rest():
    rates = np.r_[np.full(12, STEEP), np.full(12, FLAT)] * np.linspace(0.9, 1.1, 24)
    rows = _rows(rates, modes=12)
    assert rows[0].verdict is Verdict.DISAGREES
    assert "of 24 modes with noise 12 stationary" in rows[0].reason
    assert rows[0].eigenvalue_high == pytest.approx(rates.max())
    laws = [row for row in rows if row.role == "law"]
    assert [row.verdict for row in laws[1:]] == [Verdict.AGREES, Verdict.DISAGREES]  # sharpest first
    beside = {(row.law, row.eigenvalue_high < 1e-3): row for row in rows if row.quantity in {r.quantity for r in laws}}
    free = beside["free diffusion", True]
    assert abs(free.ratio) < 4 * free.standard_error
    assert free.measured == pytest.approx(free.predicted + free.ratio)
    assert beside["free diffusion", False].verdict is Verdict.DISAGREES
    assert beside["linear process", False].verdict is Verdict.AGREES
    alone = [row for row in rows if row.quantity_title.startswith("mode ")]
    assert len(alone) == 12
    assert sum("still diffusing" in row.reason for row in alone) >= 9
    assert not any(row.verdict is Verdict.AGREES for row in alone)


def test_all_at_rest_agree_and_few_replicas_tell_nothing():
    rows = _rows(np.full(20, STEEP))
    assert rows[0].verdict is Verdict.AGREES
    few = flat_modes(recorded(np.full(5, STEEP), np.random.default_rng(0), replicas=2), "net", CHECK)
    assert few[0].verdict is Verdict.INCONCLUSIVE
    concave = recorded(np.full(5, STEEP), np.random.default_rng(0)).assign(hessian_eigenvalue=("mode", -np.ones(5)))
    assert flat_modes(concave, "net", CHECK)[0].verdict is Verdict.INCONCLUSIVE


@pytest.mark.usefixtures("own_modules")
def test_a_training_diffuses_where_epochs_do_not():
    """Softmax over a few epochs: modes that nothing holds back yet, unless noise cancels."""
    rows = {}
    for sampling in ("with_replacement", "epoch"):
        found = trained(
            sgd={"sampling": sampling, "learning_rate": 0.01},
            start="minimum", replicas=64, steps=256, probes=("mode_growth",),
        )  # fmt: skip
        rows[sampling] = flat_modes(found, "net", CHECK)
    assert rows["with_replacement"][0].verdict is Verdict.DISAGREES
    assert rows["epoch"][0].measured < 0.3 * rows["with_replacement"][0].measured
    for found in rows.values():
        linear = [row for row in found if row.law == "linear process"]
        assert len(linear) > 1
        for row in linear:
            assert abs(row.ratio) < 4.5 * row.standard_error


@pytest.mark.validate
def test_false_alarms():
    """Of 400 trainings with all 40 modes at rest at most 5% are told to diffuse, of single modes at most 5% too.

    Of 400 in which one mode in four diffuses none is told to be at rest, and no such mode is in more than 1%.
    """
    at_rest, mixed = [], []
    for seed in range(400):
        at_rest.append(_rows(np.geomspace(0.005, 0.1, 40), seed, modes=40))
        mixed.append(_rows(np.r_[np.geomspace(0.005, 0.1, 30), np.geomspace(1e-7, 1e-6, 10)], seed, modes=10))
    whole = [rows[0].verdict for rows in at_rest]
    assert whole.count(Verdict.DISAGREES) <= 0.05 * 400
    alone = [row.verdict for rows in at_rest for row in rows if row.quantity_title.startswith("mode ")]
    assert len(alone) == 16_000
    assert alone.count(Verdict.DISAGREES) <= 0.05 * len(alone)
    assert all(rows[0].verdict is Verdict.DISAGREES for rows in mixed)
    walking = [row.verdict for rows in mixed for row in rows if row.quantity_title.startswith("mode ")]
    assert len(walking) == 4000
    assert walking.count(Verdict.AGREES) <= 0.01 * len(walking)
    assert walking.count(Verdict.DISAGREES) >= 0.5 * len(walking)


@pytest.mark.validate
@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_flat_modes_of_digits(sampling):
    """Softmax with decay 0.001, 64 replicas of 4,096 steps: the flattest 414 modes diffuse, in epochs all rest."""
    found = trained(
        data={"name": "digits"}, sgd={"batch_size": 16, "weight_decay": 0.001, "sampling": sampling}, start="minimum",
        replicas=64, steps=4096, record_times=3, probes=("mode_growth",),
    )  # fmt: skip
    rows = flat_modes(found, "net", CHECK)
    assert rows[0].verdict is (Verdict.AGREES if sampling == "epoch" else Verdict.DISAGREES)
    linear = [row for row in rows if row.law == "linear process"]
    assert len(linear) == 4
    for row in linear:  # in epochs what the linear process leaves out shows, at a thousandth of free growth
        assert abs(row.ratio) < 4 * row.standard_error + 0.003
