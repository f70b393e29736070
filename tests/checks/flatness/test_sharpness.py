"""The flatness check on made-up sharpness of known law: it agrees with the truth and finds planted errors."""

import math

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.flatness.sharpness import COLLAPSE, MONOTONIC, flatness
from langevin_sgd.checks.flatness.structures import fit, groups, independent_snapshots, structure_rows

ETA = np.array([0.05, 0.1, 0.2, 0.4])
BATCH = np.array([16, 32, 64])


def _scanned(*, fall: float = 0.1, by_step: float = 0.0, replicas: int = 12, scatter: float = 0.02) -> xr.Dataset:
    """ln S = start of the replica - fall ln(eta/B) + by_step ln eta + noise."""
    rng = np.random.default_rng(5)
    eta, batch = ETA[:, None, None], BATCH[:, None]
    shape = (len(ETA), len(BATCH), replicas)
    starts = 0.5 * rng.normal(size=replicas)
    dims = ("learning_rate", "batch_size", "replica")

    def measured() -> tuple:
        noise = scatter * rng.normal(size=shape)
        return dims, np.exp(starts - fall * np.log(eta / batch) + by_step * np.log(eta) + noise)

    accuracy = 0.9 + 0.002 * rng.normal(size=(*shape, 1))
    values = {f"sharpness_{name}": measured() for name in ("top", "trace", "invariant")}
    values["test_accuracy"] = ((*dims, "time"), accuracy)
    return xr.Dataset(values, coords={"learning_rate": ETA, "batch_size": BATCH})


def _rows(dataset: xr.Dataset) -> dict[tuple[str, str], list]:
    found: dict[tuple[str, str], list] = {}
    for row in flatness(dataset, model="network"):
        found.setdefault((row.quantity, row.law), []).append(row)
    return found


def test_collapse_and_fall_of_a_law_in_eta_over_b_alone_are_found():
    rows = _rows(_scanned())
    collapse = rows["sharpness_trace", COLLAPSE]
    assert [row.point for row in collapse] == ["eta/B=0.001563", "eta/B=0.003125", "eta/B=0.00625", "eta/B=0.0125"]
    assert {row.verdict for row in collapse} == {"agrees"}
    (fall,) = rows["sharpness_trace_fall", MONOTONIC]
    assert fall.verdict == "agrees"
    # the reason has the numbers of the row
    assert fall.reason.startswith(
        f"p of a fall as (eta/B)^-p {fall.measured:.4g}, 95% interval {fall.ratio_low:.4g} to "
    )
    assert "inside the bound 0; power 80% to see a truth below -0.0" in fall.reason
    assert abs(fall.measured - 0.1) < 4 * fall.standard_error
    # starts differ by 50%, and replicas are compared with themselves
    assert fall.ratio_high - fall.ratio_low < 0.02
    assert {row.role for row in rows["test_accuracy", COLLAPSE]} == {"contrast"}
    assert {row.verdict for row in rows["test_accuracy", COLLAPSE]} == {"agrees"}


def test_a_dependence_on_the_step_alone_breaks_the_collapse():
    rows = _rows(_scanned(by_step=0.2))
    assert rows["sharpness_trace", COLLAPSE][0].verdict == "disagrees"  # a factor 2 in eta: 2^0.2 = 1.15
    assert rows["sharpness_trace", COLLAPSE][1].ratio > 1.15
    assert rows["sharpness_trace", COLLAPSE][1].measured > rows["sharpness_trace", COLLAPSE][1].predicted


def test_a_rise_is_no_fall_and_neither_is_nothing():
    assert _rows(_scanned(fall=-0.1))["sharpness_top_fall", MONOTONIC][0].verdict == "disagrees"
    assert _rows(_scanned(fall=0.0))["sharpness_top_fall", MONOTONIC][0].verdict == "inconclusive"


def test_intervals_cover_as_often_as_they_say():
    """95% interval of the fall over 300 made-up scans: within 3 standard errors of a binomial, 0.912 to 0.988."""
    rng = np.random.default_rng(1)
    base, covered = _scanned(replicas=6)[["sharpness_trace"]], 0
    for _ in range(300):
        noisy = base.copy()
        law = -0.1 * np.log(ETA[:, None, None] / BATCH[:, None])
        own = 0.3 * rng.normal(size=6) + 0.05 * rng.normal(size=6) * np.log(ETA[:, None, None])
        values = law + own + 0.1 * rng.normal(size=(4, 3, 6))
        noisy["sharpness_trace"] = (base["sharpness_trace"].dims, np.exp(values))
        (row,) = _rows(noisy)["sharpness_trace_fall", MONOTONIC]
        covered += row.ratio_low < 0.1 < row.ratio_high
    assert 0.912 < covered / 300 < 0.988


def test_sharpness_that_is_not_positive_gives_no_verdict():
    spoilt = _scanned()
    spoilt["sharpness_invariant"][0, 0, 0] = -1.0
    (row,) = _rows(spoilt)["sharpness_invariant_fall", MONOTONIC]
    assert row.verdict == "inconclusive"
    assert "not finite" in row.reason


