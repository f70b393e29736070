"""Runs as netCDF-4 files, for other tools."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd import options
from langevin_sgd.paths import local
from langevin_sgd.storage.replacing import replace_file
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.study.run_reading import open_run
from langevin_sgd.study.run_state import reading, writing

_SUFFIXES = (".nc", ".nc4")


def export(run: str | os.PathLike[str] | xr.DataTree, file: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a run to one netCDF-4 file, a group a model; returns its path.

    Raises `StoreError` if the file exists (unless `overwrite`), is not named *.nc, or cannot be written.
    """
    file = local(file)
    if file.suffix not in _SUFFIXES:
        raise StoreError(f"{file}: a netCDF file is written, so its name must end in {' or '.join(_SUFFIXES)}")
    with reading(file):
        taken = file.exists() and not (overwrite and file.is_file())
    if taken:
        raise StoreError(f"{file}: exists already; replace it with {options.flag('overwrite')} or choose another name")
    tree = run if isinstance(run, xr.DataTree) else open_run(run, load=True)
    nodes = {node.path: _netcdf_attributes(node.to_dataset(inherit=False)) for node in tree.subtree}
    # The HDF5 library ends the process where a disk fills while it writes, so it writes to memory.
    content = xr.DataTree.from_dict(nodes).to_netcdf(engine="h5netcdf")
    with writing(file):
        replace_file(file, content)
    return file


def _netcdf_attributes(dataset: xr.Dataset) -> xr.Dataset:
    """Attributes that netCDF can hold: it knows neither truth values nor nested ones."""

    def plain(value: Any) -> Any:
        if isinstance(value, bool | np.bool_):
            return np.int8(value)
        return json.dumps(value) if value is None or isinstance(value, dict) else value

    converted = dataset.copy()
    converted.attrs = {key: plain(value) for key, value in dataset.attrs.items()}
    for name, variable in dataset.variables.items():
        converted[name].attrs = {key: plain(value) for key, value in variable.attrs.items()}
    return converted
