"""sympy, imported when it is first used: what an earlier process found of a formula is known without it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy as sympy
else:

    class _Later:
        """The module, as far as it has been asked for."""

        def __getattr__(self, name: str) -> object:
            found = getattr(importlib.import_module("sympy"), name)
            self.__dict__[name] = found
            return found

    sympy = _Later()