def test_one_axis_has_a_fall_and_no_collapse_and_a_shared_start_is_told():
    line = _scanned().isel(batch_size=0).assign_attrs(start="shared")
    rows = _rows(line)
    assert ("sharpness_trace", COLLAPSE) not in rows
    assert "other starts are not covered" in rows["sharpness_trace_fall", MONOTONIC][0].reason


def _drawn(*, energy: float, curvature: float, stuck: bool = False) -> xr.Dataset:
    """Structures drawn with ln p = -energy E - curvature (1/2) ln det H, 12 replicas of 60 snapshots."""
    rng = np.random.default_rng(2)
    levels, log_det = np.linspace(0.0, 0.02, 6), rng.normal(size=6) * 2 - 600
    p = np.exp(-energy * levels - curvature * 0.5 * (log_det + 600))
    labels = rng.choice(6, size=(12, 1 if stuck else 60), p=p / p.sum())
    values = {
        "structure": (("replica", "snapshot"), np.broadcast_to(labels, (12, 60))),
        "structure_energy": ("basin", levels), "structure_log_det": ("basin", log_det), "thermal_energy": ((), 0.01),
    }  # fmt: skip
    return xr.Dataset(values)


def test_coefficients_of_the_law_that_structures_were_drawn_from_are_found():
    energy, curvature = structure_rows(_drawn(energy=100.0, curvature=1.0), model="n", tolerance=0.2, confidence=0.95)
    assert energy.predicted == pytest.approx(100.0)
    assert curvature.ratio_low < 1.0 < curvature.ratio_high
    assert energy.ratio_low < 1.0 < energy.ratio_high
    assert curvature.ratio_low > 0.0
    assert curvature.role == "contrast"
    _, blind = structure_rows(_drawn(energy=100.0, curvature=0.0), model="n", tolerance=0.2, confidence=0.95)
    assert blind.verdict == "disagrees"
    assert blind.ratio_low < 0.0 < blind.ratio_high


def test_replicas_that_stayed_where_they_were_are_not_in_equilibrium():
    rows = structure_rows(_drawn(energy=100.0, curvature=1.0, stuck=True), model="n", tolerance=0.2, confidence=0.95)
    assert {row.verdict for row in rows} == {"inconclusive"}
    assert all(row.reason.startswith("never equilibrated") for row in rows)


def test_the_fit_maximises_the_likelihood_and_says_when_it_cannot():
    counts, energy, log_det = np.array([40.0, 9.0, 3.0]), np.array([0.0, 0.01, 0.02]), np.array([0.0, -1.0, 0.5])
    one = np.zeros(3, dtype=int)
    found = fit(counts, energy, log_det, one)
    odds = -found.energy * energy - found.curvature * 0.5 * log_det
    # two coefficients and three structures: the shares are met exactly
    np.testing.assert_allclose(np.exp(odds) / np.exp(odds).sum(), counts / counts.sum(), rtol=1e-8)
    assert math.isnan(fit(counts[:2], energy[:2], log_det[:2], one[:2]).energy)
    assert math.isnan(fit(np.array([5.0, 0.0, 0.0]), energy, log_det, one).energy)
    assert math.isnan(fit(counts, energy, log_det, np.array([0, 0, 1])).energy)


def test_odds_between_groups_do_not_count():
    """Two groups of three structures of one law, the second seen ten times as often: the same coefficients."""
    energy, log_det = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.06]), np.array([0.0, -1.0, 0.5, 1.0, -2.0, 0.3])
    group = np.array([0, 0, 0, 1, 1, 1])
    p = np.exp(-80 * energy - 0.7 * 0.5 * log_det)
    for factor in (1.0, 10.0):
        found = fit(1e4 * p * np.where(group == 1, factor, 1.0), energy, log_det, group)
        np.testing.assert_allclose(found, [80.0, 0.7], rtol=1e-8)
    together = fit(1e4 * p * np.where(group == 1, 10.0, 1.0), energy, log_det, np.zeros(6, dtype=int))
    assert abs(together.energy - 80) > 5


def test_structures_are_grouped_by_who_moved_between_them():
    visits = np.array([[5, 1, 0, 0, 0], [0, 2, 3, 0, 0], [0, 0, 0, 4, 0], [0, 0, 0, 1, 2]], dtype=float)
    assert groups(visits).tolist() == [0, 0, 0, 1, 1]


def test_independent_snapshots_of_independent_draws_and_of_none():
    rng = np.random.default_rng(0)
    free = rng.multinomial(50, [0.5, 0.3, 0.2], size=400).astype(float)
    assert independent_snapshots(free) == pytest.approx(50, rel=0.1)
    held = 49.0 * np.eye(3)[rng.integers(0, 3, 400)] + 1.0 / 3.0
    assert independent_snapshots(held) == pytest.approx(1.0, rel=0.1)
    apart = np.zeros((400, 6))
    apart[:200, :3], apart[200:, 3:] = free[:200], free[200:]
    assert independent_snapshots(apart) == pytest.approx(50, rel=0.1)
