"""The answers of laws that a run keeps, against those that follow from its measurements now.

Answers of the same version are compared: what differs was altered, in the cache or in what they follow from. Answers
that are missing, or of another version, are added without a word. Those of laws that are not asked any more are left
out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.errors import UserError
from langevin_sgd.laws import LAWS, Law
from langevin_sgd.laws.evaluate import RECORD, SILENT, recorded
from langevin_sgd.laws.recomputed import Recomputed
from langevin_sgd.observables import blocks
from langevin_sgd.observables.scanned import dimensions, places_done, points

_FIRST = 1  # the version of all laws in runs that do not tell it


def compared(data: xr.Dataset, answers: Sequence[xr.Dataset]) -> tuple[xr.Dataset, dict[str, str]]:
    """A model with its answers completed and mended, and which variables were altered, with what they follow from.

    `answers` holds those at every point, from `evaluated`. Raises `ValueError` where the shapes do not fit together,
    and `UserError` for another version of a law whose answers only a run can give.
    """
    of = _of(answers)
    every, stale = [point for _, point in points(data)], _stale(data, answers)
    told = {name: of for point, found in zip(every, answers, strict=True) for name in _altered(point, found, stale)}
    if _lacks(data, answers) | stale or told:
        data = _completed(data, every, answers, stale, told)
    return _of_laws_asked(data, answers), told


def completed(data: xr.Dataset, answers: Sequence[xr.Dataset]) -> xr.Dataset:
    """A model with the `answers` of the laws that it lacked; all others are taken as they are."""
    return _completed(data, [point for _, point in points(data)], answers, _stale(data, answers), {})


def _of_laws_asked(data: xr.Dataset, answers: Sequence[xr.Dataset]) -> xr.Dataset:
    """Without laws that nobody asks any more, so that no answer stands that could not be compared."""
    asked = {str(law) for found in answers if "law" in found.coords for law in found["law"].values}
    held = list(map(str, data["law"].values)) if "law" in data.coords else []
    return data if not asked or asked >= set(held) else data.sel(law=[law for law in held if law in asked])


def unanswered(data: xr.Dataset, laws: Iterable[Law]) -> list[Law]:
    """The laws of which a model holds neither an answer of this version nor that they are made for something else."""
    if RECORD not in data.attrs:  # all laws that there were had been asked
        return [law for law in laws if not (law.ours and law.version == _FIRST)]
    known = {each["identity"]: each["version"] for each in versions(data).values()}
    known |= json.loads(data.attrs.get(SILENT, "{}"))
    return [law for law in laws if known.get(law.identity) != law.version]


def versions(data: xr.Dataset) -> dict[str, Any]:
    """The record of the laws whose answers a model holds, by name; see `evaluate.RECORD`."""
    if RECORD in data.attrs:
        found: dict[str, Any] = json.loads(data.attrs[RECORD])
        return found
    names = map(str, data["law"].values) if "law" in data.coords else ()
    return {name: {"version": _FIRST} for name in names}


def title_of(law: str, data: xr.Dataset) -> str:
    """The title of a law whose answers a model holds, as they were given; by its name where a run tells none."""
    told = json.loads(data.attrs.get(RECORD, "{}")).get(law)
    return str(told["title"]) if told and "title" in told else title_by_name(law)


@cache
def title_by_name(law: str) -> str:
    """The title of the first law in the table that is called so; the name itself in words if none is."""
    found = next((each.title for _, each in LAWS.items() if each.name == law), None)
    return law.replace("_", " ") if found is None else found


@cache
def said_by_name(law: str) -> str:
    """What sentences call the first law in the table that is called so; empty if it does not say."""
    return next((each.said for _, each in LAWS.items() if each.name == law), "")


@cache
def line_by_name(law: str) -> tuple[str, str] | None:
    """How the curve of the first law in the table that is called so is drawn; None if it does not say."""
    return next((each.line for _, each in LAWS.items() if each.name == law), None)


def _of(answers: Sequence[xr.Dataset]) -> str:
    """What the answers follow from."""
    laws = versions(recorded(xr.Dataset(), answers)).values()
    return ", ".join([*sorted({name for law in laws for name in law["of"]}), "the measurements and the config"])


def _stale(data: xr.Dataset, answers: Sequence[xr.Dataset]) -> set[str]:
    """The laws of which the model holds answers of another version."""
    known, now = versions(data), versions(recorded(xr.Dataset(), answers))
    stale = {name for name in known.keys() & now.keys() if known[name]["version"] != now[name]["version"]}
    lost = sorted(name for name in stale if now[name].get("kept"))
    if lost:
        raise UserError(
            f"the answers of {', '.join(lost)} are of version {known[lost[0]]['version']}, and those of version "
            f"{now[lost[0]]['version']} take what a run does not store; run the study again"
        )
    return stale


def _lacks(data: xr.Dataset, answers: Sequence[xr.Dataset]) -> set[str]:
    """Laws and variables of the answers that the model does not hold."""
    names = {str(law) for found in answers if "law" in found.coords for law in found["law"].values}
    held = set(map(str, data["law"].values)) if "law" in data.coords else set()
    variables = {str(name) for found in answers for name in found.variables}
    return (names - held) | (variables - set(map(str, data.variables)))


def _altered(point: xr.Dataset, found: xr.Dataset, stale: set[str]) -> list[str]:
    """The variables that the point holds and that differ from the answers of the same version."""
    altered = []
    for name in map(str, found.variables):
        if name == "law" or name not in point.variables or (stale and "law" not in found[name].dims):
            continue
        ours, theirs = found[name], point[name]
        if "law" in ours.dims:
            both = [law for law in ours["law"].values if law in point["law"].values and str(law) not in stale]
            ours, theirs = ours.sel(law=both), theirs.sel(law=both)
        if ours.shape != theirs.shape:
            raise ValueError(f"{name} has another shape than what was measured gives it")
        if not Recomputed(ours.values, "the law").agrees(theirs.values):
            altered.append(name)
    return altered


def _completed(
    data: xr.Dataset,
    every: Sequence[xr.Dataset],
    answers: Sequence[xr.Dataset],
    stale: set[str],
    told: Mapping[str, str],
) -> xr.Dataset:
    merged = [_merged(point, found, stale, told) for point, found in zip(every, answers, strict=True)]
    whole = _as_scanned(merged, data)
    bare = data.drop_dims("law", errors="ignore")
    bare = bare.drop_vars([name for name in whole.variables if name in bare.variables])
    result = bare.assign_coords(whole.coords).assign(whole.data_vars)
    now = recorded(xr.Dataset(), answers).attrs
    silent = {**json.loads(data.attrs.get(SILENT, "{}")), **json.loads(now[SILENT])}
    record = {**versions(data), **json.loads(now[RECORD])}
    return result.assign_attrs({**data.attrs, RECORD: json.dumps(record), SILENT: json.dumps(silent)})


def _as_scanned(answers: Sequence[xr.Dataset], data: xr.Dataset) -> xr.Dataset:
    """The answers at the points of a model that are done, with its scanned dimensions first."""
    axes = dimensions(data)
    if not axes:
        return answers[0].drop_attrs(deep=False)
    shape = tuple(data.sizes[axis] for axis in axes)
    every: list[xr.Dataset | None] = [None] * math.prod(shape)
    for place, found in zip(places_done(data), answers, strict=True):
        every[place] = found
    laid = blocks.block(every, [""] * len(every), axes, shape)
    whole = blocks.collapsed(laid, axes).drop_attrs(deep=False)
    counts = [blocks.count_of(str(dim)) for dim in whole.dims]
    return whole.drop_vars([blocks.STATUS, blocks.ERROR, *counts], errors="ignore")


def _merged(point: xr.Dataset, found: xr.Dataset, stale: set[str], told: Mapping[str, str]) -> xr.Dataset:
    """The answers at a point: those kept of the same version where nothing was altered, and of laws not asked now."""
    asked = list(map(str, found["law"].values)) if "law" in found.coords else []
    held = list(map(str, point["law"].values)) if "law" in point.coords else []
    names = [*held, *(name for name in asked if name not in held)]
    by_law = [
        *(name for name in found.variables if "law" in found[name].dims and name != "law"),
        *(name for name in point.variables if "law" in point[name].dims and name not in {*found.variables, "law"}),
    ]
    variables: dict[Any, xr.Variable] = {}
    for name in by_law:
        source = found if name in found.variables else point
        rows = source[name].transpose("law", ...)
        values = np.stack([
            _row(name, law, point, found, fresh=law in stale or name in told, empty=rows.values[0]) for law in names
        ])  # fmt: skip
        variables[name] = xr.Variable(rows.dims, values, rows.attrs)
    for name in found.variables:
        if "law" not in found[name].dims:
            keep = name in point.variables and not stale and name not in told
            variables[name] = (point if keep else found)[name].variable
    coords = {name: variables.pop(name) for name in list(variables) if name in found.coords}
    if names:
        coords["law"] = xr.Variable(("law",), np.array(names), (found if asked else point)["law"].attrs)
    return xr.Dataset(variables, coords=coords)


def _row(name: Any, law: str, point: xr.Dataset, found: xr.Dataset, *, fresh: bool, empty: Any) -> Any:
    """What one law says, as kept unless it is to be `fresh`; nothing, in the shape of `empty`, if it is silent."""
    sides = (found, point) if fresh else (point, found)
    for side in sides:
        if name in side.variables and law in side["law"].values:
            return side[name].transpose("law", ...).sel(law=law).values
    if name in ("law_is_exact", "law_note"):
        return np.zeros_like(empty)
    return np.full(np.shape(empty), np.nan)
