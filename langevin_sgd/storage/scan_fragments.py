"""Results of tasks that wait to be put into the store, which takes them in order: one file a task, with its checksum.

A file appears in one stroke, so it is whole or not there. What is read back is the Dataset to the last bit: a file
holds the arrays as numpy writes them, and in front of them their names, dimensions and attributes.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd import options
from langevin_sgd.storage.scan_files import writing
from langevin_sgd.storage.zarr_groups import StoreError

_SUFFIX = ".npz"
_HEADER = "header"
_CHECKSUM = 4  # bytes in front of the archive


class Fragments:
    """The results that wait in one folder, by the label of their task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, label: str) -> bool:
        return self._file(label).exists()

    def put(self, label: str, data: xr.Dataset) -> None:
        """Keep the result of a task. Raises `StoreError` if the disk refuses."""
        content = _packed(data)
        file = self._file(label)
        with writing(file):
            self.folder.mkdir(parents=True, exist_ok=True)
            # by a name of this process: several may write to the folder, be it the same result
            partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
            try:
                partial.write_bytes(zlib.crc32(content).to_bytes(_CHECKSUM, "big") + content)
                os.replace(partial, file)
            finally:
                partial.unlink(missing_ok=True)

    def get(self, label: str) -> xr.Dataset | None:
        """The result of a task, None if none is kept. Raises `StoreError` if the file is damaged."""
        file = self._file(label)
        with writing(file):
            try:
                content = file.read_bytes()
            except FileNotFoundError:
                return None
        mend = f"remove it, and go on with {options.flag('resume')}, which runs its points again"
        if zlib.crc32(content[_CHECKSUM:]).to_bytes(_CHECKSUM, "big") != content[:_CHECKSUM]:
            raise StoreError(f"{file}: is damaged; {mend}")
        try:
            return _unpacked(content[_CHECKSUM:])
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(f"{file}: was not written by this version ({error}); {mend}") from error

    def remove(self, label: str) -> None:
        """Forget the result of a task."""
        with writing(self._file(label)):
            self._file(label).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, label: str) -> Path:
        return self.folder / f"{label}{_SUFFIX}"


def _packed(data: xr.Dataset) -> bytes:
    arrays, variables = {}, []
    for number, (name, variable) in enumerate(data.variables.items()):
        values = variable.values
        texts = values.dtype.kind in "OT"
        arrays[str(number)] = values.astype(str) if texts else values
        told = {"name": name, "dims": list(variable.dims), "attrs": variable.attrs}
        variables.append({**told, "coordinate": name in data.coords, "texts": texts})
    header = json.dumps({"variables": variables, "attrs": data.attrs}, default=_plain)
    file = io.BytesIO()
    arrays[_HEADER] = np.frombuffer(header.encode("utf-8"), np.uint8)
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> xr.Dataset:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(archive[_HEADER].tobytes().decode("utf-8"))
        arrays = [archive[str(number)] for number in range(len(header["variables"]))]
    found = {
        str(told["name"]): xr.Variable(told["dims"], values.astype(object) if told["texts"] else values, told["attrs"])
        for told, values in zip(header["variables"], arrays, strict=True)
    }
    data = xr.Dataset(found, attrs=header["attrs"])
    return data.set_coords([told["name"] for told in header["variables"] if told["coordinate"]])[list(found)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no attribute")
