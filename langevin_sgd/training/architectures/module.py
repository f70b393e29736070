"""The `module` architecture in a config: a factory of the user's own."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from langevin_sgd.config.fields import ImportPath, Text, printable
from langevin_sgd.training.architectures.section import ArchitectureSection


class Module(ArchitectureSection):
    """Your own torch.nn.Module."""

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.from_factory:build"
    kind: Literal["module"]
    """Always `module`."""
    factory: ImportPath
    """"module:attribute": called with `arguments`, and with inputs= and classes= if it takes them."""
    arguments: dict[Text, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory: plain numbers, text, lists and mappings."""

    def code(self) -> tuple[str, ...]:
        """The factory."""
        return (self.factory,)

    @field_validator("arguments", mode="after")
    @classmethod
    def _plain(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        for name in ("inputs", "classes"):
            if name in arguments:
                raise ValueError(f'"{name}" comes from the data set; remove it from the arguments')
        for name, value in arguments.items():
            fault = _not_plain(value)
            if fault:
                raise ValueError(f'"{name}" holds {fault}; give finite numbers, text, lists and mappings')
        return arguments


def _not_plain(value: object) -> str | None:
    if value is None or isinstance(value, bool | int):
        return None
    if isinstance(value, str):
        return None if printable(value) else "text that cannot be printed"
    if isinstance(value, float):
        return None if math.isfinite(value) else repr(value)
    if isinstance(value, list):
        return next((fault for fault in map(_not_plain, value) if fault), None)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key that is not text"
        return next((fault for fault in map(_not_plain, value.values()) if fault), None)
    return f"a {type(value).__name__}"
