"""Rows of aging: the law itself agrees, an exponent for a fraction does not, censored boxes give no verdict."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.aging import aging_rows
from langevin_sgd.estimators.logarithmic_law import LogarithmicFit, fit_logarithmic_law, select_window
from langevin_sgd.theory import logarithmic_diffusion as theory

WAITS, RATIOS, DISORDERS, SHIFT = np.array([14.0, 40.0]), np.array([1.25, 2.0]), 6400, -2.0


def dataset(probability: np.ndarray, *, censored: float = 0.0) -> xr.Dataset:
    """Disorders that stayed or not, drawn with the given probabilities (waiting_time, ratio)."""
    rng = np.random.default_rng(11)
    stayed = rng.random((DISORDERS, 2, 2)) < probability
    lost = np.zeros((DISORDERS, 2, 2), bool)
    lost[: int(censored * DISORDERS)] = True
    return xr.Dataset(
        {
            "return_probability": (("waiting_time", "ratio"), stayed.mean(0)),
            "return_probability_stderr": (("waiting_time", "ratio"), stayed.std(0, ddof=1) / DISORDERS**0.5),
            "two_time_censored": (("disorder", "waiting_time", "ratio"), lost),
            "return_distance": 0.1,
        },
        coords={"ln_waiting_time": ("waiting_time", WAITS), "ratio": RATIOS},
    )


@pytest.fixture(scope="module")
def fit() -> LogarithmicFit:
    """Of displacements that follow (61/45) (ln t + c)^4 with c = -2."""
    ln_time = np.linspace(5.0, 40.0, 36)
    rng = np.random.default_rng(3)
    xi = theory.quantile(rng.random(2000) * 0.999 + 0.0005)
    squares = (ln_time + SHIFT) ** 4 * xi[:, None] ** 2
    return fit_logarithmic_law(select_window(ln_time, squares, ln_time_min=10.0), seed=1, exponent=4.0, resamples=49)


def law() -> np.ndarray:
    return theory.aging_probability(theory.shifted_ratio(RATIOS, WAITS[:, None], SHIFT))


def test_the_law_agrees_and_its_rows_count_at_the_longest_waiting_time(fit: LogarithmicFit) -> None:
    rows = aging_rows(dataset(law()), fit, model="m", bound=0.03, confidence=0.95)
    counted = [row for row in rows if row.role == "law"]
    assert [row.quantity for row in counted] == [f"return_probability[h={h:g}, ln t_w=40]" for h in RATIOS]
    assert {row.verdict for row in counted} == {"agrees"}
    assert {row.law for row in rows} == {"aging", "aging, no shift"}


def test_a_wrong_law_disagrees(fit: LogarithmicFit) -> None:
    """h^-2 alone, without the bracket, is off by 0.06 and 0.11."""
    wrong = np.broadcast_to(RATIOS**-2.0, (2, 2))
    rows = aging_rows(dataset(wrong), fit, model="m", bound=0.03, confidence=0.95)
    assert {row.verdict for row in rows if row.role == "law"} == {"disagrees"}


def test_censored_disorders_give_no_verdict(fit: LogarithmicFit) -> None:
    rows = aging_rows(dataset(law(), censored=0.02), fit, model="m", bound=0.03, confidence=0.95)
    assert {row.verdict for row in rows} == {"inconclusive"}
    assert all("2.00% of the disorders reached the ends" in row.reason for row in rows)


def test_a_share_of_nobody_has_the_error_of_one_disorder():
    """Nobody of 40 disorders returned: the scatter is 0, and no interval may be a point."""
    shape = {"disorder": 40, "waiting_time": 1, "ratio": 1}
    dataset = xr.Dataset(
        {
            "return_probability": (("waiting_time", "ratio"), [[0.0]]),
            "return_probability_stderr": (("waiting_time", "ratio"), [[0.0]]),
            "two_time_censored": (tuple(shape), np.zeros(tuple(shape.values()), dtype=bool)),
            "return_distance": 0.1,
        },
        coords={"ln_waiting_time": ("waiting_time", [5.0]), "ratio": ("ratio", [2.0])},
    )
    fit = SimpleNamespace(shift=1.0)
    for row in aging_rows(dataset, fit, model="walk", bound=0.03, confidence=0.95):
        assert row.standard_error == 1 / 40
        assert row.ratio_high - row.ratio_low > 0.09
