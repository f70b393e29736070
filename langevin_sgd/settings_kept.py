"""Settings of the process that a user's own code may change: put back, so that no other model's numbers depend on it.

A factory that calls `torch.set_default_dtype`, or a module that sets the number of threads as it runs, means itself;
what is left set would change the bits of every model that runs after it in the same study.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
_Kept = list[tuple[_Setting, Any]]


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put back at the end what was changed inside.

    These are torch's default dtype and device, number of threads, gradient mode, choice of deterministic algorithms and
    hooks on all modules, numpy's treatment of floating-point errors, and the working directory. If torch is imported
    only inside, its settings are put back as they were right after that.
    """
    kept = _now(_settings())
    imports = _FirstImport("torch", lambda: kept.extend(_now(_settings_of_torch())))
    if "torch" in sys.modules:
        kept += _now(_settings_of_torch())
    else:
        sys.meta_path.insert(0, imports)
    try:
        yield
    finally:
        if imports in sys.meta_path:
            sys.meta_path.remove(imports)
        for (read, write), value in kept:
            if read() != value:
                write(value)


def _now(settings: list[_Setting]) -> _Kept:
    return [((read, write), read()) for read, write in settings]


class _FirstImport:
    """A finder of modules that says when one has been imported, and leaves the finding to the others."""

    def __init__(self, name: str, imported: Callable[[], None]) -> None:
        self.name, self.imported, self.looking = name, imported, False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As the others find it, with a word after it is loaded."""
        if name != self.name or self.looking:
            return None
        self.looking = True
        try:
            found = importlib.util.find_spec(name)
        finally:
            self.looking = False
        if found is None or found.loader is None:
            return found
        load = found.loader.exec_module

        def loaded(module: ModuleType) -> None:
            load(module)
            self.imported()

        found.loader.exec_module = loaded  # type: ignore[method-assign]
        return found


def _settings() -> list[_Setting]:
    import numpy as np  # late: a config with a fault is to be refused without waiting for it

    return [(np.geterr, lambda before: np.seterr(**before)), (os.getcwd, os.chdir)]


def _settings_of_torch() -> list[_Setting]:
    import torch
    from torch.nn.modules import module

    hooks = {name: found for name, found in vars(module).items() if name.startswith("_global_") and _is_dict(found)}

    def write_hooks(before: dict[str, dict[Any, Any]]) -> None:
        for name, own in hooks.items():
            own.clear()
            own.update(before[name])

    def write_device(before: torch.device) -> None:
        # naming the CPU would leave a mode around every operation that looks for a place to put its result
        torch.set_default_device(None if before == torch.device("cpu") else before)

    return [
        (torch.get_default_dtype, torch.set_default_dtype),
        (torch.get_default_device, write_device),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        (lambda: {name: dict(own) for name, own in hooks.items()}, write_hooks),
    ]


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)
