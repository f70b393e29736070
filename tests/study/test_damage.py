"""Damaged and interrupted runs: named in one line, nothing changed, and made anew where that is asked for."""

from __future__ import annotations

import shutil

import pytest
import xarray as xr
from made_up_runs import CONFIG, finished_run, model, one_line, snapshot, tree_of

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError


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
        assert "resume=True" in one_line(error)
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
        with pytest.raises(StoreError, match=r"data\.zarr: is missing; put it back, or .* overwrite=True") as error:
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
