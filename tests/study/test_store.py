from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError

CONFIG = "name: a\nseed: 1\nmodels:\n  network: {steps: 100}\n  ou: {steps: 200}\nchecks: [equilibrium]\n"


def model(value: float = 1.0, status: str = "done") -> xr.Dataset:
    return xr.Dataset(
        {
            "energy": (("replica", "time"), np.full((2, 3), value), {"units": "1", "long_name": "energy"}),
            "noisy": ("mode", np.array([True, False])),
            "mode_variance_law": (("law", "mode"), np.ones((2, 2))),
            "alignment": ((), 0.5),
        },
        coords={"law": np.array(["discrete", "continuum"]), "time": [0.0, 0.1, 0.2]},
        attrs={"kind": "network", "status": status},
    )


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert error.value.render() == text
    return text


def tree_of(**models: xr.Dataset) -> xr.DataTree:
    tree = xr.DataTree.from_dict(models)
    tree.attrs["provenance"] = "{}"
    tree["checks"] = xr.DataTree(xr.Dataset({"verdict": ("comparison", np.array(["agrees", "inconclusive"]))}))
    return tree


def snapshot(path) -> dict[str, bytes | None]:
    return {
        str(file.relative_to(path)): file.read_bytes() if file.is_file() else None for file in sorted(path.rglob("*"))
    }


def finished_run(path, **models: xr.Dataset) -> store.RunDirectory:
    run = store.prepare(path, config=CONFIG)
    for name, dataset in models.items():
        run.save_model(name, dataset)
    run.finalize(tree_of(**models))
    run.close()
    return run


# what is stored comes back


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


# where a run may be written


def test_new_and_empty_directories_are_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "not" / "there" / "yet"):
        run = store.prepare(path, config=CONFIG)
        assert (run.path / "config.yaml").read_text() == CONFIG
        assert store.read_config(path) == CONFIG
        assert store.holds_run(path)


def test_an_existing_run_is_refused_untouched(tmp_path):
    finished_run(tmp_path / "run", network=model())
    before = snapshot(tmp_path)
    with pytest.raises(StoreError) as error:
        store.prepare(tmp_path / "run", config=CONFIG)
    assert "--resume" in one_line(error)
    assert "--overwrite" in one_line(error)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}, {"resume": True}])
def test_a_directory_that_is_no_run_is_never_touched(tmp_path, flags):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "config.yaml").write_text("mine")
    (tmp_path / "thesis" / "data.zarr").mkdir()
    before = snapshot(tmp_path)
    with pytest.raises(StoreError) as error:
        store.prepare(tmp_path / "thesis", config=CONFIG, **flags)
    assert str(tmp_path / "thesis") in one_line(error)
    assert snapshot(tmp_path) == before


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    for path in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(StoreError) as error:
            store.prepare(path, config=CONFIG, overwrite=True)
        assert str(tmp_path / "run") in one_line(error)
    assert (tmp_path / "run").read_text() == "mine"


