"""Evaluating laws at one point of a finished model: their answers, by law, as observables beside what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.laws import LAWS
from langevin_sgd.laws.law import Law, NoAnswer, Point
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable, merged

SILENT = "laws_not_made_for_it"
"""Attribute with the versions of the laws that were asked and are made for something else, by identity as JSON."""

RECORD = "laws"
"""Attribute that tells of each law whose answers are there, by name as JSON: its identity, version, title and source,
whether only a run can give them (`kept`), and what they are `of`, beside the config."""

_MEMBERS = ("replica", "disorder")
"""What an ensemble consists of: laws are about its statistics."""


@dataclass(frozen=True)
class _Answer:
    """What one law says at one point: arrays by name, or why it says nothing."""

    law: Law
    exact: bool
    note: str
    values: Mapping[str, NDArray[Any]]


def known(paths: Sequence[str] = ()) -> tuple[Law, ...]:
    """All laws in the order of the dimension `law`: those of the table and of entry points, then those at `paths`.

    Raises `UserError` for a path that leads to no law, and for a law of the user's that is called like another.
    """
    laws = [LAWS[name] for name in LAWS]
    for path in paths:
        law = LAWS[path]
        if any(other.name == law.name for other in laws):
            raise UserError(f"{path}: a law is called {law.name} already; give it another name")
        laws.append(law)
    return tuple(laws)


@dataclass(frozen=True)
class Said:
    """All that laws say at one point: arrays and coordinates by name, what is declared of them, and by which laws."""

    values: Mapping[str, Any]
    coords: Mapping[str, Any]
    declares: Declarations
    told: tuple[Law, ...]
    silent: tuple[Law, ...]

    def attrs(self) -> dict[str, str]:
        """The record of the laws that were asked."""
        return {
            RECORD: json.dumps({law.name: _told(law) for law in self.told}),
            SILENT: json.dumps({law.identity: law.version for law in self.silent}),
        }


def evaluated(point: Point, laws: Iterable[Law]) -> xr.Dataset:
    """The answers of all laws that are made for a point, with the coordinate `law`, as a Dataset without anything else.

    `law_is_exact` and `law_note` say of each law whether it is claimed for the very process, and what it takes for
    granted or why it has no answer; then its numbers are NaN. A law of the user's own that fails has none, and its note
    says how it failed. Raises `ValueError` if two laws of one name are made for the point, or give one number.
    """
    found = said(point, laws, merged(ENSEMBLE, point.model.declares()))
    return dataset(found.values, coords=found.coords, declares=found.declares, attrs=found.attrs())


def said(point: Point, laws: Iterable[Law], table: Declarations) -> Said:
    """What `evaluated` puts into a Dataset; `table` declares what the point may hold."""
    asked = [(law, _answer(law, point, table)) for law in laws]
    answers = [answer for _, answer in asked if answer is not None]
    names = [answer.law.name for answer in answers]
    if len(set(names)) < len(names):
        raise ValueError(f"two laws of one name are made for one process, of {', '.join(sorted(names))}")
    values: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    more: dict[str, Variable] = {}
    for name in dict.fromkeys(name for answer in answers for name in answer.values):
        giving = [answer for answer in answers if name in answer.values]
        stacked = _by_law(name, table, giving)
        if stacked is None and not all(answer.law.ours for answer in giving):
            stacked, more[f"{name}_law"] = f"{name}_law", _like(name, point.data)
        if stacked is not None:
            nothing = np.full(giving[0].values[name].shape, np.nan)
            values[stacked] = np.stack([answer.values.get(name, nothing) for answer in answers])
        own = next((answer for answer in giving if answer.exact), None)
        if own is not None and f"{name}_predicted" in table:
            values[f"{name}_predicted"] = own.values[name]
        elif _by_law(name, table, giving) is None:
            ours = [answer for answer in giving if answer.law.ours]
            if len(ours) > 1:
                raise ValueError(f"{name}: given by {ours[0].law.name} and {ours[1].law.name}, and is one number")
            for answer in ours:
                (coords if isinstance(table.get(name), Coordinate) else values)[name] = answer.values[name]
    declares = {**table, **more}
    if any(_is_by_law(name, declares) for name in values) or not all(answer.values for answer in answers):
        coords["law"] = np.array(names)
        values["law_is_exact"] = np.array([answer.exact for answer in answers])
        values["law_note"] = np.array([answer.note for answer in answers])
    silent = tuple(law for law, answer in asked if answer is None)
    return Said(values, coords, declares, tuple(answer.law for answer in answers), silent)


def with_answers(data: xr.Dataset, found: xr.Dataset) -> xr.Dataset:
    """A point with the answers to it. Raises `ValueError` for a name that the run has emitted too.

    A run that leaves the answers of a law that is `kept` has them along `law` already.
    """
    emitted = data.drop_dims("law", errors="ignore").variables
    twice = sorted(str(name) for name in found.variables if name in emitted)
    if twice:
        raise ValueError(f"{', '.join(twice)}: emitted twice, by the model and by a law")
    whole = data.drop_vars([name for name in found.variables if name in data.variables])
    return whole.assign_coords(found.coords).assign(found.data_vars)


def recorded(data: xr.Dataset, answers: Iterable[xr.Dataset]) -> xr.Dataset:
    """A model with the record of the laws that were asked for the `answers` at all points of its scan."""
    record: dict[str, Any] = {}
    silent: dict[str, int] = {}
    for found in answers:
        record |= json.loads(found.attrs[RECORD])
        silent |= json.loads(found.attrs[SILENT])
    told = {each["identity"] for each in record.values()}
    silent = {identity: version for identity, version in silent.items() if identity not in told}
    return data.assign_attrs({RECORD: json.dumps(record), SILENT: json.dumps(silent)})


def _told(law: Law) -> dict[str, Any]:
    return {
        "identity": law.identity,
        "version": law.version,
        "title": law.title,
        "source": law.source,
        "kept": law.kept,
        "of": sorted(law.requires),
    }


def _answer(law: Law, point: Point, table: Declarations) -> _Answer | None:
    """What a law says of a point; None if it is not made for it."""
    if not law.requires <= point.names or not law.made_for(point.process):
        return None
    try:
        if not law.ours:
            return user_code.call(f"law {law.name} failed", _answer_of_users, law, point, table)
        if not law.applies(point):
            return None
        values = {name: np.asarray(value) for name, value in law.predict(point).items()}
        return _Answer(law, law.exact_for(point), law.note(point), values)
    except NoAnswer as reason:
        return _Answer(law, False, str(reason), {})
    except UserError as error:
        if law.ours:
            raise
        return _Answer(law, False, str(error), {})


def _answer_of_users(law: Law, point: Point, table: Declarations) -> _Answer | None:
    """The same of a law of the user's own, whose predictions are looked at before they stand beside others."""
    if not law.applies(point):
        return None
    values = {str(name): np.asarray(value, dtype=np.float64) for name, value in law.predict(point).items()}
    for name, value in values.items():
        expected = _shape(name, point.data, table)
        if expected is None:
            measured = ", ".join(sorted(map(str, point.data.data_vars)))
            raise NoAnswer(f"law {law.name}: predicts {name}, which is not measured here; there are {measured}")
        if value.shape != expected:
            raise NoAnswer(f"law {law.name}: predicts {name} of shape {value.shape}; {expected} is needed")
    return _Answer(law, bool(law.exact_for(point)), str(law.note(point)), values)


