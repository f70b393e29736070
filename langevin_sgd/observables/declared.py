"""The observables of every ensemble that moves, and the Dataset of one model.

A check or a figure reads these variables and never knows where its data came from. Quantities are dimensionless (units
"1"), since the loss is a number and the coordinates are weights; durations are counted in steps (units "step"). What
only some kinds of model emit they declare themselves, in their `DECLARES`; what several of them share is in
`observables.modes` and `observables.basins`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.scanned import POINT
from langevin_sgd.observables.variable import Coordinate, Declarations, joined, merged

GIVEN_TEMPERATURE = "temperature T, twice the thermal energy"
"""What a temperature is that does not follow from learning rate and batch size; one that is scanned is given."""


def dataset(
    *parts: Mapping[str, ArrayLike],
    coords: Mapping[str, ArrayLike],
    declares: Declarations | None = None,
    attrs: Mapping[str, Any] | None = None,
    members: Literal["replica", "disorder"] = "replica",
    of_points: Collection[str] = (),
) -> xr.Dataset:
    """Build the Dataset of one model from named arrays, given in one mapping or in several that have no name in common.

    Dimensions, units and long names come from `ENSEMBLE` and from `declares`, what the model's kind adds to it. Raises
    `ValueError` for an undeclared name, a wrong number of dimensions, a coordinate given as an observable or the other
    way round, a name that is emitted twice, by two parts or as an observable and a coordinate, and one that `declares`
    says something else of than `ENSEMBLE`. So no model emits by accident what the others lack or call otherwise.
    `members` are what an ensemble consists of: where it is disorders, they stand for the replicas. Names in `of_points`
    hold many points of a scan, along the dimension `point` before their own.
    """
    known = merged(ENSEMBLE, declares or {})
    values = joined(*parts)
    joined(values, coords)  # xarray would take a coordinate for the observable of the same name
    told = _as_it_ran(values, coords)

    def variable(name: str, value: ArrayLike, coordinate: bool) -> xr.Variable:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ValueError(f"{name} is not a declared observable; {meant}a kind's own stand in its DECLARES")
        declared = known[name]
        if isinstance(declared, Coordinate) != coordinate:
            raise ValueError(f"{name} is declared as {'an observable' if coordinate else 'a coordinate'}; emit it so")
        own = (members if dim == "replica" else dim for dim in declared.dims)
        dims = (POINT, *own) if name in of_points else tuple(own)
        if (found := np.ndim(value)) != len(dims):
            raise ValueError(f"{name} has {found} dimensions, and is declared with {len(dims)} ({', '.join(dims)})")
        attrs = {"units": declared.units, "long_name": told.get(name, declared.long_name)}
        return xr.Variable(dims, np.asarray(value), attrs)

    return xr.Dataset(
        {name: variable(name, value, coordinate=False) for name, value in values.items()},
        coords={name: variable(name, value, coordinate=True) for name, value in coords.items()},
        attrs=dict(attrs or {}),
    )


def column(values: Iterable[ArrayLike]) -> NDArray[Any]:
    """One number of every point, (point,)."""
    return np.array(list(values))


def columns(rows: Iterable[Mapping[str, ArrayLike]]) -> dict[str, ArrayLike]:
    """Numbers of every point by name, each (point,)."""
    listed = list(rows)
    return {name: column(row[name] for row in listed) for name in listed[0]}


def _as_it_ran(values: Mapping[str, ArrayLike], coords: Mapping[str, ArrayLike]) -> dict[str, str]:
    """Long names that hang on the process: its steps are SGD's or its own, its temperature minibatches' or given."""
    given = {} if "batch_size" in values else {"temperature": GIVEN_TEMPERATURE}
    if "step" not in coords:
        return given
    own = "time_step" in values and not np.array_equal(values["time_step"], values.get("learning_rate", np.nan))
    product = f"{'time step' if own else 'learning rate'} x step"
    if "learning_rate_factor" in values:
        product = "sum of the learning rates of all steps"
    momentum = "momentum" in values or not own
    effective = f"effective time, {product} / (1 - momentum)" if momentum else f"effective time, {product}"
    return {**given, "time": f"time, {product}", "effective_time": effective}


def is_trained(model: xr.Dataset) -> bool:
    """Whether a model was trained on data: it then has a training loss."""
    return "train_loss" in model.variables
