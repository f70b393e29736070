"""How often the check is wrong where the law holds, how often its intervals cover, and what it catches.

A short version runs by default; `-m validate` runs the rest and prints the rates.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.stats import beta

from langevin_sgd.checks.occupancy.crossing import crossing
from langevin_sgd.checks.occupancy.point import occupancy
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.checks.verdicts.table import summarise

DISAGREES = Verdict.DISAGREES


def tally(make, count, *, criteria=None, label="", **options):
    """Verdicts of the exact law's rows by quantity, how often their intervals cover, and verdicts of whole studies."""
    verdicts, covered, studies = defaultdict(Counter), defaultdict(list), Counter()
    for seed in range(count):
        rows = occupancy(make(50_000 + seed, **options), model="wells", **(criteria or {}))
        studies[summarise(rows, level=0.05)["verdict"]] += 1
        for row in rows:
            if row.law in ("fokker_planck", "other start"):
                verdicts[row.quantity][str(row.verdict)] += 1
                truth = 0.0 if row.predicted == 0 or row.scale == "difference" else 1.0
                covered[row.quantity].append(row.ratio_low <= truth <= row.ratio_high)
    print(f"\n{label}: {count} studies: {dict(studies)}")
    for quantity, found in verdicts.items():
        print(f"  {quantity}: {dict(found)}, intervals cover {np.mean(covered[quantity]):.3f}")
    return verdicts, {quantity: np.mean(values) for quantity, values in covered.items()}, studies


def upper_bound(alarms, count):
    """Clopper and Pearson's 95% upper bound of a rate."""
    return beta.ppf(0.95, alarms + 1, count - alarms)


@pytest.mark.validate
def test_few_false_alarms_and_honest_intervals(make_basins):
    count = 200
    verdicts, covered, studies = tally(
        make_basins, count, label="short", replicas=128, relaxation=5.0, steps=200, density=False,
        criteria={"tolerance": 0.02},
    )  # fmt: skip
    assert upper_bound(studies["disagrees"], count) < 0.03
    assert upper_bound(verdicts["occupancy[sharp]"]["disagrees"], count) < 0.03
    for quantity in ("start_agreement[sharp]", "occupancy[sharp]", "log_odds[sharp/flat]"):
        assert covered[quantity] == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / count))


@pytest.mark.validate
@pytest.mark.parametrize(
    ("share", "options", "least"),
    [
        (0.4, {"replicas": 4096, "relaxation": 4.0, "steps": 800}, 0.93),
        (0.4, {"replicas": 16, "relaxation": 10.0, "steps": 1000}, 0.92),
        (0.05, {"replicas": 1024, "relaxation": 10.0, "steps": 500}, 0.92),
        (0.02, {"replicas": 64, "relaxation": 20.0, "steps": 300}, 0.90),  # 6 visits in all
        (0.002, {"replicas": 512, "relaxation": 20.0, "steps": 300}, 0.85),  # 2 or 3 visits
    ],
)
def test_false_alarms_of_whole_studies_are_rare(make_basins, share, options, least):
    count = 300
    verdicts, covered, studies = tally(make_basins, count, label=f"p = {share}, {options}", share=share, **options)
    assert upper_bound(studies["disagrees"], count) < 0.02
    assert verdicts["occupancy[sharp]"]["disagrees"] <= 2
    assert covered["occupancy[sharp]"] > least
    assert covered["density"] > 0.94
    if options["replicas"] == 4096:
        assert studies["agrees"] > 0.6 * count


@pytest.mark.validate
def test_a_truth_on_the_edge_of_the_tolerance_is_refuted_no_more_often_than_stated(make_basins):
    count = 300
    verdicts, _, _ = tally(
        make_basins, count, label="edge", claimed=0.395, replicas=4096, relaxation=4.0, steps=1500, density=False
    )
    allowed = 0.025 * count + 4 * np.sqrt(0.025 * count)  # 4 standard errors
    assert verdicts["occupancy[sharp]"]["disagrees"] <= allowed
    assert verdicts["occupancy[sharp]"]["agrees"] <= allowed


@pytest.mark.validate
@pytest.mark.parametrize("relaxation", [100.0, 300.0, 1000.0, 1e5])
def test_runs_that_have_not_mixed_are_never_judged(make_basins, relaxation):
    """Also where the bias from the start is as small as the errors."""
    count = 200
    verdicts, _, studies = tally(
        make_basins, count, label=f"relaxation {relaxation}", relaxation=relaxation, burn_in=100, density=False
    )
    assert verdicts["occupancy[sharp]"]["disagrees"] == 0
    assert studies["disagrees"] == 0


@pytest.mark.validate
@pytest.mark.parametrize(
    ("label", "plant", "quantity"),
    [
        ("off by 0.01", {"claimed": 0.39}, "occupancy[sharp]"),
        ("T for theta", {"share": 0.2, "claimed": 1 / 3}, "log_odds[sharp/flat]"),
        ("factor 4 of the slide", {"share": 0.2, "claimed": 1 / (1 + 4**0.25)}, "log_odds[sharp/flat]"),
    ],
)
def test_plants_are_caught(make_basins, label, plant, quantity):
    count = 100
    verdicts, _, studies = tally(
        make_basins, count, label=label, replicas=4096, relaxation=4.0, steps=1500, density=False, **plant
    )
    assert verdicts[quantity]["disagrees"] >= 0.95 * count
    assert studies["disagrees"] >= 0.9 * count


@pytest.mark.validate
@pytest.mark.parametrize("end", [400.0, 60.0])
def test_escape_times_are_calibrated(make_escape, end):
    count = 400
    verdicts, covered, _ = tally(make_escape, count, label=f"escape until {end}", replicas=2048, end=end)
    assert upper_bound(verdicts["escape_time"]["disagrees"], count) < 0.03
    assert covered["escape_time"] == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / count))
    caught, _, _ = tally(make_escape, 100, label="10% off", replicas=16384, claimed=44.0, end=end)
    assert caught["escape_time"]["disagrees"] >= 95


@pytest.mark.validate
def test_crossings_are_calibrated(make_scan):
    count, verdicts, covered = 200, Counter(), []
    for seed in range(count):
        options = {"replicas": 512, "relaxation": 8.0, "steps": 400, "density": False}
        found = {row.law: row for row in crossing(make_scan(100 * seed, **options), model="wells")}
        verdicts[str(found["fokker_planck"].verdict)] += 1
        covered.append(found["fokker_planck"].ratio_low <= 1.0 <= found["fokker_planck"].ratio_high)
        assert found["slide"].verdict is DISAGREES
    print(f"\ncrossing: {dict(verdicts)}, intervals cover {np.mean(covered):.3f}")
    assert upper_bound(verdicts["disagrees"], count) < 0.03
    assert np.mean(covered) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / count))
