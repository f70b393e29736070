"""Settings of the process that a user's own code may change: put back, so that no other model's numbers depend on it.

A factory that calls `torch.set_default_dtype`, or a module that sets the number of threads as it runs, means itself;
what is left set would change the bits of every model that runs after it in the same study.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put back at the end what was changed inside.

    These are torch's default dtype and device, number of threads, gradient mode, choice of deterministic algorithms and
    hooks on all modules, numpy's treatment of floating-point errors, and the working directory.
    """
    settings = _settings()
    before = [read() for read, _ in settings]
    try:
        yield
    finally:
        for (read, write), value in zip(settings, before, strict=True):
            if read() != value:
                write(value)


def _settings() -> list[_Setting]:
    import numpy as np
    import torch  # late: a config with a fault is to be refused without waiting for it
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
        (np.geterr, lambda before: np.seterr(**before)),
        (os.getcwd, os.chdir),
    ]


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)
