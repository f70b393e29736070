"""`scan`: numeric keys of a config that take several values; every combination of them is a point."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from langevin_sgd.config.axis import Axis, named
from langevin_sgd.config.errors import KeyPath, choice, inconsistent, nearest, shown
from langevin_sgd.config.fields import Number, Section, Text, WholeNumber
from langevin_sgd.models import lineage
from langevin_sgd.study import messages

if TYPE_CHECKING:
    from langevin_sgd.models import Model
    from langevin_sgd.study.config import Study

POINT_LIMIT = 10_000
"""Most points of a scan."""

_RANGES = ("linear", "geometric")

Count = Annotated[WholeNumber, Field(ge=2, le=POINT_LIMIT)]


_NEGLIGIBLE = 1e-9
"""Part of the distance to the next value by which a value of a range may be rounded."""


def _filled(first: float, last: float, count: int, fractions: list[float]) -> tuple[float, ...]:
    # Between whole numbers the values that are whole up to rounding are written as such: batch sizes must be.
    whole = isinstance(first, int) and isinstance(last, int)
    values = [first, *map(_short, fractions[1:-1], fractions[2:]), last]
    return tuple(round(v) if whole and math.isclose(v, round(v), rel_tol=1e-9) else v for v in values[:count])


def _short(value: float, following: float) -> float:
    """The shortest decimal that is `value` for all purposes: 0.3 for 0.30000000000000004, which nobody would write."""
    allowed = _NEGLIGIBLE * abs(following - value)
    decimals = (float(f"{value:.{digits}g}") for digits in range(1, 17))
    return next((short for short in decimals if abs(short - value) <= allowed), value)


class Linear(Section):
    """Equally spaced values, the inner ones as short decimals."""

    linear: tuple[Number | WholeNumber, Number | WholeNumber, Count]
    """First, last and number of values."""

    def values(self) -> tuple[float, ...]:
        """The values in order."""
        first, last, count = self.linear
        return _filled(first, last, count, [first + (last - first) * i / (count - 1) for i in range(count)])


class Geometric(Section):
    """Values of equal ratio, the inner ones as short decimals."""

    geometric: tuple[Number | WholeNumber, Number | WholeNumber, Count]
    """First, last and number of values; both ends > 0."""

    def values(self) -> tuple[float, ...]:
        """The values in order."""
        first, last, count = self.geometric
        if not (first > 0 and last > 0):
            return ()
        return _filled(first, last, count, [first * (last / first) ** (i / (count - 1)) for i in range(count)])


Listed = Annotated[tuple[Number | WholeNumber, ...], Field(min_length=1, max_length=POINT_LIMIT)]


def _form(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return next((name for name in _RANGES if name in value), None)
    return value.__class__.__name__.lower() if isinstance(value, Linear | Geometric) else "list"


def _dotted(scan: Any) -> Any:
    """`{sgd: {learning_rate: ...}}` is the same as `{sgd.learning_rate: ...}`."""
    if not isinstance(scan, Mapping):
        return scan
    flat: dict[Any, Any] = {}
    for key, value in scan.items():
        nested = isinstance(value, Mapping) and not any(name in value for name in _RANGES)
        misspelt = [part for part in value if "." in str(key) or nearest(part, _RANGES)] if nested else []
        if misspelt or value == {}:
            given = f"{{{misspelt[0]}: ...}}" if misspelt else "an empty mapping"
            forms = "a list, {linear: [FIRST, LAST, COUNT]} or {geometric: [FIRST, LAST, COUNT]}"
            raise inconsistent([((key,), f"must be {forms}, got {given}")])
        for path, inner in _dotted(value).items() if nested else [("", value)]:
            whole = f"{key}.{path}" if path else key
            if whole in flat:
                raise inconsistent([((key,), f"{whole} is scanned twice; remove one")])
            flat[whole] = inner
    return flat


Values = Annotated[
    Annotated[Listed, Tag("list")] | Annotated[Linear, Tag("linear")] | Annotated[Geometric, Tag("geometric")],
    Discriminator(_form),
]
Scan = Annotated[dict[Text, Values], BeforeValidator(_dotted)]


def axes(scan: Mapping[str, Any]) -> tuple[Axis, ...]:
    """The axes of a scan in order."""
    return named(
        {key: values.values() if isinstance(values, Linear | Geometric) else values for key, values in scan.items()}
    )


def points(data: Mapping[str, Any], scanned: tuple[Axis, ...], study: type[Study]) -> Iterator[Study]:
    """The study at every point of the grid, last axis fastest, from the config `data` without its scan and checks.

    Raises `ValidationError` at a point whose study is no study.
    """
    plain = {key: value for key, value in data.items() if key not in ("scan", "checks")}
    for values in itertools.product(*(axis.values for axis in scanned)):
        config = copy.deepcopy(plain)
        for axis, value in zip(scanned, values, strict=True):
            _put(config, axis.path, value)
        yield study.model_validate(config)


def _put(holder: Any, path: KeyPath, value: float) -> None:
    for part in path[:-1]:
        if isinstance(holder, dict) and holder.get(part) is None:
            holder[part] = {}
        holder = holder[part]
    holder[path[-1]] = value


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
    """Faults of a study's scan as (key path, message): keys that cannot be scanned, values that make no study."""
    faults = [(("scan", axis.key), message) for axis in study.axes() for message in _key_faults(study, axis)]
    if faults:
        yield from faults
        return
    for scanned in dict.fromkeys(lineage.scanned(study, name) for name in study.models):
        count = math.prod(len(axis.values) for axis in scanned)
        if count > POINT_LIMIT:
            yield ("scan",), f"has {count} points; give at most {POINT_LIMIT}"
            return
    for scanned in dict.fromkeys(lineage.scanned(study, name) for name in study.models):
        for fault in _point_faults(study, scanned):
            yield fault
            return


