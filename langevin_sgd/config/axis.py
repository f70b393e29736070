"""One scanned key, as the config names it and as the results do."""

from __future__ import annotations

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
