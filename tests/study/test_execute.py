"""A study as a whole: order, failures that do not take the rest along, provenance, and what stays on disk."""

import json
from dataclasses import replace

import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.execute import failures

pytestmark = pytest.mark.usefixtures("own_modules")

QUADRATIC = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.2]},
    "noise": {"kind": "isotropic", "scale": 1.0},
    "steps": 500,
    "replicas": 16,
}
SGD = {"learning_rate": 0.2, "batch_size": 4}


def study(**models: object) -> dict:
    return {"name": "study", "seed": 9, "sgd": SGD, "models": models, "checks": ["equilibrium"]}


def hot_network(**changes: object) -> dict:
    """Softmax regression far over its stability limit, which only its Hessian can tell."""
    network = {"kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"}}
    network |= {"steps": 200, "replicas": 2}
    return {**network, "sgd": {"learning_rate": 50.0, "weight_decay": 0.05}, **changes}


def test_a_model_that_fails_is_named_and_leaves_the_others_alone(tmp_path) -> None:
    config = study(
        dependent={"kind": "ornstein_uhlenbeck", "hessian": {"from": "hot"}, "noise": {"from": "hot"}},
        hot=hot_network(),
        calm=QUADRATIC,
    )
    with pytest.warns(RuntimeWarning) as warned:
        tree = lsgd.simulate(config, output=tmp_path / "run")
    assert [str(each.message).partition(" at step")[0] for each in warned] == [
        "dependent: skipped: hot failed, and dependent is measured on it",
        "hot: failed: hot diverged",
    ]
    assert {each.filename for each in warned} == {__file__}
    assert {name: node.attrs["status"] for name, node in tree.children.items() if name != "checks"} == {
        "dependent": "skipped",
        "hot": "failed",
        "calm": "done",
    }
    error = tree["hot"].attrs["error"]
    assert "hot" in error
    assert "step 0" in error
    assert error.count("learning rate x Hessian eigenvalue") == error.count("stability needs less than") == 1
    assert set(failures(tree)) == {"dependent", "hot"}
    table = tree["checks"]
    assert set(table.model.values) == {"calm"}
    assert json.loads(table.attrs["summary"])["verdict"] != "agrees"
    assert lsgd.open_run(tmp_path / "run")["calm"].to_dataset().equals(tree["calm"].to_dataset())


def test_divergence_in_the_middle_of_training_names_the_step() -> None:
    with pytest.warns(RuntimeWarning, match="hot: failed: "):
        tree = lsgd.simulate(study(hot=hot_network(start="shared"), calm=QUADRATIC))
    assert tree["hot"].attrs["status"] == "failed"
    assert "diverged at step" in tree["hot"].attrs["error"]
    assert tree["calm"].attrs["status"] == "done"


def test_a_progress_that_is_told_of_a_failure_is_not_warned_of_it(recwarn) -> None:
    told: list[str] = []

    class Listening(NullProgress):
        def message(self, text: str) -> None:
            told.append(text)

    lsgd.simulate(study(hot=hot_network(start="shared"), calm=QUADRATIC), progress=Listening())
    (line,) = told
    assert line.startswith("hot: failed: ")
    assert not recwarn.list


def test_provenance_says_where_the_numbers_came_from() -> None:
    tree = lsgd.simulate(study(ou=QUADRATIC))
    provenance = json.loads(tree.attrs["provenance"])
    assert provenance["seed"] == 9
    assert provenance["device"] == "cpu"
    assert provenance["versions"]["langevin-sgd"] == lsgd.__version__
    assert provenance["backends"] == {"ou": tree["ou"].attrs["backend"]}
    assert provenance["elapsed_seconds"] > 0
    again = lsgd.simulate(provenance["config"])
    assert again["ou"].to_dataset().equals(tree["ou"].to_dataset())


def test_every_variable_says_its_unit_and_its_name() -> None:
    for name, variable in lsgd.simulate(study(ou=QUADRATIC))["ou"].variables.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name


def test_adding_a_model_or_replicas_changes_no_old_number() -> None:
    alone = lsgd.simulate(study(ou=QUADRATIC))["ou"]
    more = lsgd.simulate(study(other={**QUADRATIC, "replicas": 8}, ou={**QUADRATIC, "replicas": 24}))["ou"]
    assert more.energy.isel(replica=slice(16)).equals(alone.energy)


def test_nothing_is_written_without_an_output(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lsgd.simulate(study(ou=QUADRATIC))
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="output"):
        lsgd.simulate(study(ou=QUADRATIC), resume=True)
    with pytest.raises(UserError, match="overrides"):
        lsgd.simulate(study(ou=QUADRATIC), overrides=["seed=2"])


def test_a_device_that_is_not_there_is_refused_before_anything_is_touched(tmp_path, monkeypatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, fault in (("cuda", "sees 0 CUDA devices"), ("cuda:3", "sees 0"), ("gpu", "unknown device")):
        with pytest.raises(UserError, match=fault):
            lsgd.simulate(study(ou=QUADRATIC, hot=hot_network(start="shared")), device=device, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert json.loads(lsgd.simulate(study(ou=QUADRATIC), device="auto").attrs["provenance"])["device"] == "cpu"


def test_what_cannot_be_imported_is_told_before_anything_is_written(tmp_path) -> None:
    data, factory = {"name": "no_such_module:load"}, {"kind": "module", "factory": "no_networks:make"}
    missing = (({"data": data}, "no module named no_such"), ({"architecture": factory}, "no module named no_networks"))
    for change, told in missing:
        with pytest.raises(UserError, match=told):
            lsgd.simulate(study(ou=QUADRATIC, hot=hot_network(start="shared", **change)), output=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_resumed_run_has_the_record_of_laws_of_one_that_was_not_stopped(tmp_path, monkeypatch) -> None:
    """Also where laws are of a later version than the first: those of a finished model are not asked a second time."""
    from langevin_sgd.laws.quadratic import DISCRETE
    from langevin_sgd.study import answers, execute

    mode = {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
        "noise": {"kind": "isotropic", "scale": 0.4}, "replicas": 4, "steps": 40,
    }  # fmt: skip
    study = {"name": "modes", "seed": 1, "sgd": {"learning_rate": 0.2, "batch_size": 4}}
    study |= {"models": {"first": mode, "last": mode}}
    monkeypatch.setattr("langevin_sgd.laws.quadratic.DISCRETE", replace(DISCRETE, version=2))
    run_model, names = execute.run_model, []

    def stopped(study, name, around):
        names.append(name)
        if names == ["first", "last"]:
            raise KeyboardInterrupt
        return run_model(study, name, around)

    lsgd.simulate(study, output=tmp_path / "whole")
    monkeypatch.setattr(execute, "run_model", stopped)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(study, output=tmp_path / "run")
    monkeypatch.setattr(answers, "completed", None)  # nothing is left to be answered
    lsgd.simulate(study, output=tmp_path / "run", resume=True)
    assert names == ["first", "last", "last"]
    for name in ("first", "last"):
        file = f"data.zarr/{name}/zarr.json"
        text = (tmp_path / "run" / file).read_text()
        assert text == (tmp_path / "whole" / file).read_text()
        assert json.loads(json.loads(text)["attributes"]["laws"])["discrete"]["version"] == 2
