"""`scan`: keys of a config that take several values, and every combination of them: which can be, and which run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from langevin_sgd.config.axis import Axis, Value, path_of
from langevin_sgd.config.errors import KeyPath, choice, dotted, nearest, shown
from langevin_sgd.models import lineage
from langevin_sgd.models.points import refused
from langevin_sgd.study import messages, scan_values

if TYPE_CHECKING:
    from langevin_sgd.models import Model
    from langevin_sgd.study.config import Study

_TRIED = 24
"""Values of one axis with which a study is made before it runs; all are tried if there are not more."""

_MOST_CORNERS = 64


def _blind_end(holder: Any, path: KeyPath) -> str:
    """Why a path of the config leads nowhere, empty if it leads to a place; keys of mappings are judged elsewhere."""
    for depth, part in enumerate(path):
        where = ".".join(str(step) for step in path[:depth])
        if isinstance(holder, dict):
            if holder.get(part) is None:
                return ""
        elif not isinstance(holder, list):
            return f"{where} is {shown(holder)}, which has nothing inside; scan {where} itself"
        elif not isinstance(part, int) or part >= len(holder):
            return f"{where} is a list; its positions are 0 to {len(holder) - 1}"
        holder = holder[part]
    return ""


def problems(study: Study) -> Iterator[tuple[KeyPath, str]]:
    """Faults of a study's scan as (key path, message): keys that cannot be scanned, values that make no study.

    Values are tried one axis at a time, the others at their first, and at the corners of the grid; what does not hold
    of all of them together is a fault of the point, told when it runs.
    """
    faults = [(("scan", *path), message) for path, message in scan_values.problems(study.scan)]
    faults = faults or list(_scanned_twice(study.axes()))
    faults = faults or [(path, message) for axis in study.axes() for path, message in _axis_faults(study, axis)]
    if faults:
        yield from faults
        return
    for scanned in dict.fromkeys(lineage.scanned(study, name) for name in study.models):
        for fault in (*_point_faults(study, scanned), *_mixed(scanned)):
            yield fault
            return


def _scanned_twice(axes: tuple[Axis, ...]) -> Iterator[tuple[KeyPath, str]]:
    """Keys that another axis, or another key of the group, has too, or holds."""
    known: dict[KeyPath, str] = {}
    for axis in axes:
        for key, path in zip(axis.keys, axis.paths, strict=True):
            for other, name in known.items():
                if path[: len(other)] == other or other[: len(path)] == path:
                    message = "is scanned twice" if other == path else f"is scanned beside {name}"
                    yield _place(axis, key), f"{message}; remove one"
            known[path] = key


def _axis_faults(study: Study, axis: Axis) -> Iterator[tuple[KeyPath, str]]:
    entries = list(zip(*axis.columns, strict=True))
    if len(set(entries)) < len(entries):
        yield ("scan", axis.name if axis.grouped else axis.key), _twice(study, axis)
        return
    for key in axis.keys:
        yield from ((_place(axis, key), message) for message in _key_faults(study, key))


def _twice(study: Study, axis: Axis) -> str:
    written = study.scan[axis.name if axis.grouped else axis.key]
    if isinstance(written, scan_values.Drawn):
        return f"draws a value twice; give fewer than {len(axis)}, or a wider range"
    return "has a value twice; remove one"


def _place(axis: Axis, key: str) -> KeyPath:
    """Where the values of a scanned key are written."""
    return ("scan", axis.name, "zip", key) if axis.grouped else ("scan", key)


def _key_faults(study: Study, key: str) -> Iterator[str]:
    path = path_of(key)
    if path == ("seed",):
        return
    elif not ((path[0] == "sgd" and len(path) == 2) or (path[0] == "models" and len(path) > 2)):
        yield "cannot be scanned; expected sgd.KEY, models.NAME.KEY or seed"
    elif path[0] == "models" and path[1] not in study.models:
        yield f'no model named "{path[1]}"; {choice(path[1], study.models)}'
    elif unknown := _unknown_key(study, path):
        yield unknown
    elif not (reached := [name for name in study.models if lineage.changes(study, path, name)]):
        yield "changes no model of this study; remove it"
    elif unfit := [f"{name}, {why}" for name in reached if (why := study.models[name].unscannable())]:
        yield f"reaches {unfit[0]}"
    elif path[-1] == "from":
        yield "cannot be scanned: it says what the model is measured on; give a model for each"
    elif path[0] == "models" and not _scannable(study, path):
        allowed = ", ".join(_offered(study.models[str(path[1])]))
        yield f"cannot be scanned, since it changes the shape of the results; expected one of {allowed}"
    elif blind := _blind_end(study.as_written(without=("scan",)), path):
        yield blind


def _scannable(study: Study, path: KeyPath) -> bool:
    inner = [str(part) for part in path[2:]]
    allowed = study.models[str(path[1])].SCANNABLE
    return any(inner[: len(key.split("."))] == key.split(".") for key in allowed)


def _unknown_key(study: Study, path: KeyPath) -> str:
    """That a key of the sgd or of a model is none, with what was meant; empty if it is one."""
    if path[0] == "sgd":
        known: list[str] = [] if study.sgd is None else messages.keys(type(study.sgd))
        missing = path[1] if known and path[1] not in known else None
        return "" if missing is None else f"no such key; {choice(missing, known)}"
    model = study.models[str(path[1])]
    missing, known = messages.first_unknown(model, path[2:])
    if missing is None:
        return ""
    close = nearest(missing, known)
    return "no such key; " + (f'did you mean "{close}"?' if close else choice("", _offered(model)))


def _offered(model: Model) -> list[str]:
    """The scannable keys that this model has, those of named parameters one by one."""
    offered: list[str] = []
    for key in model.SCANNABLE:
        *sections, last = key.split(".")
        holder: Any = model
        for part in sections:
            holder = getattr(holder, part, None)
        value = getattr(holder, last, None)
        if last in messages.keys(type(holder)):
            offered += [f"{key}.{name}" for name in value] if isinstance(value, dict) else [key]
    return offered


def _point_faults(study: Study, scanned: tuple[Axis, ...]) -> Iterator[tuple[KeyPath, str]]:
    """The fault of the first of the tried points of a grid that cannot be run, told at the key that it lies at."""
    for entries in _tried(study, scanned):
        overrides: dict[KeyPath, Value] = {}
        for axis, entry in zip(scanned, entries, strict=True):
            overrides |= axis.overrides(entry)
        try:
            study.changed(overrides)
        except ValidationError as error:
            yield _told(study, scanned, overrides, error)
            return


def _mixed(scanned: tuple[Axis, ...]) -> Iterator[tuple[KeyPath, str]]:
    """Values of which some are numbers and some names, where a key takes both: no coordinate holds them."""
    for axis in scanned:
        for key, column in zip(axis.keys, axis.columns, strict=True):
            if len({isinstance(value, str) for value in column}) > 1:
                yield _place(axis, key), "mixes numbers and names; give one or the other"


def _told(
    study: Study, scanned: tuple[Axis, ...], overrides: Mapping[KeyPath, Value], error: ValidationError
) -> tuple[KeyPath, str]:
    """What is wrong at a point, at the scanned key that it lies at, or else at the first with the point's values."""
    path, message = messages.explain(error, type(study), study.as_written(without=("scan",)))[0]
    for axis in scanned:
        for key, own in zip(axis.keys, axis.paths, strict=True):
            if own == path:
                return _place(axis, key), message
    where = ", ".join(f"{dotted(each)} = {value}" for each, value in overrides.items())
    first = scanned[0]
    return _place(first, first.keys[0]), f"at {where}: {dotted(path)}: {message}"


