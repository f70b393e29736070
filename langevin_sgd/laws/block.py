"""Evaluating laws at many points of a scan at once: their answers along `point`, without a Dataset for each point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.laws.evaluate import Said, recorded, said
from langevin_sgd.laws.law import Law, Point
from langevin_sgd.observables.blocks import union
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.variable import Declarations, merged

_NEVER_FILLED = ("law",)


def evaluated_block(data: xr.Dataset, points: Sequence[Point], laws: Sequence[Law]) -> xr.Dataset:
    """The answers of all laws at all `points` of a launch, as `evaluated` gives them at each, with `point` first.

    `data` holds what was measured, along `point`, and `points` are of the same; they are looked at only where a law
    may be made for the process. A law that is silent at some points has NaN there, as has a number that only some
    have; a coordinate that is the same at all points stays one. Raises what `evaluated` raises, and `ValueError` for
    answers of different shapes.
    """
    table = merged(ENSEMBLE, points[0].model.declares())
    names = set(map(str, data.variables))
    nobody = Said({}, {}, table, (), tuple(laws))
    if not any_asked(points[0].model, data, laws):
        return xr.Dataset(attrs=nobody.attrs())
    possible = [law for law in laws if law.requires <= names]
    asked: dict[type, list[Law]] = {}
    found: list[Said] = []
    for point in points:
        kind = type(point.process)
        if kind not in asked:
            asked[kind] = [law for law in possible if law.made_for(point.process)]
        found.append(said(point, laws, table) if asked[kind] else nobody)
    if all(each is nobody for each in found):
        return xr.Dataset(attrs=nobody.attrs())
    by_law = union([each.coords["law"] for each in found if "law" in each.coords])
    whole = [_with_all_laws(each, by_law) for each in found]
    values = {name: _stacked(name, [each.values for each in whole]) for name in _names([each.values for each in whole])}
    coords: dict[str, Any] = {}
    varying = list(values)
    for name in _names([each.coords for each in whole]):
        given = [each.coords[name] for each in whole if name in each.coords]
        if name in _NEVER_FILLED or all(np.array_equal(each, given[0]) for each in given):
            coords[name] = given[0]
        else:
            coords[name] = _stacked(name, [each.coords for each in whole])
            varying.append(name)
    declares: dict[str, Any] = {}
    for each in whole:
        declares |= each.declares
    result = dataset(values, coords=coords, declares=declares, of_points=varying)
    return recorded(result, _records(found))


def any_asked(model: Any, data: xr.Dataset, laws: Iterable[Law]) -> bool:
    """Whether any law may be made for the points of a model, as far as its kind and the names of its data tell."""
    names = set(map(str, data.variables))
    return model.tells_laws() or any(law.requires <= names and law.made_for(None) for law in laws)


def _records(found: Sequence[Said]) -> list[xr.Dataset]:
    """One of each record of the laws that were asked."""
    different = {(each.told, each.silent): each for each in found}
    return [xr.Dataset(attrs=each.attrs()) for each in different.values()]


def _names(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))


def _with_all_laws(found: Said, laws: Sequence[Any]) -> Said:
    """With a row for each of the laws, of nothing where one is silent."""
    own = [str(law) for law in found.coords.get("law", ())]
    if not laws or own == list(laws):
        return found
    rows = [own.index(law) if law in own else -1 for law in laws]
    values = {
        name: _rows(np.asarray(value), rows) if _is_by_law(name, found.declares) else value
        for name, value in found.values.items()
    }
    return Said(values, {**found.coords, "law": np.array(laws)}, found.declares, found.told, found.silent)


def _is_by_law(name: str, table: Declarations) -> bool:
    return table[name].dims[:1] == ("law",)


def _rows(values: NDArray[Any], rows: Sequence[int]) -> NDArray[Any]:
    return np.stack([values[row] if row >= 0 else np.full(values.shape[1:], _nothing(values)) for row in rows])


def _stacked(name: str, tables: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    first = np.asarray(next(table[name] for table in tables if name in table))
    nothing = np.full(first.shape, _nothing(first))
    values = [np.asarray(table.get(name, nothing)) for table in tables]
    if any(each.shape != first.shape for each in values):
        raise ValueError(f"{name} has another shape at some points of a scan")
    return np.stack(values)


def _nothing(values: NDArray[Any]) -> Any:
    return {"b": False, "U": ""}.get(values.dtype.kind, np.nan)
