"""One kind of section as a page for people: what it is, its keys with what they take, their defaults and meaning."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from langevin_sgd.config.errors import choice
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family, imported

_WIDTH = 100

FAMILIES = {
    "models": "langevin_sgd.models:MODELS",
    "checks": "langevin_sgd.checks:CHECKS",
    "probes": "langevin_sgd.training.probes:PROBES",
    "losses": "langevin_sgd.training.losses:LOSSES",
    "update rules": "langevin_sgd.training.update_rules:UPDATE_RULES",
    "schedules": "langevin_sgd.training.schedules:SCHEDULES",
    "data": "langevin_sgd.training.data:DATA",
    "architectures": "langevin_sgd.training.architectures:ARCHITECTURES",
}
"""Families whose members are sections of the config."""


def holding(name: str) -> dict[str, Family[Any]]:
    """The families that have a member called `name`, by what their members are called."""
    families = {word: imported(path) for word, path in FAMILIES.items()}
    return {word: family for word, family in families.items() if ":" in name or name in family}


def all_names() -> list[str]:
    """The members of all families by name."""
    return [name for path in FAMILIES.values() for name in imported(path)]


def page(kind: str) -> str:
    """The page of a kind by name, or of one of the user's own as "module:Class", as text.

    Raises `UserError` if there is none of that name, with the nearest one.
    """
    families = holding(kind)
    if not families:
        raise UserError(f"no kind {kind!r}; {choice(kind, all_names())}")
    pages, faults = [], []
    for family in families.values():
        try:
            pages.append(_page(kind, family.word, family[kind]))
        except UserError as fault:
            faults.append(fault)
    if not pages:
        raise faults[0]
    return "\n\n".join(pages)


@dataclass(frozen=True)
class Key:
    """One key of a section: its name, what it takes and its default in words, and what it means."""

    name: str
    takes: str
    default: str
    meaning: str


def described(section: type[BaseModel]) -> str:
    """What a kind of section is, in one paragraph."""
    return " ".join((section.__doc__ or "").split())


def keys(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> list[Key]:
    """The keys of a section by its JSON Schema, but for the one that names the kind.

    `definitions` are the schema's own `$defs` if they are not given.
    """
    known = schema.get("$defs", {}) if definitions is None else definitions
    required = schema.get("required", [])
    return [
        Key(
            name,
            _takes(told, known),
            "required" if name in required else f"default {_default(told)}",
            " ".join(told.get("description", "").split()),
        )
        for name, told in schema.get("properties", {}).items()
        if not (name in ("kind", "name") and "const" in told)
    ]


def _page(kind: str, word: str, section: type[BaseModel]) -> str:
    lines = [f"{word} {kind}", "", *textwrap.wrap(described(section), _WIDTH), ""]
    for key in keys(section.model_json_schema(by_alias=True)):
        lines.append(f"{key.name}: {key.takes}; {key.default}")
        lines += textwrap.wrap(key.meaning, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _default(told: Mapping[str, Any]) -> str:
    if "default" not in told:
        return "as said"  # it follows from other keys, as its description tells
    value = told["default"]
    return "null" if value is None else json.dumps(value) if not isinstance(value, str) else value


def _takes(told: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> str:
    """What a key takes, in words."""
    if "$ref" in told:
        return _takes(definitions[told["$ref"].rpartition("/")[2]], definitions, depth)
    if "const" in told:
        return str(told["const"])
    if "enum" in told:
        return " | ".join(map(str, told["enum"]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in told:
            each = dict.fromkeys(_takes(one, definitions, depth) for one in told[several])
            return " | ".join(each)
    if told.get("type") == "object":
        named = told.get("properties", {})
        kinds = (f"{{{key}: {named[key]['const']}}}" for key in ("kind", "name") if "const" in named.get(key, {}))
        return next(kinds, "mapping")
    if told.get("type") == "array":
        entries = told.get("prefixItems")
        if entries is not None:
            return f"[{', '.join(_takes(entry, definitions, depth + 1) for entry in entries)}]"
        return f"list of {_takes(told.get('items', {}), definitions, depth + 1)}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true | false", "null": "null"}
    bounds = [
        f"{sign} {told[name]:g}"
        for name, sign in (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))
        if name in told and abs(told[name]) < 2**31
    ]
    return " ".join([words.get(str(told.get("type")), "value"), *bounds])
