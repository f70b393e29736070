"""Equality and hash of frozen dataclasses that hold mappings or arrays: by what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


class ByValue:
    """For a dataclass(frozen=True, eq=False): equal to one of its own class with equal fields, and hashed alike.

    Mappings are compared by their items in any order, arrays and lists by shape and entries.
    """

    def _key(self) -> tuple[Any, ...]:
        return tuple(_comparable(getattr(self, one.name)) for one in fields(self) if one.compare)  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozenset((key, _comparable(own)) for key, own in value.items())
    if isinstance(value, list | tuple):
        return tuple(_comparable(own) for own in value)
    if hasattr(value, "tolist"):  # an array, without importing numpy for what holds none
        return value.shape, tuple(value.ravel().tolist())
    return value
