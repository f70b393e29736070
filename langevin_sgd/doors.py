"""Packages as public doors: their modules are listed, and each is imported when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType


def opened(
    package: str, modules: Sequence[str]
) -> tuple[list[str], Callable[[str], ModuleType], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package with these public modules.

    In its `__init__`:

        __all__, __getattr__, __dir__ = opened(__name__, ("ornstein_uhlenbeck", "escape"))

    A module that is not listed can be imported all the same, and is of the package's own use.
    """
    listed = list(modules)

    def __getattr__(name: str) -> ModuleType:
        if name in listed:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return listed

    return listed, __getattr__, __dir__
