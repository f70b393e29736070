"""One scanned key, as the config names it and as the results do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langevin_sgd.config.errors import KeyPath


@dataclass(frozen=True)
class Axis:
    """One scanned key, its values, and the dimension's name: the last part of the key, or all if two end alike."""

    key: str
    name: str
    values: tuple[float, ...]

    @property
    def path(self) -> KeyPath:
        """The key as a path in the config."""
        return tuple(int(part) if part.isdecimal() else part for part in self.key.split("."))


def named(scan: Mapping[str, tuple[float, ...]]) -> tuple[Axis, ...]:
    """The axes of a scan, values by key, called so that no two are called alike."""
    lasts = [_last(key) for key in scan]
    return tuple(
        Axis(key, last if lasts.count(last) == 1 else key.replace(".", "_"), values)
        for (key, values), last in zip(scan.items(), lasts, strict=True)
    )


def _last(key: str) -> str:
    # the number of an entry goes with the name of its list: variances_0
    parts = key.split(".")
    first = max((i for i, part in enumerate(parts) if not part.isdecimal()), default=0)
    return "_".join(parts[first:])
