"""One dimension of a scan: the config's keys that vary along it, as the config names them and as the results do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from langevin_sgd.config.errors import KeyPath

Value = int | float | str


@dataclass(frozen=True)
class Axis:
    """The values of one key, or those of a group of keys that vary together, entry by entry.

    `name` is the dimension in the results, `keys` what varies along it and `columns` the values of each key, all of the
    same length. `labels` are what the values of each key are called in the results. One key has its last part as both
    names, or all of it if two keys of the scan end alike; a group (`grouped`) has the name that the config gives it,
    and its keys their own.
    """

    name: str
    keys: tuple[str, ...]
    columns: tuple[tuple[Value, ...], ...]
    labels: tuple[str, ...] = ()
    grouped: bool = False

    def __post_init__(self) -> None:
        """Call the values of each key by what tells them apart."""
        if not self.labels:
            object.__setattr__(self, "labels", _apart(self.keys) if self.grouped else (self.name,))

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def key(self) -> str:
        """The key of an axis of one key. Raises `ValueError` for a group."""
        if len(self.keys) > 1:
            raise ValueError(f"{self.name} is a group of {len(self.keys)} keys")
        return self.keys[0]

    @property
    def values(self) -> tuple[Value, ...]:
        """The values of an axis of one key. Raises `ValueError` for a group."""
        if len(self.keys) > 1:
            raise ValueError(f"{self.name} is a group of {len(self.keys)} keys")
        return self.columns[0]

    @cached_property
    def paths(self) -> tuple[KeyPath, ...]:
        """The keys as paths in the config."""
        return tuple(path_of(key) for key in self.keys)

    @property
    def path(self) -> KeyPath:
        """The path of an axis of one key. Raises `ValueError` for a group."""
        return path_of(self.key)

    def overrides(self, entry: int) -> dict[KeyPath, Value]:
        """What the config has at one entry of the axis, by path."""
        return {path: column[entry] for path, column in zip(self.paths, self.columns, strict=True)}


def of_key(key: str, values: Iterable[Value]) -> Axis:
    """The axis of one key, called by its last part."""
    return Axis(last(key), (key,), (tuple(values),))


def named(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """The same axes, called so that no two dimensions or coordinates are called alike."""
    given = tuple(axes)
    lasts = [last(key) for axis in given for key in axis.keys] + [axis.name for axis in given if axis.grouped]

    def called(key: str) -> str:
        return last(key) if lasts.count(last(key)) == 1 else whole(key)

    return tuple(
        replace(axis, labels=tuple(map(called, axis.keys)))
        if axis.grouped
        else replace(axis, name=called(axis.key), labels=(called(axis.key),))
        for axis in given
    )


def path_of(key: str) -> KeyPath:
    """A key such as `models.ou.hessian.eigenvalues.0` as a path in the config."""
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def whole(key: str) -> str:
    """A key as a name that no other key has."""
    return key.replace(".", "_")


def _apart(keys: tuple[str, ...]) -> tuple[str, ...]:
    lasts = [last(key) for key in keys]
    return tuple(each if lasts.count(each) == 1 else whole(key) for key, each in zip(keys, lasts, strict=True))


def last(key: str) -> str:
    """The last part of a key; the number of an entry goes with the name of its list: `variances_0`."""
    parts = key.split(".")
    first = max((i for i, part in enumerate(parts) if not part.isdecimal()), default=0)
    return "_".join(parts[first:])
