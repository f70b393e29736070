"""Whether weights stand still: what is told of synthetic trainings that do, and that do not."""

import numpy as np
import pytest
import xarray as xr
from made_up_networks import SGD

import langevin_sgd as lsgd
from langevin_sgd.checks.stationarity.config import StationarityCheck
from langevin_sgd.checks.stationarity.rows import remark, stationarity
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.theory.norm_balance import norm_balance

CRITERIA = {"model": "net", "tolerance": 0.02, "windows": 2, "confidence": 0.95}


def recorded(balance: np.ndarray, total: np.ndarray | None = None) -> xr.Dataset:
    """What the probe leaves of Y (replica, layer, window)."""
    ends = 1024 << np.arange(balance.shape[2] + 1)
    return xr.Dataset(
        {
            "norm_balance": (("replica", "layer", "window"), balance),
            "norm_balance_total": (("replica", "window"), balance.mean(1) if total is None else total),
        },
        coords={
            "layer": [f"layer{n}" for n in range(balance.shape[1])],
            "window_first": ("window", ends[:-1]),
            "window_last": ("window", ends[1:]),
        },
    )


def _around(means: list[list[float]], spread: float = 0.01, replicas: int = 16) -> np.ndarray:
    """Y of layers (rows) and windows (columns) about these means."""
    return np.array(means) + spread * np.random.default_rng(0).normal(size=(replicas, *np.shape(means)))


def _whole(balance, **changed):
    rows = stationarity(recorded(balance), **(CRITERIA | changed))
    assert rows[0].quantity == "stationarity"
    return rows[0], rows


def test_every_layer_in_two_windows_must_rest():
    row, rows = _whole(_around([[0.5, 1.0, 1.0], [1.0, 1.0, 0.995]]))
    assert row.verdict is Verdict.AGREES
    assert "not sufficient" in row.reason
    assert [each.role for each in rows] == ["law"] * 5 + ["contrast"] * 2
    assert rows[1].about == {"layer": "layer0", "first": 2048, "last": 4096}
    assert _whole(_around([[0.5, 1.0, 1.0], [1.0, 1.0, 1.0]]), windows=3)[0].verdict is Verdict.DISAGREES
    assert _whole(_around([[0.5, 1.0, 1.0], [1.0, 1.0, 1.0]]), windows=4)[0].verdict is Verdict.INCONCLUSIVE


def test_a_layer_that_moves_is_told_though_the_sum_rests():
    row, rows = _whole(_around([[1.05, 1.06], [0.95, 0.94], [1.0, 1.0]]))
    assert row.verdict is Verdict.DISAGREES
    assert row.p_value < 1e-6
    assert "layer1 in steps 2048 to 4096" in row.reason or "layer0 in steps 2048 to 4096" in row.reason
    totals = [each for each in rows if each.role == "contrast"]
    assert [each.verdict for each in totals] == [Verdict.AGREES] * 2


def test_few_replicas_and_wide_intervals_are_inconclusive():
    assert _whole(_around([[1.0, 1.0]], spread=0.2))[0].verdict is Verdict.INCONCLUSIVE
    assert _whole(_around([[1.0, 1.0]], replicas=2))[0].verdict is Verdict.INCONCLUSIVE
    unread = np.full((8, 1, 2), np.nan)
    assert _whole(unread)[0].verdict is Verdict.INCONCLUSIVE


@pytest.mark.usefixtures("own_modules")
def test_other_checks_cite_it():
    """Every row of another check says whether the weights rest; a training of a few steps does not tell."""
    study = {
        "name": "cited", "seed": 1, "sgd": SGD,
        "models": {
            "network": {
                "kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"},
                "start": "minimum", "replicas": 6, "steps": 256, "record_times": 4,
                "probes": [{"kind": "stationarity", "windows": 2}],
            }
        },
        "checks": ["equilibrium", "stationarity"],
    }  # fmt: skip
    tree = lsgd.simulate(study)
    table = lsgd.check(tree)
    own = [name.startswith(("stationarity", "norm_balance")) for name in table["quantity"].values.tolist()]
    reasons = table["reason"].values.tolist()
    assert len(own) > sum(own) > 0
    told = remark(tree["network"].to_dataset(), StationarityCheck(kind="stationarity"))
    assert "stands still" in told or "not stationary" in told
    assert [told in reason for reason in reasons] == [not each for each in own]
    without = lsgd.check(tree, study | {"checks": ["equilibrium"]})
    assert not any(told in reason for reason in without["reason"].values.tolist())


@pytest.mark.validate
@pytest.mark.parametrize("mu", [0.0, 0.9])
def test_false_alarms_and_planted_drifts(mu):
    """200 trainings of 16 replicas and three layers in a quadratic valley, stationary from their first step.

    No more than 5% may be told to move (by the tolerance it is fewer), none of those that grow by 5% of the noise's
    own may pass, and 95% of them are seen.
    """
    rng, (trials, replicas, layers, size) = np.random.default_rng(1), (200, 16, 3, 4)
    eta, k, ends = 0.1 * (1.0 - mu), 0.5, [0, 1024, 3072]
    shape = (trials, replicas, layers, size)
    w = np.sqrt(eta / (k * (1.0 - mu) * (2.0 - eta * k / (1.0 + mu)))) * rng.normal(size=shape)
    m, squares, seen = np.zeros(shape), np.zeros(shape[:3]), []
    for step in range(-200, ends[-1] + 1):
        if step in ends:
            seen.append([(w**2).sum(-1), (w * m).sum(-1), squares.copy()])
        m = mu * m + k * w + rng.normal(size=shape)
        w -= eta * m
        squares += (m**2).sum(-1)
    norm, velocity, summed = np.moveaxis(np.diff(np.array(seen), axis=0), (0, 1), (-1, 0))
    balance = norm_balance(norm, velocity, summed, eta, mu)
    drifting = balance.copy()
    drifting[:, :, 0, 1] -= 0.05
    found = [[_whole(each)[0].verdict for each in which] for which in (balance, drifting)]
    assert found[0].count(Verdict.DISAGREES) <= 0.05 * trials
    assert found[0].count(Verdict.AGREES) >= 0.9 * trials
    assert found[1].count(Verdict.AGREES) == 0
    assert found[1].count(Verdict.DISAGREES) >= 0.95 * trials
