"""Runs as netCDF files for other tools: the same numbers, and refusals in one line."""

from __future__ import annotations

import pytest
import xarray as xr
from made_up_runs import finished_run, model, one_line, tree_of

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError


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
    for name, message in (("there.nc", "overwrite=True"), ("table.csv", r"\.nc"), ("no/where.nc", "cannot be written")):
        with pytest.raises(StoreError, match=message) as error:
            store.export(run.path, tmp_path / name)
        assert name in one_line(error)
    assert (tmp_path / "there.nc").read_text() == "mine"
    store.export(run.path, tmp_path / "there.nc", overwrite=True)
    with xr.open_datatree(tmp_path / "there.nc", engine="h5netcdf") as exported:
        assert "network" in exported.children
