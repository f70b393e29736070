"""The table and the study's verdict: trees fresh and read back, failed models, rows between models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.equilibrium.point import EFFECTIVE_TEMPERATURE, TOTAL_VARIANCE, bin_of_modes
from langevin_sgd.checks.occupancy.point import log_odds_of, occupancy_of
from langevin_sgd.checks.verdicts.labels import UNRANKED, Fault
from langevin_sgd.checks.verdicts.statistics import Verdict, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, summarise, to_dataset
from langevin_sgd.reporting.verdict_table import rows
from langevin_sgd.study import judge as checks
from langevin_sgd.study import loading as config

MEASURED = {"from": "network"}
STUDY = {
    "name": "test",
    "seed": 5,
    "sgd": {"learning_rate": 0.5, "batch_size": 4},
    "models": {
        "network": {"kind": "network", "steps": 20000, "start": "minimum", "architecture": {"kind": "softmax"}},
        "ou": {"kind": "ornstein_uhlenbeck", "hessian": MEASURED, "noise": MEASURED},
        "round": {
            "kind": "ornstein_uhlenbeck",
            "hessian": MEASURED,
            "noise": {"kind": "isotropic", "from": "network"},
        },
    },
    "checks": ["equilibrium"],
}


@pytest.fixture
def study():
    return config.parse(STUDY)


@pytest.fixture
def tree(study, make_stationary, make_quadratic):
    isotropic = make_quadratic(noise=(0.66,) * 6)
    return make_tree(
        study,
        network=make_stationary(seed=1, replicas=128, samples=200),
        ou=make_stationary(seed=2, replicas=128, samples=200),
        round=make_stationary(isotropic, seed=3, replicas=128, samples=200),
    )


def make_tree(study, **models):
    provenance = json.dumps({"config": study.model_dump(mode="json", by_alias=True)})
    root = xr.Dataset(attrs={"provenance": provenance})
    return xr.DataTree.from_dict({"/": root, **{f"/{name}": dataset for name, dataset in models.items()}})


def failed(error="diverged at step 7"):
    return xr.Dataset(attrs={"kind": "network", "status": "failed", "error": error})


def summary_of(table):
    return json.loads(table.attrs["summary"])


def test_columns_and_summary(tree):
    table = checks.check(tree)
    columns = "model quantity law role measured standard_error predicted ratio ratio_low ratio_high tolerance verdict"
    assert set((columns + " reason p_value scale").split()) <= set(table.data_vars)
    assert set(table.sizes) == {"comparison"}
    assert all(table[name].attrs["long_name"] for name in table.data_vars)
    assert set(table["verdict"].values) <= {"agrees", "disagrees", "inconclusive"}
    assert set(table["role"].values) == {"law", "contrast"}
    summary = summary_of(table)
    counts = summary["counts"]
    for role in ("law", "contrast"):
        for verdict in ("agrees", "disagrees", "inconclusive"):
            assert counts[role][verdict] == int(((table["role"] == role) & (table["verdict"] == verdict)).sum())
    assert "Holm" in summary["rule"]
    assert summary["verdict"] in ("agrees", "inconclusive")
    assert summary["disagreeing"] == summary["not_compared"] == []


def test_same_table_from_disk(tree, tmp_path):
    fresh = checks.check(tree)
    for name in ("a.nc", "b.nc"):
        tree.to_netcdf(tmp_path / name, engine="h5netcdf")
        with xr.open_datatree(tmp_path / name, engine="h5netcdf") as again:
            xr.testing.assert_identical(checks.check(again), fresh)
        # the table itself may lie in the tree when it is evaluated again
        tree = xr.DataTree.from_dict({**{f"/{k}": v.to_dataset() for k, v in tree.children.items()}, "/checks": fresh})
        tree.attrs = {"provenance": json.dumps({"config": STUDY})}


def test_simulations_stand_beside_the_network(tree):
    table = checks.check(tree)
    rows = by_law(table)
    same, other = rows["simulation:ou"], rows["simulation:round"]
    assert (same["model"], same["quantity"], same["role"]) == ("network", "total_variance", "law")
    assert same["ratio_low"] < 1 < same["ratio_high"]
    assert (other["role"], other["verdict"]) == ("contrast", "disagrees")
    errors = [
        table["standard_error"].values[position]
        for position in range(table.sizes["comparison"])
        if table["quantity"].values[position] == "total_variance"
        and table["law"].values[position] == "discrete"
        and table["model"].values[position] in ("network", "ou")
    ]
    assert same["standard_error"] == pytest.approx(np.hypot(*errors), rel=0.03)


def by_law(table):
    rows = [
        {name: table[name].values[position] for name in table.data_vars}
        for position in range(table.sizes["comparison"])
    ]
    return {str(row["law"]): row for row in rows if str(row["law"]).startswith("simulation")}


@pytest.mark.parametrize(
    "change",
    [
        lambda ou: ou.attrs.update(law="continuum"),
        lambda ou: ou.update({"momentum": ((), 0.9)}),
        lambda ou: ou.update({"batch_size": ((), 8)}),
    ],
)
def test_a_simulation_of_another_process_is_a_contrast(study, make_stationary, change):
    simulation = make_stationary(seed=2)
    change(simulation)
    table = checks.check(make_tree(study, network=make_stationary(seed=1), ou=simulation))
    assert by_law(table)["simulation:ou"]["role"] == "contrast"


def test_planted_temperature_makes_the_study_disagree(study, make_stationary):
    tree = make_tree(study, network=make_stationary(seed=1, scale=1.25), ou=make_stationary(seed=2))
    table = checks.check(tree)
    summary = summary_of(table)
    assert summary["verdict"] == "disagrees"
    assert "network: total variance (discrete)" in summary["disagreeing"]
    assert not any(title.startswith("ou:") for title in summary["disagreeing"])


def test_contrasts_do_not_count(study, make_stationary):
    only = config.parse({**STUDY, "checks": [{"kind": "equilibrium", "contrasts": False}]})
    tree = make_tree(study, network=make_stationary(seed=1))
    with_contrasts, without = checks.check(tree), checks.check(tree, only)
    assert summary_of(with_contrasts)["counts"]["contrast"]["disagrees"] > 0
    assert set(without["role"].values) == {"law"}
    assert summary_of(with_contrasts)["counts"]["law"] == summary_of(without)["counts"]["law"]


def test_failed_and_missing_models_are_listed(study, make_stationary):
    agreeing = make_tree(study, network=make_stationary(seed=1, replicas=256, samples=400), ou=failed())
    loose = config.parse({**STUDY, "checks": [{"kind": "equilibrium", "tolerance": 0.2, "energy_bound": 0.2}]})
    table = checks.check(agreeing, loose)
    summary = summary_of(table)
    assert summary["not_compared"] == [
        {"model": "ou", "status": "failed", "reason": "diverged at step 7"},
        {"model": "round", "status": "missing", "reason": "the run holds no results of it"},
    ]
    assert summary["counts"]["law"]["agrees"] == sum(summary["counts"]["law"].values())
    assert summary["verdict"] == "inconclusive"  # a study with a failed model does not agree as a whole


def test_a_model_without_a_window_is_listed(study, make_stationary):
    tree = make_tree(study, network=make_stationary().drop_vars("mode_moment_1"))
    table = checks.check(tree)
    assert table.sizes["comparison"] == 0
    summary = summary_of(table)
    assert summary["verdict"] == "inconclusive"
    assert "no stationary window" in {entry["model"]: entry for entry in summary["not_compared"]}["network"]["reason"]


def test_only_the_named_models(study, tree):
    one = config.parse({**STUDY, "checks": [{"kind": "equilibrium", "models": ["ou"]}]})
    assert set(checks.check(tree, one)["model"].values) == {"ou"}
    assert set(
        checks.check(tree, {**STUDY, "checks": [{"kind": "equilibrium", "models": ["ou"]}]})["model"].values
    ) == {"ou"}


def test_a_tree_of_unknown_origin_needs_a_study(tree, study):
    bare = tree.copy()
    bare.attrs = {}
    with pytest.raises(ValueError, match="pass study="):
        checks.check(bare)
    assert checks.check(bare, study).sizes["comparison"] > 0


def row(p_value, verdict=Verdict.DISAGREES, role="law"):
    return Comparison("m", "q", "l", role, 1, 1, 1, 1, 1, 1, 0.05, verdict, "", p_value, 1, 1, 1)


def test_the_rule_of_the_study():
    def verdict(*rows, not_compared=()):
        return summarise(rows, level=0.05, not_compared=not_compared)["verdict"]

    agrees = row(1.0, Verdict.AGREES)
    assert verdict() == "inconclusive"
    assert verdict(agrees, agrees) == "agrees"
    assert verdict(agrees, row(0.6, Verdict.INCONCLUSIVE)) == "inconclusive"
    assert verdict(agrees, row(0.001)) == "disagrees"
    # among ten rows one p of 0.02 is nothing, and an inconclusive row cannot carry the verdict
    assert verdict(*[agrees] * 9, row(0.02)) == "inconclusive"
    assert verdict(row(0.04, Verdict.INCONCLUSIVE)) == "inconclusive"
    assert verdict(agrees, row(1e-9, role="contrast")) == "agrees"
    assert verdict(agrees, row(float("nan"), Verdict.INCONCLUSIVE)) == "inconclusive"
    assert summarise([*[agrees] * 9, row(0.02)], level=0.05)["disagreeing_alone"] == ["m: q (l)"]


@pytest.mark.parametrize(
    ("tested", "told"),
    [
        (0, "over the tested law rows (there are none)"),
        (1, "over the 1 tested law row r"),
        (2, "the 2 tested law rows"),
    ],
)
def test_the_rule_counts_its_rows(tested, told):
    rows = [*[row(1.0, Verdict.AGREES)] * tested, row(float("nan"), Verdict.INCONCLUSIVE), row(1.0, role="contrast")]
    assert told in summarise(rows, level=0.05)["rule"]


def test_empty_table_has_its_columns():
    table = to_dataset([], level=0.05, not_compared=[])
    assert table.sizes["comparison"] == 0
    assert table["measured"].dtype == np.float64
    assert table["reason"].dtype.kind == "U"


def test_rows_are_called_in_the_verdict_as_in_the_table():
    def title(quantity, law):
        row = Comparison.from_assessment(
            inconclusive(1, 1, ""), model="net", quantity=quantity, law=law, role="law", measured=1, standard_error=1,
            predicted=1, tolerance=0.05, eigenvalues=np.empty(0),
        )  # fmt: skip
        table = to_dataset([row], level=0.05, not_compared=[])
        (printed,) = rows(table)
        assert row.title == f"net: {printed.quantity} ({printed.law})"
        return row.title

    def modes(*ends):
        return bin_of_modes(np.array(ends), sharpest=False, flattest=False)

    assert title(TOTAL_VARIANCE, "discrete") == "net: total variance (discrete)"
    assert title(modes(0.0123, 0.456), "epoch") == "net: modes 0.012–0.46 (epoch)"
    assert title(modes(0.5), "epoch") == "net: mode 0.5 (epoch)"
    assert title(occupancy_of("left"), "eta/B") == "net: occupancy of left (eta/B)"
    assert title(EFFECTIVE_TEMPERATURE, "finite_step") == "net: eff. temperature (finite step)"
    assert title("turns_made", "of_mine") == "net: turns made (of mine)"


def test_a_row_tells_its_labels_rank_and_fault_in_columns():
    shared = {"model": "m", "law": "l", "measured": 1, "standard_error": 1, "predicted": 1, "tolerance": 0.05}
    found = to_dataset(
        [
            Comparison.from_assessment(
                inconclusive(1, 1, ""), quantity=quantity, role=role, eigenvalues=np.empty(0), fault=fault, **shared
            )
            for quantity, role, fault in (
                (log_odds_of("a", "b"), "contrast", Fault.NONE),
                (TOTAL_VARIANCE, "contrast", Fault.NONE),
                ("mine", "law", Fault.NONE),
                (occupancy_of("a"), "law", Fault.ONE_START),
            )
        ],
        level=0.05,
        not_compared=[],
    )
    assert json.loads(str(found["about"].values[0])) == {"basin": "a", "other": "b"}
    assert found["rank"].values.tolist() == [5, 1, 1, 0]
    assert found["rank_beside"].values.tolist() == [5, UNRANKED, 1, 0]
    assert found["fault"].values.tolist() == ["", "", "", "one start only"]