def _key_faults(study: Study, axis: Axis) -> Iterator[str]:
    path = axis.path
    if not axis.values:
        yield "geometric takes two numbers > 0; use linear, or a list"
    elif len(set(axis.values)) < len(axis.values):
        yield "has a value twice; remove one"
    elif not ((path[0] == "sgd" and len(path) == 2) or (path[0] == "models" and len(path) > 2)):
        yield "cannot be scanned; expected sgd.KEY or models.NAME.KEY"
    elif path[0] == "models" and path[1] not in study.models:
        yield f'no model named "{path[1]}"; {choice(path[1], study.models)}'
    elif unknown := _unknown_key(study, path):
        yield unknown
    elif not (reached := [name for name in study.models if _reaches(study, axis, name)]):
        yield "changes no model of this study; remove it"
    elif measured := [name for name in reached if lineage.sources(study, name)]:
        yield f"reaches {measured[0]}, which is measured on a network; a scan takes no such model: run a study a value"
    elif unfit := [f"{name}, {why}" for name in reached if (why := study.models[name].unscannable())]:
        yield f"reaches {unfit[0]}"
    elif path[0] == "models" and not _scannable(study, path):
        allowed = ", ".join(_offered(study.models[str(path[1])]))
        yield f"cannot be scanned, since it changes the shape of the results; expected one of {allowed}"
    elif blind := _blind_end(study.as_written(), path):
        yield blind


def _reaches(study: Study, axis: Axis, name: str) -> bool:
    return any(axis.key == each.key for each in lineage.scanned(study, name))


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
    """The fault of the first point of a grid that cannot be run, told at the scanned key that it lies at."""
    if not scanned:
        return
    config = study.as_written()
    found = points(config, scanned, type(study))
    for combination in itertools.product(*(axis.values for axis in scanned)):
        try:
            next(found)
        except ValidationError as error:
            path, message = messages.explain(error, type(study), config)[0]
            at = next((axis.key for axis in scanned if axis.path == path), None)
            if at is None:
                at = scanned[0].key
                where = ", ".join(f"{axis.key} = {value}" for axis, value in zip(scanned, combination, strict=True))
                message = f"at {where}: {'.'.join(map(str, path))}: {message}"
            yield ("scan", at), message
            return
