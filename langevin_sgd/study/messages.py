"""pydantic's validation errors, turned into key paths of the config and sentences that say how to mend them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from langevin_sgd.config.errors import KeyPath, choice, nearest, shown
from langevin_sgd.config.fields import Entries, Holds
from langevin_sgd.config.kinds import Kinds

_CONTAINERS = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
}


_Mark = TypeVar("_Mark")


@dataclass(frozen=True)
class _Place:
    """Where an error sits: its path without union tags, the type declared there and the section around it."""

    path: KeyPath
    annotation: Any
    section: type[BaseModel] | None


def explain(error: ValidationError, schema: type[BaseModel], data: Any) -> list[tuple[KeyPath, str]]:
    """Every fault in `error` as (key path, message), without those that only follow from another one."""
    details = error.errors(include_url=False)
    places = [_locate(schema, detail["loc"], data) for detail in details]
    misspelt = {
        (*place.path[:-1], nearest(place.path[-1], keys(place.section)))
        for place, detail in zip(places, details, strict=True)
        if detail["type"] == "extra_forbidden"
    }
    faults: list[tuple[KeyPath, str]] = []
    for place, detail in zip(places, details, strict=True):
        if detail["type"] == "default_factory_not_called":
            continue
        if detail["type"] == "missing" and place.path in misspelt:
            continue  # the unknown key beside it is this one, misspelt
        if detail["type"] == "too_short" and any(_inside(other.path, place.path) for other in places):
            continue  # what was written in it is at fault
        faults.extend((_existing(path, data), message) for path, message in _sentences(place, detail))
    first_at_its_place = dict(reversed(faults))
    return [(path, first_at_its_place[path]) for path in dict.fromkeys(path for path, _ in faults)]


def _inside(path: KeyPath, outer: KeyPath) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def _sentences(place: _Place, detail: ErrorDetails) -> list[tuple[KeyPath, str]]:
    kind, context, path = detail["type"], detail.get("ctx", {}), place.path
    value = detail["input"]
    if kind == "inconsistent":
        return [((*path, *inner), message) for inner, message in context["problems"]]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return [_kind(place, value)]
    return [(path, _sentence(kind, context, place, value))]


def _sentence(kind: str, context: Mapping[str, Any], place: _Place, value: Any) -> str:
    if kind == "missing":
        return f"missing; expected {_expected(place.annotation)}"
    if kind == "extra_forbidden":
        known = keys(place.section)
        given = set(known) - {str(place.path[-1])}
        return f"unknown key; {choice(place.path[-1], sorted(given, key=known.index))}"
    if kind == "literal_error":
        allowed = [str(name) for name in typing.get_args(_bare(place.annotation))]
        if len(allowed) == 1 and nearest(value, allowed) is None:
            return f"must be {allowed[0]}, got {shown(value)}"
        return f"must be {_either(allowed)}, got {shown(value)}{_did_you_mean(value, allowed)}"
    if kind in _BOUNDS:
        name, sign = _BOUNDS[kind]
        bound = context[name]
        if isinstance(bound, float) and bound.is_integer():
            bound = int(bound)
        return f"must be {sign} {bound}, got {shown(value)}"
    if kind == "finite_number":
        return f"must be a finite number, got {shown(value)}"
    if kind in ("int_type", "int_from_float"):
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        return f"must be a whole number, got {shown(value)}" + (f"; write {int(value)}" if whole else _quoted(value))
    if kind == "float_type":
        return f"must be a number, got {shown(value)}{_quoted(value)}"
    if kind == "bool_type":
        return f"must be true or false, got {shown(value)}"
    if kind == "string_type":
        return f"must be text, got {shown(value)}" + ("; put it in quotes" if _scalar(value) else "")
    if kind == "too_short":
        return "must not be empty"
    if kind == "too_long":
        return f"must have at most {context['max_length']} entries, got {context['actual_length']}"
    if kind in _CONTAINERS:
        return f"must be {_list(place.annotation) or _CONTAINERS[kind]}, got {shown(value)}"
    if kind == "value_error":
        return str(context["error"])
    return f"cannot be {shown(value)}: expected {_expected(place.annotation)}"


_ENTRIES = {int: "whole numbers", float: "numbers", str: "texts"}


def _list(annotation: Any) -> str:
    """What a list holds, and how many of it where that is fixed; empty for what is no list of numbers or texts."""
    if (holds := _inner_mark(annotation, Holds)) is not None:
        return holds.words
    bare = _bare(annotation)
    entries = [_bare(entry) for entry in typing.get_args(bare)]
    if typing.get_origin(bare) is not tuple or any(entry not in (*_ENTRIES, Ellipsis) for entry in entries):
        return ""
    if Ellipsis in entries:
        return f"a list of {_ENTRIES[entries[0]]}"
    names = _inner_mark(annotation, Entries)
    what = "numbers" if entries[0] is int else _ENTRIES[entries[0]]
    return f"a list of {len(entries)} {what}" + (f", {names.names}" if names is not None else "")


def _kind(place: _Place, value: Any) -> tuple[KeyPath, str]:
    family = _kinds(place.annotation)
    if family is not None:
        return _of_family(place, value, family)
    kinds = list(_members(place.annotation))
    given = value.get("kind") if isinstance(value, Mapping) else None
    if given is not None:
        return (*place.path, "kind"), f"unknown kind {shown(given)}; {choice(given, kinds)}"
    keys = [key for key in ("kind", "from") if key == "kind" or key in kinds]
    for key in value if isinstance(value, Mapping) else ():
        if nearest(key, keys) is not None and key not in keys:
            return (*place.path, key), f"unknown key; {choice(key, keys)}"
    if "from" in kinds:
        return place.path, f"needs from: NETWORK, or a kind: {_either([kind for kind in kinds if kind != 'from'])}"
    return (*place.path, "kind"), f"missing; expected {_either(kinds)}"


def _of_family(place: _Place, value: Any, kinds: Kinds[Any]) -> tuple[KeyPath, str]:
    """That a mapping names no kind that there is, or none at all; a bare name has no key to blame."""
    given = value.get(kinds.key) if isinstance(value, Mapping) else value
    at = (*place.path, kinds.key)
    if given is not None:
        return at, f"unknown {kinds.key} {shown(given)}; {choice(given, kinds.names())}"
    for key in value:
        if nearest(key, [kinds.key]) is not None:
            return (*place.path, key), f"unknown key; {choice(key, [kinds.key])}"
    return at, f"missing; expected {_either(kinds.names())}"


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _did_you_mean(value: object, allowed: Sequence[str]) -> str:
    close = nearest(value, allowed) if isinstance(value, str) else None
    return f'; did you mean "{close}"?' if close else ""


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        decimal = value.replace(",", ".", 1)
        return f"; write {decimal}" if decimal != value and decimal.replace(".", "", 1).isdecimal() else ""
    return "; remove the quotes"


def _scalar(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _expected(annotation: Any) -> str:
    """What a field of this type holds, in words."""
    bare = _bare(annotation)
    if (kinds := _kinds(annotation)) is not None:
        return f"a mapping with {kinds.key} {', '.join(kinds.names())}"
    if len(members := _members(annotation)) > 1:
        return f"a mapping with kind {', '.join(members)}"
    if typing.get_origin(bare) is Literal:
        return _either([str(name) for name in typing.get_args(bare)])
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return f"a mapping with {', '.join(keys(bare))}"
    if said := _list(annotation):
        return said
    outer = typing.get_origin(bare) or bare
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", tuple: "a list"}
    return words.get(outer, "a mapping")


def _locate(schema: type[BaseModel], location: Sequence[str | int], data: Any) -> _Place:
    """Follow `location` through the declared types; where a union was entered, its next part is a tag and no key.

    Where there are kinds, the data says which.
    """
    annotation: Any = schema
    section: type[BaseModel] | None = None
    path: list[str | int] = []
    for part in location:
        kinds = _kinds(annotation)
        if kinds is not None:
            annotation = kinds.section_of(data)
        members = _members(annotation)
        if members and part in members:
            annotation = members[str(part)]
            continue
        if part == "[key]":
            break
        path.append(part)
        data = _within(data, part)
        bare = _bare(annotation)
        section = None
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            section = bare
            field = {info.alias or name: info for name, info in bare.model_fields.items()}.get(str(part))
            annotation = None if field is None else _declared(field)
        else:
            inner = [argument for argument in typing.get_args(bare) if argument is not Ellipsis]
            annotation = inner[-1] if inner else None
    return _Place(tuple(path), annotation, section)


def _within(data: Any, part: str | int) -> Any:
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return None


def _declared(field: FieldInfo) -> Any:
    """The type of a field, with what says of which kinds its sections are, or what the numbers of its lists are."""
    annotation: Any = field.annotation
    for mark in field.metadata:
        if isinstance(mark, Kinds | Entries | Holds):
            annotation = Annotated[annotation, mark]
    return annotation


def _mark(annotation: Any, of: type[_Mark]) -> _Mark | None:
    """What a type is annotated with of a sort; None if with nothing of it."""
    if typing.get_origin(annotation) is not Annotated:
        return None
    return next((each for each in annotation.__metadata__ if isinstance(each, of)), None)


def _inner_mark(annotation: Any, of: type[_Mark]) -> _Mark | None:
    """The same of a type that may also be None."""
    found = _mark(annotation, of)
    if found is None and typing.get_origin(annotation) is Annotated:
        return _inner_mark(typing.get_args(annotation)[0], of)
    if found is None and typing.get_origin(annotation) in (Union, types.UnionType):
        rest = [member for member in typing.get_args(annotation) if member is not type(None)]
        return _inner_mark(rest[0], of) if len(rest) == 1 else None
    return found


def _kinds(annotation: Any) -> Kinds[Any] | None:
    """Of which kinds sections of this type are; None if it says nothing of kinds."""
    return _mark(annotation, Kinds)


def _bare(annotation: Any) -> Any:
    """The type without Annotated and without None as an alternative."""
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
            continue
        if typing.get_origin(annotation) in (Union, types.UnionType):
            rest = [member for member in typing.get_args(annotation) if member is not type(None)]
            if len(rest) == 1:
                annotation = rest[0]
                continue
        return annotation


def _members(annotation: Any) -> dict[str, Any]:
    """The alternatives of a tagged union by tag; empty for any other type."""
    bare = _bare(annotation)
    if typing.get_origin(bare) not in (Union, types.UnionType):
        return {}
    members = {}
    for member in typing.get_args(bare):
        tags = [data.tag for data in getattr(member, "__metadata__", ()) if isinstance(data, Tag)]
        if tags:
            members[tags[0]] = member
        elif isinstance(member, type) and issubclass(member, BaseModel):
            members[typing.get_args(member.model_fields["kind"].annotation)[0]] = member
    return members


def keys(section: type[Any] | None) -> list[str]:
    """The keys of a section as a config writes them; none of what is no section."""
    if section is None or not issubclass(section, BaseModel):
        return []
    return [info.alias or name for name, info in section.model_fields.items()]


def first_unknown(section: BaseModel, path: KeyPath) -> tuple[str | int | None, list[str]]:
    """The first part of a path within a section that is no key, None if all are, and the keys there are at its place.

    Only sections are looked through: what a list or a mapping of free names holds is not judged.
    """
    holder: Any = section
    for part in path:
        if isinstance(holder, BaseModel):
            kind = type(holder)
        elif isinstance(holder, type) and issubclass(holder, BaseModel):
            kind = holder
        else:
            break
        field = {info.alias or name: (name, info) for name, info in kind.model_fields.items()}.get(str(part))
        if field is None:
            return part, keys(kind)
        holder = getattr(holder, field[0], None)
        if holder is None:  # a section that is left out has the keys of its type, if it can have but one
            holder = _bare(field[1].annotation)
    return None, []


def _existing(path: KeyPath, data: Any) -> KeyPath:
    """`path` cut where the data has no inside, so that a check given by its name alone is named as such."""
    for depth, part in enumerate(path):
        if isinstance(data, str):
            return path[:depth]
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
    return path
