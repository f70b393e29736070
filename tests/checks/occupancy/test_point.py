"""The occupancy check on runs whose law is known: what agrees, what is caught, what is not yet to be told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.occupancy.crossing import crossing
from langevin_sgd.checks.occupancy.point import occupancy
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.checks.verdicts.table import summarise
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study.judge import check
from langevin_sgd.study.loading import parse

AGREES, DISAGREES, INCONCLUSIVE = Verdict.AGREES, Verdict.DISAGREES, Verdict.INCONCLUSIVE
PRECISE = {"replicas": 4096, "relaxation": 4.0, "steps": 1500}


def rows(dataset, law="fokker_planck", **criteria):
    return {
        row.quantity: row for row in occupancy(dataset, model="wells", **criteria) if row.law in (law, "other start")
    }


def test_a_run_that_follows_its_law_agrees_from_both_starts(make_basins):
    found = rows(make_basins(1, **PRECISE))
    assert set(found) == {"start_agreement[sharp]", "occupancy[sharp]", "log_odds[sharp/flat]", "density"}
    assert {row.verdict for row in found.values()} == {AGREES}
    assert {row.role for row in found.values()} == {"law"}
    assert "standard errors of its own" in found["occupancy[sharp]"].reason
    assert summarise(list(found.values()), level=0.05)["verdict"] == "agrees"


def test_an_occupancy_off_by_a_hundredth_is_caught(make_basins):
    for claimed in (0.39, 0.41):
        found = rows(make_basins(2, claimed=claimed, **PRECISE))
        row = found["occupancy[sharp]"]
        assert row.verdict is DISAGREES
        assert row.measured == pytest.approx(0.4, abs=0.003)
        assert row.predicted == pytest.approx(claimed)
        assert found["start_agreement[sharp]"].scale == "ratio"
        for name, predicted in (
            ("occupancy[sharp]", claimed),
            ("log_odds[sharp/flat]", np.log(claimed / (1 - claimed))),
        ):
            row = found[name]
            assert row.scale == "difference"
            assert row.predicted == pytest.approx(predicted)
            assert row.ratio == pytest.approx(row.measured - row.predicted)
            assert row.ratio_low < row.ratio < row.ratio_high
        assert found["start_agreement[sharp]"].verdict is AGREES


def test_the_exponent_of_the_slide_is_excluded(make_basins):
    found = rows(make_basins(1, share=0.2, **PRECISE), law="slide")
    assert found["occupancy[sharp]"].verdict is DISAGREES
    assert found["log_odds[sharp/flat]"].verdict is DISAGREES
    assert found["density"].verdict is DISAGREES
    assert found["occupancy[sharp]"].role == "contrast"


def test_temperature_in_place_of_thermal_energy_is_caught(make_basins):
    # odds exp(-dE/theta) with T for theta: their square root
    claimed = 1 / (1 + np.sqrt(0.8 / 0.2))
    found = rows(make_basins(3, share=0.2, claimed=claimed, **PRECISE))
    assert found["log_odds[sharp/flat]"].verdict is DISAGREES


def test_starts_that_have_not_mixed_give_no_verdict_but_the_time_it_takes(make_basins):
    dataset = make_basins(1, relaxation=300.0, burn_in=100)
    for row in rows(dataset).values():
        assert row.verdict is INCONCLUSIVE
        assert np.isnan(row.p_value)
        assert "not equilibrated" in row.reason
    reason = rows(dataset)["start_agreement[sharp]"].reason
    assert "(measured; 30 predicted)" in reason
    begin = float(reason.split("begins at t = ")[1].split(" ")[0])
    assert begin == pytest.approx(30.0 * np.log(1 / 0.005), rel=0.25)
    assert summarise(occupancy(dataset, model="wells"), level=0.05)["verdict"] == "inconclusive"


def test_why_a_point_is_not_equilibrated_is_told_once(make_basins):
    first, *others = [
        row for row in occupancy(make_basins(1, relaxation=300.0, burn_in=100), model="wells") if row.law != "boltzmann"
    ]
    assert first.quantity == "start_agreement[sharp]"
    assert first.reason.startswith("not equilibrated: in sharp, half the difference")
    assert {row.quantity for row in others} == {"occupancy[sharp]", "log_odds[sharp/flat]", "density"}
    for row in others:
        assert row.reason.startswith("not equilibrated (see the agreement of the starts); ")
        assert "relaxation time" not in row.reason
        for number in (row.measured, row.predicted) if row.scale == "difference" else (row.measured,):
            assert f"{number:.3g}" in row.reason or f"{number:.4f}" in row.reason


def test_log_odds_that_alone_are_not_equilibrated_say_why(make_basins):
    dataset = make_basins(1, relaxation=300.0, burn_in=100)
    found = rows(dataset, tolerance=0.45, log_odds_tolerance=0.01, density_tolerance=0.001)
    assert found["start_agreement[sharp]"].verdict is AGREES
    assert found["log_odds[sharp/flat]"].reason.startswith("not equilibrated: as log-odds of sharp to flat")
    assert "relaxation time" in found["density"].reason


def test_laws_far_off_are_not_refuted_by_a_run_that_has_not_mixed(make_basins):
    for row in occupancy(make_basins(1, relaxation=3000.0, burn_in=100, share=0.2), model="wells"):
        assert row.verdict is INCONCLUSIVE


def test_a_barrier_too_high_says_so(make_basins):
    reason = rows(make_basins(1, relaxation=1e7, burn_in=100))["start_agreement[sharp]"].reason
    assert "the relaxation time is 1e+06 (predicted)" in reason
    assert "the barrier is too high to wait" in reason


def test_a_high_barrier_without_a_prediction_says_what_is_missing(make_basins):
    dataset = make_basins(1, relaxation=1e7, burn_in=100).drop_vars("relaxation_time")
    assert "no relaxation time is known" in rows(dataset)["start_agreement[sharp]"].reason


def test_one_start_gives_no_verdict(make_basins):
    found = rows(make_basins(1, starts=1, claimed=0.2, **PRECISE))  # not even against a law that is far off
    for row in found.values():
        assert row.verdict is INCONCLUSIVE
        assert "one start only" in row.reason
        assert ("whether they have forgotten it" in row.reason) == (row.law == "other start")


def test_starts_too_noisy_to_agree_give_no_verdict_unless_each_alone_disagrees(make_basins):
    noisy = make_basins(1, claimed=0.4)
    assert "not shown to agree" in rows(noisy)["occupancy[sharp]"].reason
    far = rows(make_basins(1, claimed=0.3))["occupancy[sharp]"]
    assert far.verdict is DISAGREES
    assert "from each start alone" in far.reason


def test_a_law_without_an_answer_says_why(make_basins):
    (row,) = [row for row in occupancy(make_basins(1), model="wells") if row.law == "boltzmann"]
    assert (row.verdict, row.role) == (INCONCLUSIVE, "contrast")
    assert row.reason == "has a probability current, so no Boltzmann law"


def test_few_replicas_give_no_verdict(make_basins):
    assert "too few" in rows(make_basins(1, replicas=6, density=False))["log_odds[sharp/flat]"].reason


def test_a_basin_never_seen_is_told_within_the_tolerance_and_has_no_odds(make_basins):
    found = rows(make_basins(1, share=1e-8, replicas=8192, relaxation=4.0, steps=200, burn_in=120, density=False))
    assert found["occupancy[sharp]"].verdict is AGREES
    assert "no replica from sharp was seen in sharp, so there are no odds" in found["log_odds[sharp/flat]"].reason
    claimed = rows(
        make_basins(1, share=1e-8, claimed=0.02, replicas=8192, relaxation=4.0, steps=200, burn_in=120, density=False)
    )
    assert claimed["occupancy[sharp]"].verdict is DISAGREES


def test_log_odds_of_a_rare_basin_do_not_count(make_basins):
    assert rows(make_basins(1, share=0.02, **PRECISE))["log_odds[sharp/flat]"].role == "contrast"


def test_basins_that_leave_something_out_have_a_row_each(make_basins):
    dataset = make_basins(1, **PRECISE)
    for name in ("mean_occupancy", "mean_occupancy_stderr", "mean_occupancy_law"):
        dataset[name] = dataset[name] * np.array([1.0, 0.9])  # a tenth of the flat one lies in neither
    found = rows(dataset)
    assert {"occupancy[sharp]", "occupancy[flat]"} <= set(found)
    assert found["occupancy[flat]"].verdict is AGREES


def test_no_basins_no_rows():
    assert occupancy(xr.Dataset(), model="x") == []
    assert crossing(xr.Dataset(), model="x") == []


# -- escape ----------------------------------------------------------------------------------------------------------


def test_escape_times_agree_with_their_law_and_refute_others(make_escape):
    found = rows(make_escape(1, replicas=16384), escape_tolerance=0.03)
    assert set(found) == {"escape_time"}  # laws of the occupancy are not asked
    assert found["escape_time"].verdict is AGREES
    asymptotic = rows(make_escape(1, replicas=16384), law="eyring_kramers")["escape_time"]
    assert (asymptotic.verdict, asymptotic.role) == (DISAGREES, "contrast")
    assert rows(make_escape(1, claimed=20.0))["escape_time"].verdict is DISAGREES


def test_a_law_without_an_escape_time_says_so_of_the_escape_time(make_escape):
    dataset = make_escape(1)
    dataset["escape_time_law"] = dataset["escape_time_law"].where(dataset["law"] != "eyring_kramers")
    (row,) = (r for r in occupancy(dataset, model="wells") if r.law == "eyring_kramers")
    assert (row.quantity, row.verdict, row.tolerance) == ("escape_time", INCONCLUSIVE, 0.03)


def test_censored_escapes_are_neither_left_out_nor_counted_as_arrived(make_escape):
    found = rows(make_escape(2, replicas=16384, end=60.0), escape_tolerance=0.05)["escape_time"]
    assert found.verdict is AGREES
    assert "% censored, tail taken as exponential" in found.reason


def test_too_many_censored_give_no_verdict_but_the_time_it_takes(make_escape):
    reason = rows(make_escape(2, end=20.0))["escape_time"].reason
    assert "more than half; run to t = " in reason
    assert float(reason.split("run to t = ")[1].split(" ")[0]) == pytest.approx(40 * np.log(2), rel=0.15)
    few = rows(make_escape(2, mean=1e5, end=20.0))["escape_time"]
    assert (few.verdict, np.isnan(few.measured)) == (INCONCLUSIVE, True)
    assert "barrier too high" in few.reason


def test_a_censored_tail_that_is_not_exponential_gives_no_verdict(make_escape):
    row = rows(make_escape(2, replicas=16384, end=60.0, shape=0.5))["escape_time"]
    assert row.verdict is INCONCLUSIVE
    assert "from an exponential, so nothing tells their mean" in row.reason


# -- density and current ---------------------------------------------------------------------------------------------


def test_a_current_is_measured_and_boltzmann_refused(make_rotation):
    found = rows(make_rotation(replicas=65536, samples=4_000_000))
    assert found["circulation"].verdict is AGREES
    assert found["density"].verdict is AGREES
    (refused,) = rows(make_rotation(), law="boltzmann").values()
    assert "probability current" in refused.reason
    assert rows(make_rotation(claimed=1.2))["circulation"].verdict is DISAGREES
    turned = rows(make_rotation(claimed=-1.0))["circulation"]
    assert turned.verdict is DISAGREES
    assert "the other way" in turned.reason


def test_a_law_without_a_current_is_refuted_by_one(make_rotation):
    dataset = make_rotation()
    dataset["circulation_law"] = dataset["circulation_law"].fillna(0.0)
    row = rows(dataset, law="boltzmann")["circulation"]
    assert row.verdict is DISAGREES
    assert row.ratio == pytest.approx(1.0, abs=0.05)


def test_noise_in_the_density_is_no_disagreement(make_rotation):
    row = rows(make_rotation(samples=3000, replicas=3000))["density"]
    assert row.measured > 0.1
    assert row.verdict is INCONCLUSIVE
    displaced = make_rotation(samples=3000, replicas=3000)
    displaced["density"] = displaced["density"].roll(x_cell=8)
    assert rows(displaced)["density"].verdict is DISAGREES


# -- scans -----------------------------------------------------------------------------------------------------------


def test_basins_cross_where_the_free_energies_do(make_scan):
    options = {"replicas": 2048, "relaxation": 8.0, "density": False}
    found = {row.law: row for row in crossing(make_scan(5, **options), model="wells")}
    assert found["fokker_planck"].verdict is AGREES
    assert found["fokker_planck"].predicted == pytest.approx(0.5 / np.log(2), rel=1e-6)
    assert found["slide"].verdict is DISAGREES
    assert "below the scanned temperatures" in found["slide"].reason
    wrong = {row.law: row for row in crossing(make_scan(5, claimed_factor=1.3, **options), model="wells")}
    assert wrong["fokker_planck"].verdict is DISAGREES
    assert wrong["fokker_planck"].ratio == pytest.approx(1.3, rel=0.05)


def test_a_crossing_beyond_the_scan_or_not_mixed_has_no_verdict(make_scan):
    (row,) = crossing(make_scan(5, temperatures=(0.9, 1.1, 1.3), claimed_factor=0.7, density=False), model="wells")
    assert row.verdict is INCONCLUSIVE
    assert "do not clearly change sign" in row.reason
    found = crossing(make_scan(5, relaxation=300.0, burn_in=100, density=False), model="wells")
    assert found
    assert all(row.verdict is INCONCLUSIVE and "not equilibrated at T = " in row.reason for row in found)


def test_the_crossing_does_not_depend_on_the_order_of_the_scan(make_scan):
    options = {"replicas": 2048, "density": False}
    one = crossing(make_scan(5, temperatures=(0.4, 0.9), **options), model="x")[0]
    dataset = make_scan(5, temperatures=(0.4, 0.9), **options)
    other = crossing(dataset.isel(temperature=[1, 0]), model="x")[0]
    assert one.measured == pytest.approx(other.measured, rel=1e-12)


# -- studies ---------------------------------------------------------------------------------------------------------

STUDY = {
    "name": "made_up",
    "seed": 1,
    "sgd": {"learning_rate": 0.02, "batch_size": 1},
    "models": {"wells": {"kind": "basins", "potential": {"kind": "quartic"}, "temperature": 0.5, "steps": 1000}},
    "checks": [{"kind": "occupancy", "tolerance": 0.01, "contrasts": False}],
}


def test_a_study_takes_the_criteria_of_its_config(make_basins, make_scan):
    dataset = make_basins(2, claimed=0.393, **PRECISE)
    table = check(xr.DataTree.from_dict({"wells": dataset}), STUDY)
    assert set(table["role"].values) == {"law"}
    assert table["tolerance"].values[table["quantity"].values == "occupancy[sharp]"] == 0.01
    scanned = check(xr.DataTree.from_dict({"wells": make_scan(1, density=False)}), STUDY)
    assert "crossing[sharp/flat]" in scanned["quantity"].values
    assert "temperature=0.9" in scanned["point"].values
    assert json.loads(scanned.attrs["summary"])["counts"]["contrast"]["agrees"] == 0


def test_the_check_is_made_for_models_with_basins():
    study = parse(STUDY)
    assert study.checks[0].covered(study) == ("wells",)
    with pytest.raises(ConfigError, match="tolerance"):
        parse({**STUDY, "checks": [{"kind": "occupancy", "tolerance": 1.5}]})