def _tried(study: Study, scanned: tuple[Axis, ...]) -> Iterator[tuple[int, ...]]:
    """Entries of all axes at which a study is made: along each axis with the others at their first, and the corners.

    Of a long axis some are made, and of the others those whose value the field by itself does not take.
    """
    if not scanned:
        return
    along = ((place, entry) for place, axis in enumerate(scanned) for entry in _spread(axis))
    tried = dict.fromkeys(_along(scanned, place, entry) for place, entry in along)
    corners = itertools.product(*(sorted({0, len(axis) - 1}) for axis in scanned))
    tried |= dict.fromkeys(itertools.islice(corners, _MOST_CORNERS))
    yield from tried
    first: dict[KeyPath, Value] = {}
    for axis in scanned:
        first |= axis.overrides(0)
    for place, axis in enumerate(scanned):
        entry = refused(study.changed(first), axis) if len(axis) > _TRIED else None
        if entry is not None:
            yield _along(scanned, place, entry)


def _along(scanned: tuple[Axis, ...], place: int, entry: int) -> tuple[int, ...]:
    return tuple(entry if other == place else 0 for other in range(len(scanned)))


def _spread(axis: Axis) -> list[int]:
    """All entries of an axis, or as many as are tried of a long one: both ends, the extremes, and some between."""
    count = len(axis)
    if count <= _TRIED or any(all(isinstance(value, str) for value in column) for column in axis.columns):
        return list(range(count))
    numbers = [column for column in axis.columns if not any(isinstance(value, str) for value in column)]
    extremes = {pick(range(count), key=column.__getitem__) for column in numbers for pick in (min, max)}
    return sorted({*extremes, *(round(i * (count - 1) / (_TRIED - 1)) for i in range(_TRIED))})
