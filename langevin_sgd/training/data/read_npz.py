"""Data sets from .npz files, without pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin, choice
from langevin_sgd.errors import UserError
from langevin_sgd.paths import local
from langevin_sgd.training.data.dataset import DataSet, checked
from langevin_sgd.training.data.npz import NpzData
from langevin_sgd.training.data.targets import class_count, real

_NPY = b"\x93NUMPY"


def load(section: NpzData) -> DataSet:
    """The arrays by name. Raises `UserError` in one line for what is no such file or does not fit."""
    path = local(section.path)
    names = [section.inputs, section.labels, section.test_inputs, section.test_labels]
    try:
        with path.open("rb") as file:
            begins = file.read(len(_NPY))
            if begins != _NPY and not zipfile.is_zipfile(file):
                raise UserError(f"{path}: is no .npz file, or cut off; write it with numpy.savez")
            file.seek(0)
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: is one array (.npy); write several by name with numpy.savez")
            inputs, labels, *test = (None if name is None else _array(arrays, name, path) for name in names)
    except FileNotFoundError:
        raise FaultWithin(("data", "path"), f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise UserError(f"{path}: is no whole .npz file of numbers ({error}); write it with numpy.savez") from error
    assert inputs is not None
    assert labels is not None
    classes = None
    if section.targets == "real":
        labels, test[1] = real(labels), None if test[1] is None else real(test[1])
    else:
        classes = class_count(section, labels, test[1])
    return checked(DataSet(inputs, labels, classes, test[0], test[1], name="npz"), str(path))


def _array(arrays: Any, name: str, path: Path) -> NDArray[Any]:
    if name not in arrays.files:
        raise UserError(f"{path}: has no array {name!r}; {choice(name, arrays.files)}")
    array: NDArray[Any] = arrays[name]
    return array
