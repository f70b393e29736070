"""A data set from a function of the user's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd import import_path
from langevin_sgd.errors import UserError
from langevin_sgd.training.data import DATA
from langevin_sgd.training.data.dataset import DataSet, checked
from langevin_sgd.training.data.section import DataSection


def load(section: DataSection) -> DataSet:
    """What the function returns, checked, and the same at a second call.

    Raises `UserError` if it is not, if the function fails, and if what it returns does not fit together.
    """
    loaded, again = _called(section), _called(section)
    for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
        first, second = getattr(loaded, name), getattr(again, name)
        if (first is None) != (second is None) or (first is not None and not _equal(first, second)):
            raise UserError(
                f"{section.name}: {name} are others at a second call, so that no two models of a study would have "
                "the same data; seed what draws them, as by numpy.random.default_rng(0)"
            )
    return loaded


def _equal(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and bool(np.all(first == second))


def _called(section: DataSection) -> DataSet:
    function: Callable[..., Any] = DATA.function(section.name)
    given = {} if section.folder is None else {"folder": os.path.expanduser(section.folder)}
    return checked(import_path.call(function, section.name, given, {}), section.name)