def _is_by_law(name: str, table: Declarations) -> bool:
    return name in table and table[name].dims[:1] == ("law",)


def _by_law(name: str, table: Declarations, giving: Sequence[_Answer]) -> str | None:
    """The declared variable along `law` that holds what the laws `giving` it say of an observable, if there is one."""
    single = any(name in answer.law.single for answer in giving)
    candidates = (name,) if single else (name, f"{name}_law")
    return next((candidate for candidate in candidates if _is_by_law(candidate, table)), None)


def _like(name: str, data: xr.Dataset) -> Variable:
    """The declaration of what laws say of an observable that no law of ours predicts."""
    dims = tuple(str(dim) for dim in data[name].dims if dim not in _MEMBERS)
    attrs = data[name].attrs
    return Variable(("law", *dims), f"{attrs.get('long_name', name)}, by law", str(attrs.get("units", "1")))


def _shape(name: str, data: xr.Dataset, table: Declarations) -> tuple[int, ...] | None:
    """The shape of a prediction; None of what is no observable of the point."""
    stacked = _by_law(name, table, ())
    if stacked is not None:
        dims: tuple[Any, ...] = table[stacked].dims[1:]
    elif name in data:
        dims = tuple(dim for dim in data[name].dims if dim not in _MEMBERS)
    else:
        return None
    return tuple(data.sizes[dim] for dim in dims) if set(dims) <= set(data.sizes) else None
