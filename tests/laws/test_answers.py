"""Laws outside a run: a new one judges an old run, an altered cache is told, another version is worked out again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.errors import UserError
from langevin_sgd.laws import LAWS, Law, NoAnswer, Point
from langevin_sgd.laws.cache import title_by_name, title_of
from langevin_sgd.laws.evaluate import RECORD, SILENT, known
from langevin_sgd.laws.quadratic import CONTINUUM, ISOTROPIC

STUDY: dict[str, Any] = {
    "name": "t", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "checks": ["equilibrium"],
    "models": {"m": {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
        "noise": {"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]}, "steps": 1500, "replicas": 16,
        "record_times": 8,
    }},
}  # fmt: skip
ADDED = {"law_is_exact", "law_note"}
"""Variables that runs of earlier versions have not."""


@cache
def _run() -> xr.DataTree:
    return lsgd.simulate(STUDY)


def _old() -> xr.DataTree:
    """The run as the version without versions of laws wrote it."""
    data = _run()["m"].to_dataset(inherit=False).drop_vars(ADDED)
    data.attrs = {name: value for name, value in data.attrs.items() if name not in (RECORD, SILENT)}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=_run().attrs), "m": data})


@pytest.fixture
def made() -> Iterator[Callable[..., str]]:
    """Puts a law into a module in memory, as that of a user who has imported it; returns its path."""
    module = ModuleType("my_laws")
    sys.modules["my_laws"] = module

    def put(law: Any) -> str:
        module.law = law  # type: ignore[attr-defined]
        return "my_laws:law"

    yield put
    del sys.modules["my_laws"]


def twice(point: Point) -> dict[str, Any]:
    """Twice what the continuum says."""
    return {"mode_variance": 2.0 * np.diagonal(point.process.covariance("continuum"))}


TWICE = Law(name="twice", title="noise doubled", source="made up", version=1, predict=twice)


def rows_of(table: xr.Dataset, law: str) -> xr.Dataset:
    return table.isel(comparison=table["law"].values == law)


def test_a_new_law_judges_an_old_run_and_nothing_runs_again(made: Callable[..., str], monkeypatch: Any) -> None:
    old = _old()
    monkeypatch.setattr("langevin_sgd.models.ornstein_uhlenbeck.run.run", None)
    table = lsgd.check(old, {**STUDY, "laws": [made(TWICE)]})
    found = rows_of(table, "twice")
    assert found["quantity"].values.tolist() == ["total_variance"]
    assert found["role"].values.tolist() == ["contrast"]
    continuum = rows_of(table, "continuum").isel(comparison=0)
    np.testing.assert_allclose(found["predicted"].values, 2.0 * float(continuum["predicted"]), rtol=1e-12)
    assert found["verdict"].values.tolist() == ["disagrees"]


def test_a_law_that_is_claimed_counts(made: Callable[..., str]) -> None:
    path = made(replace(TWICE, exact_for=lambda point: True))
    table = lsgd.check(_old(), {**STUDY, "laws": [path]})
    assert rows_of(table, "twice")["role"].values.tolist() == ["law"]
    assert json.loads(table.attrs["summary"])["verdict"] == "disagrees"
    tree = lsgd.simulate({**STUDY, "laws": [path]})
    own = tree["m"]["mode_variance_predicted"].values  # the process's own law stays what it was
    np.testing.assert_array_equal(own, _run()["m"]["mode_variance_predicted"].values)


def test_an_old_run_is_judged_as_ever() -> None:
    ours, old = lsgd.check(_run()), lsgd.check(_old())
    xr.testing.assert_identical(ours, old)
    assert not any(str(name).startswith("stored") for name in old["quantity"].values)


def test_answers_carry_version_title_and_source() -> None:
    record = json.loads(_run()["m"].attrs[RECORD])
    assert list(record) == ["discrete", "continuum", "isotropic"]
    assert record["discrete"]["version"] == 1
    assert "Ziyin" in record["discrete"]["source"]
    assert "langevin_sgd.laws.quadratic:epoch" in json.loads(_run()["m"].attrs[SILENT])


def test_another_version_is_worked_out_again_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is of version 1 and wrong, and so it is of the version that is taken as it is."""
    data = _run()["m"].to_dataset(inherit=False)
    wrong = data["mode_variance_law"].copy()
    wrong.loc["isotropic"] = 2.0 * wrong.sel(law="isotropic")
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=_run().attrs), "m": data.assign(mode_variance_law=wrong)})
    told = lsgd.check(tree)
    assert "stored[mode_variance_law]" in told["quantity"].values
    monkeypatch.setattr("langevin_sgd.laws.quadratic.ISOTROPIC", replace(ISOTROPIC, version=2))
    xr.testing.assert_identical(lsgd.check(tree), lsgd.check(_run()))


