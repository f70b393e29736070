"""A study on disk: what is stored comes back, where a run may be written, and going on with one."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr
from made_up_runs import CONFIG, finished_run, model, one_line, snapshot, tree_of

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError


def test_a_study_comes_back_as_it_was(tmp_path, make_tree, make_run):
    made = make_tree(failed=True)
    back = store.open_run(make_run(failed=True))
    assert list(back.children) == ["network", "ou", "isotropic", "hot", "after_hot", "checks"]
    for name in ("network", "ou", "hot", "after_hot"):
        xr.testing.assert_identical(back[name].to_dataset().load(), made[name].to_dataset())
        assert list(back[name].data_vars) == list(made[name].data_vars)
    table, made_table = back["checks"].to_dataset(), made["checks"].to_dataset()
    assert list(table) == list(made_table)
    for column in table:
        np.testing.assert_array_equal(table[column].values.astype(str), made_table[column].values.astype(str))
    assert back.attrs["provenance"] == made.attrs["provenance"]
    assert back.attrs["status"] == "finished"
    assert list(back["network"].mode_variance.dims) == ["mode"]
    assert back["network"].mode_variance.attrs["units"] == "1"


def test_coordinates_along_dimensions_of_their_own_come_back(tmp_path):
    edges = model().assign_coords(x_edge=[0.0, 0.5, 1.0])
    finished_run(tmp_path / "run", network=edges)
    xr.testing.assert_identical(store.open_run(tmp_path / "run")["network"].to_dataset(inherit=False), edges)


def test_xarray_alone_opens_a_run(make_run):
    # warnings are errors here, and xarray warns about stores without consolidated metadata
    path = make_run()
    tree = xr.open_datatree(path / "data.zarr", engine="zarr")
    assert {"network", "ou", "checks"} <= set(tree.children)
    group = xr.open_dataset(path / "data.zarr", group="network", engine="zarr")
    assert float(group.mode_variance_law.sel(law="discrete").sum()) > 0


def test_models_survive_a_run_that_was_killed(tmp_path):
    run = store.prepare(tmp_path / "run", config=CONFIG)
    run.checkpoint("network").save({"step": np.int64(3)})
    run.save_model("network", model())
    run.save_model("ou", model(status="failed"))
    run.checkpoint("other").save({"step": np.int64(3)})
    tree = store.open_run(tmp_path / "run")
    assert list(tree.children) == ["network", "ou"]
    assert tree.attrs["status"] == "unfinished"
    run.close()
    again = store.prepare(tmp_path / "run", config=CONFIG, resume=True)
    assert list(again.finished()) == ["network"]
    xr.testing.assert_identical(again.finished()["network"], model())
    assert again.checkpoint("network").load() is None
    assert again.checkpoint("other").load() == {"step": 3}


def test_a_model_that_failed_is_replaced_on_resuming(tmp_path):
    run = store.prepare(tmp_path / "run", config=CONFIG)
    run.save_model("network", model(1.0, status="failed"))
    run.save_model("network", model(2.0))
    assert float(run.finished()["network"].energy[0, 0]) == 2.0


def test_finalizing_stores_what_is_not_there_yet(tmp_path):
    run = store.prepare(tmp_path / "run", config=CONFIG)
    run.save_model("network", model())
    run.finalize(tree_of(network=model(), ou=model(3.0)))
    tree = store.open_run(tmp_path / "run")
    assert list(tree.children) == ["network", "ou", "checks"]
    assert list(tree["checks"].verdict.values) == ["agrees", "inconclusive"]


def test_checks_are_replaced(tmp_path):
    run = finished_run(tmp_path / "run", network=model())
    store.save_checks(run.path, xr.Dataset({"verdict": ("comparison", np.array(["disagrees"]))}))
    assert list(store.open_run(run.path)["checks"].verdict.values) == ["disagrees"]


@pytest.mark.parametrize("name", ["checks", "a/b", ".hidden"])
def test_names_that_would_collide_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be the name of a model"):
        store.prepare(tmp_path / "run", config=CONFIG).save_model(name, model())


def test_resuming_needs_a_run(tmp_path):
    with pytest.raises(StoreError, match="no run here to resume; leave out resume=True") as error:
        store.prepare(tmp_path / "run", config=CONFIG, resume=True)
    one_line(error)
    assert not (tmp_path / "run").exists()


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    with pytest.raises(StoreError, match="exclude each other"):
        store.prepare(tmp_path / "run", config=CONFIG, resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("steps: 100", "steps: 101", "models.network.steps was 100 and is 101 now"),
        ("seed: 1", "seed: 2", "seed was 1 and is 2 now"),
        ("  ou: {steps: 200}\n", "", "models.ou.steps was 200 and is not set now"),
        ("seed: 1", "seed: 1\nextra: 3", "extra was not set and is 3 now"),
    ],
)
def test_resuming_with_another_config_names_the_key(tmp_path, old, new, key):
    finished_run(tmp_path / "run", network=model())
    before = snapshot(tmp_path)
    with pytest.raises(StoreError) as error:
        store.prepare(tmp_path / "run", config=CONFIG.replace(old, new), resume=True)
    assert key in one_line(error)
    assert snapshot(tmp_path) == before


def test_what_changes_no_trajectory_may_change_on_resuming(tmp_path):
    finished_run(tmp_path / "run", network=model())
    config = "description: words\noutput: there\n" + CONFIG.replace("[equilibrium]", "[]")
    run = store.prepare(tmp_path / "run", config=config, resume=True)
    assert store.read_config(run.path) == config
    assert list(run.finished()) == ["network"]


def test_what_is_no_run_is_refused_with_what_is_near(tmp_path):
    finished_run(tmp_path / "side_by_side", network=model())
    for path in (tmp_path / "side_by_sid", tmp_path):
        with pytest.raises(StoreError) as error:
            store.open_run(path)
        assert "side_by_side" in one_line(error)
    with pytest.raises(StoreError):
        store.read_config(tmp_path)


def test_a_tree_in_place_of_a_directory_is_told():
    with pytest.raises(StoreError, match="a run directory is needed, not a tree"):
        store.open_run(tree_of(network=model()))


def test_an_unfinished_run_says_what_it_lacks_and_how_to_go_on(tmp_path):
    run = store.prepare(tmp_path / "my run", config=CONFIG)
    writer = run.path / ".state" / "writer.json"

    def lacks() -> str:
        return store.open_run(run.path).attrs["unfinished"]

    assert lacks().startswith(f"unfinished: network, ou are missing; process {os.getpid()} is still writing")
    writer.unlink()
    run.checkpoint("network").save({"step": np.int64(1234)})
    command = f"langevin-sgd simulate '{run.path}/config.yaml' --output '{run.path}' --resume"
    assert lacks() == f"unfinished: network is stopped at step 1,234, ou is missing; {command} finishes it"
    run.checkpoint("network").path.write_bytes(b"PK")
    assert f"network is stopped with a damaged checkpoint ({run.path / '.state' / 'network.npz'})" in lacks()
    run.save_model("network", model())
    assert lacks().startswith("unfinished: ou is missing; ")
    run.save_model("ou", model())
    assert lacks().startswith("unfinished: all models are there, the comparisons and the report are not; ")
    with_names = tree_of(network=model(), ou=model())
    with_names.attrs["provenance"] = json.dumps({"config": {"models": {"network": {}, "ou": {}}}})
    run.finalize(with_names)
    assert "unfinished" not in store.open_run(run.path).attrs
    shutil.rmtree(run.data / "ou")
    assert lacks().startswith("unfinished: ou is missing; ")
