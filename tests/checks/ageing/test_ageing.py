"""Displacements between two times: the law from the minimum on exact processes, planted errors, and drift."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.ageing.rows import ageing
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.theory import response

ETA, BATCH, REPLICAS = 0.1, 16, 64
WAITING, SEPARATIONS = np.array([100, 1000, 5000]), np.array([100, 1000])
K = np.geomspace(1e-3, 0.03, 60)
C = 0.3 * K
STEP = response.heavy_ball(ETA, 0.0)
CRITERIA = {"model": "network", "tolerance": 0.1, "most_drift": 0.5, "confidence": 0.95}


def law(k=K, c=C, waiting=WAITING, separations=SEPARATIONS, step=STEP):
    states = response.states_from_minimum(step, k, waiting)
    return response.increment_variance(step, k, states, separations) @ c / BATCH


def drawn(seed: int, *, drift: float = 0.0) -> xr.Dataset:
    """A chain of exact jumps from the minimum, with a drift that all replicas have in common."""
    rng = np.random.default_rng(seed)
    found = np.empty((REPLICAS, WAITING.size, SEPARATIONS.size))
    pooled = np.empty((4, WAITING.size, SEPARATIONS.size))
    for row, waiting in enumerate(WAITING):
        begun = rng.normal(size=(REPLICAS, K.size)) * np.sqrt(
            response.accumulated_variance(STEP, K, np.array([waiting])) * C / BATCH
        )
        for column, steps in enumerate(SEPARATIONS):
            kept = (1.0 - ETA * K) ** steps
            noise = np.sqrt(response.accumulated_variance(STEP, K, np.array([steps])) * C / BATCH)
            moved = (kept - 1.0) * begun + noise * rng.normal(size=begun.shape) + drift / np.sqrt(waiting)
            found[:, row, column] = (moved**2).sum(axis=1)
            spread = moved.var(axis=0, ddof=1).sum()
            mean = (moved.mean(axis=0) ** 2).sum() - spread / REPLICAS
            pooled[:, row, column] = (
                mean,
                2 * np.sqrt(max(mean, spread) * spread / REPLICAS / K.size),
                spread,
                spread / 30,
            )
    pair = ("waiting", "separation")
    names = ("drift_squared", "drift_squared_stderr", "spread", "spread_stderr")
    return xr.Dataset(
        {
            "squared_increment": (("replica", *pair), found),
            **{f"increment_{name}": (pair, each) for name, each in zip(names, pooled, strict=True)},
        },
        coords={"waiting_step": ("waiting", WAITING), "separation_step": ("separation", SEPARATIONS)},
        attrs={"law": "discrete"},
    )


def against(dataset: xr.Dataset, predicted: np.ndarray) -> list:
    told = dataset.assign(squared_increment_predicted=(("waiting", "separation"), predicted))
    return [row for row in ageing(told, **CRITERIA) if row.role == "law"]


def test_an_exact_process_is_rarely_told_off_and_its_errors_are_right():
    """No verdict against the law in 300 rows, and 1 in 20 intervals misses 1: 2% to 9%, 4 s.e. of 50 runs."""
    rows = [row for seed in range(50) for row in against(drawn(seed), law())]
    assert len(rows) == 50 * WAITING.size * SEPARATIONS.size
    assert {row.verdict for row in rows} <= {Verdict.AGREES, Verdict.INCONCLUSIVE}
    missed = np.mean([not row.ratio_low <= 1.0 <= row.ratio_high for row in rows])
    assert 0.02 < missed < 0.09


@pytest.mark.parametrize(
    ("wrong", "told_off"),
    [
        (law(c=C / 2), {(w, n) for w in range(3) for n in range(2)}),  # T for theta
        (law(separations=np.maximum((SEPARATIONS * ETA).astype(int), 1)), {(w, n) for w in range(3) for n in range(2)}),
        (np.broadcast_to(law()[-1], law().shape), {(0, 1)}),  # the stationary law: wrong where it still ages
    ],
    ids=["T for theta", "time for steps", "no ageing"],
)
def test_planted_errors_are_seen(wrong, told_off):
    rows = against(drawn(3), wrong)
    found = {divmod(place, SEPARATIONS.size) for place, row in enumerate(rows) if row.verdict is Verdict.DISAGREES}
    assert found >= told_off
    assert not any(row.verdict is Verdict.DISAGREES for row in against(drawn(3), law()))


def test_without_a_law_the_share_of_common_drift_says_that_it_is_no_ageing():
    rows = ageing(drawn(1, drift=3.0), **CRITERIA)
    assert {row.role for row in rows} == {"contrast"}
    shares = {row.quantity: row for row in rows if row.quantity.startswith("common_drift")}
    first = shares["common_drift[100,100]"]
    assert first.measured > 0.9
    assert first.verdict is Verdict.DISAGREES
    assert all(row.verdict is Verdict.AGREES for row in ageing(drawn(1), **CRITERIA) if row.quantity in shares)


def test_dependence_on_the_waiting_time_is_that_of_the_law():
    rows = {row.quantity: row for row in ageing(drawn(2), **CRITERIA)}
    row = rows["dependence_on_waiting[1000]"]
    expected = law()[0, 1] / law()[-1, 1]
    assert expected < 0.9
    assert abs(row.ratio - expected) < 4 * row.standard_error