def test_an_unwritable_parent_is_one_line(tmp_path, monkeypatch):
    def refuse(self, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(StoreError, match="cannot be written: Permission denied") as error:
        store.prepare(tmp_path / "run", config=CONFIG)
    one_line(error)


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    run = store.prepare(tmp_path / "run", config=CONFIG)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_zarr", full)
    with pytest.raises(StoreError, match="No space left on device") as error:
        run.save_model("network", model())
    one_line(error)


def test_overwriting_removes_what_the_run_wrote_and_nothing_else(tmp_path):
    run = finished_run(tmp_path / "run", network=model())
    store.save_text(run.path, "report.html", "<html>")
    store.save_figures(run.path, {"a.png": b"png"})
    store.save_figures(run.path, {"b.pdf": b"pdf"})
    run.checkpoint("network").save({"a": np.zeros(1)})
    (run.path / "notes.txt").write_text("mine")
    (run.path / "figures" / "mine.png").write_text("mine")
    store.prepare(run.path, config=CONFIG, overwrite=True)
    left = {name for name in snapshot(run.path) if not name.startswith(("data.zarr", ".state"))}
    assert left == {"config.yaml", "notes.txt", "figures", "figures/mine.png"}
    assert (run.path / "figures" / "mine.png").read_text() == "mine"
    assert not store.open_run(run.path).children
    assert store.prepare(run.path, config=CONFIG, resume=True).checkpoint("network").load() is None


def test_overwriting_follows_no_link_out_of_the_run(tmp_path):
    run = finished_run(tmp_path / "run", network=model())
    (tmp_path / "elsewhere").mkdir()
    (run.path / "data.zarr").rename(tmp_path / "elsewhere" / "data.zarr")
    (run.path / "data.zarr").symlink_to(tmp_path / "elsewhere" / "data.zarr")
    store.prepare(run.path, config=CONFIG, overwrite=True)
    assert (tmp_path / "elsewhere" / "data.zarr" / "network").is_dir()
    assert not store.open_run(run.path).children


# going on with a run


def test_resuming_needs_a_run(tmp_path):
    with pytest.raises(StoreError, match="no run here to resume; leave out --resume") as error:
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


# reading and exporting


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


# damage


def chunk_of(path, group: str, name: str):
    return next(file for file in (path / "data.zarr" / group / name / "c").rglob("*") if file.is_file())


DAMAGE = {
    "empty metadata of a group": (lambda run: run / "data.zarr/ou/zarr.json", b"", "data.zarr/ou: is damaged ("),
    "no metadata of a group": (lambda run: run / "data.zarr/ou/zarr.json", None, "data.zarr/ou: is damaged ("),
    "metadata of an array": (lambda run: run / "data.zarr/ou/energy/zarr.json", b"null", "energy/zarr.json"),
    "no metadata of an array": (lambda run: run / "data.zarr/ou/energy/zarr.json", None, "energy/zarr.json"),
    "a chunk": (lambda run: chunk_of(run, "ou", "energy"), b"garbage", "data.zarr/ou: is damaged (its energy"),
    "a chunk of text": (lambda run: chunk_of(run, "checks", "verdict"), b"garbage", "data.zarr/checks"),
    "the root": (lambda run: run / "data.zarr/zarr.json", b"{", "data.zarr/zarr.json"),
    "the root, of another kind": (lambda run: run / "data.zarr/zarr.json", b"[]", "data.zarr/zarr.json"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named_in_one_line_and_resuming_changes_nothing(tmp_path, case):
    run = finished_run(tmp_path / "run", network=model(1.0), ou=model(2.0))
    place, content, named = DAMAGE[case]
    file = place(run.path)
    file.unlink() if content is None else file.write_bytes(content)
    before = snapshot(run.path)
    for attempt in (
        lambda: store.open_run(run.path, load=True),
        lambda: store.prepare(run.path, config=CONFIG, resume=True),
        lambda: store.export(run.path, tmp_path / "a.nc"),
    ):
        with pytest.raises(StoreError, match="is damaged") as error:
            attempt()
        assert str(run.path / "data.zarr") in one_line(error)
        assert named in one_line(error)
        assert "--resume" in one_line(error)
    assert snapshot(run.path) == before
    store.prepare(run.path, config=CONFIG, overwrite=True)
    assert not store.open_run(run.path).children


@pytest.mark.parametrize("removed", ["ou", "checks", "zarr.json"])
def test_what_was_damaged_and_is_removed_is_made_anew(tmp_path, removed):
    run = finished_run(tmp_path / "run", network=model(1.0), ou=model(2.0))
    target = run.path / "data.zarr" / removed
    target.unlink() if target.is_file() else shutil.rmtree(target)
    again = store.prepare(run.path, config=CONFIG, resume=True)
    kept = again.finished()
    assert set(kept) == {"network", "ou"} - {removed}
    xr.testing.assert_identical(kept["network"], model(1.0))
    again.finalize(tree_of(network=model(1.0), ou=model(2.0)))
    tree = store.open_run(run.path, load=True)
    assert set(tree.children) == {"network", "ou", "checks"}
    assert "unfinished" not in tree.attrs
    assert float(tree["ou"].energy[0, 0]) == 2.0


def test_missing_data_are_no_reason_to_run_all_of_it_again(tmp_path):
    run = finished_run(tmp_path / "run", network=model())
    shutil.rmtree(run.data)
    before = snapshot(run.path)
    for attempt in (lambda: store.open_run(run.path), lambda: store.prepare(run.path, config=CONFIG, resume=True)):
        with pytest.raises(StoreError, match=r"data\.zarr: is missing; put it back, or .* --overwrite") as error:
            attempt()
        one_line(error)
    assert snapshot(run.path) == before


@pytest.mark.parametrize("stage", ["replace_text", "write_root"])
def test_an_interruption_before_the_first_model_leaves_no_run_that_cannot_be_resumed(tmp_path, monkeypatch, stage):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, stage, interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.prepare(tmp_path / "run", config=CONFIG)
    assert snapshot(tmp_path / "run") == {}
    assert store.prepare(tmp_path / "run", config=CONFIG).finished() == {}


def test_an_interruption_while_resuming_loses_nothing(tmp_path, monkeypatch):
    run = finished_run(tmp_path / "run", network=model())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_root", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.prepare(run.path, config=CONFIG, resume=True)
    assert set(store.prepare(run.path, config=CONFIG, resume=True).finished()) == {"network"}


@pytest.mark.parametrize("content", [b"]] garbage: [", b"\xff\xfe\x00", b"words", b""])
def test_a_damaged_config_is_named(tmp_path, content):
    run = finished_run(tmp_path / "run", network=model())
    (run.path / "config.yaml").write_bytes(content)
    before = snapshot(run.path)
    with pytest.raises(StoreError, match=r"run/config\.yaml.* put a copy of it back") as error:
        store.prepare(run.path, config=CONFIG, resume=True)
    assert "\n" not in error.value.render()
    assert snapshot(run.path) == before
    assert "network" in store.open_run(run.path, load=True).children  # a finished run needs no config to be read
    store.prepare(run.path, config=CONFIG, overwrite=True)
    (run.path / "config.yaml").write_bytes(content)
    with pytest.raises(StoreError, match=r"run/config\.yaml"):
        store.open_run(run.path)


@pytest.mark.parametrize("name", ["writer.json", "figures.json"])
def test_damaged_notes_of_a_run_are_named(tmp_path, name):
    run = finished_run(tmp_path / "run", network=model())
    (run.path / ".state" / name).write_text("{")
    before = snapshot(run.path)
    with pytest.raises(StoreError, match=rf"\.state/{name}: is damaged .*; remove it") as error:
        store.prepare(run.path, config=CONFIG, overwrite=True)
    one_line(error)
    assert snapshot(run.path) == before


# unfinished runs


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


def test_netcdf_holds_the_same_numbers(tmp_path, make_run, make_tree):
    path = make_run(failed=True)
    file = store.export(path, tmp_path / "run.nc")
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["run.nc"]
    with xr.open_datatree(file, engine="h5netcdf") as exported:
        made = make_tree(failed=True)
        xr.testing.assert_equal(exported["network"].to_dataset().load(), made["network"].to_dataset())
        assert exported["hot"].attrs["error"] == made["hot"].attrs["error"]
        assert list(exported["checks"].law.values) == list(made["checks"].law.values)
        assert exported.attrs["provenance"] == made.attrs["provenance"]


def test_a_tree_in_memory_is_exported_too(tmp_path):
    odd = model().assign_attrs(flag=True, nothing=None, nested={"a": 1})
    file = store.export(tree_of(network=odd), tmp_path / "a.nc")
    with xr.open_datatree(file, engine="h5netcdf") as exported:
        attributes = exported["network"].attrs
        assert (attributes["flag"], attributes["nothing"], attributes["nested"]) == (1, "null", '{"a": 1}')


def test_export_refuses_in_one_line(tmp_path):
    run = finished_run(tmp_path / "run", network=model())
    (tmp_path / "there.nc").write_text("mine")
    for name, message in (("there.nc", "--overwrite"), ("table.csv", r"\.nc"), ("no/where.nc", "cannot be written")):
        with pytest.raises(StoreError, match=message) as error:
            store.export(run.path, tmp_path / name)
        assert name in one_line(error)
    assert (tmp_path / "there.nc").read_text() == "mine"
    store.export(run.path, tmp_path / "there.nc", overwrite=True)
    with xr.open_datatree(tmp_path / "there.nc", engine="h5netcdf") as exported:
        assert "network" in exported.children