def test_an_altered_answer_of_a_users_law_is_told(made: Callable[..., str]) -> None:
    study = {**STUDY, "laws": [made(TWICE)]}
    tree = lsgd.simulate(study)
    assert not any(str(name).startswith("stored") for name in lsgd.check(tree)["quantity"].values)
    data = tree["m"].to_dataset(inherit=False)
    wrong = data["mode_variance_law"].copy()
    wrong.loc["twice"] = 0.5 * wrong.sel(law="twice")
    tree["m"] = xr.DataTree(data.assign(mode_variance_law=wrong))
    table = lsgd.check(tree)
    assert "stored[mode_variance_law]" in table["quantity"].values
    assert rows_of(table, "twice")["verdict"].values.tolist() == ["disagrees"]  # as it follows


def test_a_law_that_is_asked_no_more_is_left_out(made: Callable[..., str]) -> None:
    tree = lsgd.simulate({**STUDY, "laws": [made(TWICE)]})
    assert "twice" not in lsgd.check(tree, STUDY)["law"].values


def _raises(point: Point) -> Any:
    raise KeyError("nothing here")


BROKEN: dict[str, tuple[Law, str]] = {
    "raises": (replace(TWICE, predict=_raises), "law twice failed: KeyError: 'nothing here'"),
    "shape": (
        replace(TWICE, predict=lambda point: {"mode_variance": [1.0]}),
        "law twice: predicts mode_variance of shape (1,); (2,) is needed",
    ),
    "name": (replace(TWICE, predict=lambda point: {"mode_varianse": [1.0]}), "predicts mode_varianse, which is not"),
    "silent": (replace(TWICE, predict=lambda point: (_ for _ in ()).throw(NoAnswer("too far"))), "too far"),
    "claims": (replace(TWICE, exact_for=_raises), "law twice failed: KeyError: 'nothing here'"),
    "applies": (replace(TWICE, applies=_raises), "law twice failed: KeyError: 'nothing here'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_law_that_fails_spoils_no_run_and_says_why(name: str, made: Callable[..., str]) -> None:
    law, reason = BROKEN[name]
    tree = lsgd.simulate({**STUDY, "laws": [made(law)]})
    assert tree["m"].attrs["status"] == "done"
    (found,) = rows_of(tree["checks"].to_dataset(), "twice")["reason"].values.tolist()
    assert reason in found
    assert "\n" not in found
    sound = _run()["checks"].to_dataset()
    others = tree["checks"].to_dataset().isel(comparison=tree["checks"]["law"].values != "twice")
    np.testing.assert_array_equal(others["predicted"].values, sound["predicted"].values)
    lsgd.figures(tree, ["mode_prediction", "mode_variance", "energy_distribution"])


def test_what_is_no_law_or_called_like_another_is_told_before_anything_runs(made: Callable[..., str]) -> None:
    for given, message in (
        (twice, "my_laws:law is function; a langevin_sgd.laws.Law is needed"),
        (replace(TWICE, name="isotropic"), "a law is called isotropic already; give it another name"),
    ):
        with pytest.raises(UserError, match=message) as error:
            lsgd.simulate({**STUDY, "laws": [made(given)]})
        assert "\n" not in error.value.render()
    with pytest.raises(UserError, match="no module named no_laws"):
        lsgd.simulate({**STUDY, "laws": ["no_laws:law"]})


def test_laws_stand_in_the_order_of_the_table_and_are_told_apart() -> None:
    laws = known()
    assert [law.identity for law in laws] == list(dict.fromkeys(law.identity for law in laws))
    assert [law.name for law in laws][:4] == ["discrete", "continuum", "isotropic", "epoch"]
    assert len(laws) == len(list(LAWS))
    assert CONTINUUM.made_for(object()) is False


@pytest.mark.validate
@pytest.mark.rendered
def test_a_law_named_in_yaml_goes_through_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Simulated without it; named afterwards, it judges the run, is kept in it, and stands in figure and report."""
    monkeypatch.chdir(tmp_path)
    lsgd.simulate(STUDY, output="run")
    toys = Path(__file__).parents[1] / "extensions" / "toys"
    (tmp_path / "my_own.py").write_text((toys / "law.py").read_text(encoding="utf-8"), encoding="utf-8")
    config = Path("run/config.yaml")
    config.write_text(config.read_text(encoding="utf-8").replace("laws: []", "laws: ['my_own:MEAN_NOISE']"))
    assert cli.main(["check", "run"]) == 2
    assert "allow it with --import my_own" in capsys.readouterr().err
    try:
        assert cli.main(["check", "run", "--import", "my_own"]) == 0
        assert "mean-noise" in capsys.readouterr().out
        kept = lsgd.open_run("run")["m"]
        assert kept["law"].values.tolist() == ["discrete", "continuum", "isotropic", "mean_noise"]
        assert kept["mode_moment_1"].identical(_run()["m"]["mode_moment_1"])
        assert cli.main(["report", "run"]) == 0
        assert "mean-noise" in Path("run/report.html").read_text(encoding="utf-8")
        assert cli.main(["plot", "run", "mode_prediction"]) == 0
        legend = lsgd.figures(lsgd.open_run("run"), ["mode_prediction"])["mode_prediction"].axes[0].get_legend()
        assert any("mean-noise" in text.get_text() for text in legend.get_texts())
        before = Path("run/data.zarr/m/zarr.json").stat().st_mtime_ns
        assert cli.main(["check", "run", "--import", "my_own"]) == 0
        assert Path("run/data.zarr/m/zarr.json").stat().st_mtime_ns == before  # nothing is lacking now
    finally:
        sys.modules.pop("my_own", None)


def test_a_resumed_run_takes_a_law_that_was_named_since(tmp_path: Path, made: Callable[..., str]) -> None:
    run = tmp_path / "run"
    lsgd.simulate(STUDY, output=run)
    tree = lsgd.simulate({**STUDY, "laws": [made(TWICE)]}, output=run, resume=True)
    assert "twice" in tree["m"]["law"].values
    assert "twice" in lsgd.open_run(run)["m"]["law"].values
    assert tree["m"]["mode_moment_1"].identical(_run()["m"]["mode_moment_1"])


def test_a_scan_with_a_point_where_a_law_has_no_answer(made: Callable[..., str]) -> None:
    """At eta k = 2.5 the map of SGD has no stationary state, so `discrete` is lacking there; the others stay."""
    model = {**STUDY["models"]["m"], "dynamics": "continuum"}
    scan = {"models": {"m": model}, "scan": {"sgd.learning_rate": [0.1, 2.5]}}
    tree = lsgd.simulate({**STUDY, **scan, "laws": [made(TWICE)]})
    data = tree["m"].to_dataset(inherit=False)
    assert data["law"].values.tolist() == ["discrete", "continuum", "isotropic", "twice"]
    assert np.isnan(data["mode_variance_law"].sel(law="discrete", learning_rate=2.5)).all()
    table = lsgd.check(tree)
    assert not any(str(name).startswith("stored") for name in table["quantity"].values)
    assert rows_of(table, "twice")["point"].values.tolist() == ["learning_rate=0.1", "learning_rate=2.5"]
    assert set(rows_of(table, "discrete")["point"].values.tolist()) == {"learning_rate=0.1"}
    later = lsgd.check(lsgd.simulate({**STUDY, **scan}), {**STUDY, **scan, "laws": [made(TWICE)]})
    xr.testing.assert_identical(later.drop_attrs(), table.drop_attrs())


def test_a_law_is_at_home_where_its_function_is_whatever_is_held_of_it() -> None:
    assert CONTINUUM.home == "langevin_sgd.laws.quadratic"
    held = replace(CONTINUUM, predict=partial(partial(CONTINUUM.predict)))
    assert held.home == CONTINUUM.home
    assert held.ours


def test_a_record_without_a_title_is_told_by_the_name_of_its_law() -> None:
    record = {"discrete": {"version": 1}, "own": {"version": 1, "title": "mine"}}
    told = xr.Dataset(attrs={RECORD: json.dumps(record)})
    assert title_of("discrete", told) == title_by_name("discrete")
    assert title_of("own", told) == "mine"
