"""Where a run may be written: new and empty folders, and never over what is not its own."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_runs import CONFIG, finished_run, model, one_line, snapshot

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError


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
    assert "resume=True" in one_line(error)
    assert "overwrite=True" in one_line(error)
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
