"""What computes on which device: the one place where `auto`, `cpu` and `cuda[:N]` become a device.

An engine is what runs a model's numbers, with the library by which it reaches CUDA if it can. Several may do for one
model; the first that can run where it is asked to does. `auto` is CUDA where one of them reaches it, else the CPU; what
is asked for by name and cannot run is refused, so nothing ever runs silently elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langevin_sgd import cuda_obstacles, options
from langevin_sgd.errors import UserError

Library = Literal["torch", "numba"]


@dataclass(frozen=True)
class Engine:
    """Something that computes: its name, and the library that takes it to CUDA, None if it runs on the CPU alone."""

    name: str
    cuda: Library | None


NUMPY = Engine("numpy", None)
COMPILED = Engine("its compiled kernel", None)
FUSED = Engine("the fused kernel", "numba")
TENSORS = Engine("torch", "torch")
SDEINT = Engine("sdeint", None)


@dataclass(frozen=True)
class Placed:
    """Where something runs: `cpu` or `cuda:N`, and by what."""

    device: str
    engine: Engine


def _torch_devices() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _numba_devices() -> int:
    from numba import cuda

    return 0 if OBSTACLES["numba"]() else len(cuda.gpus)


FOUND: dict[Library, Callable[[], int]] = {"torch": _torch_devices, "numba": _numba_devices}
"""How many CUDA devices each library sees."""

OBSTACLES: dict[Library, Callable[[], str]] = {"torch": cuda_obstacles.of_torch, "numba": cuda_obstacles.of_numba}
"""What keeps each library from CUDA, in words."""


def _missing(library: Library, count: int) -> str:
    obstacle = "" if count else OBSTACLES[library]()
    return f"{library} sees {count} CUDA devices" + (f" ({obstacle})" if obstacle else "")


def checked(device: str) -> str:
    """`device` itself; raises `UserError` unless it is `auto`, `cpu` or `cuda[:N]`."""
    if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", device):
        raise UserError(f"device: unknown device {device!r}; use auto, cpu or cuda[:N]")
    return device


def place(device: str, engines: Sequence[Engine]) -> Placed:
    """The device and the first of `engines` that run what was asked for.

    Raises `UserError` for an unknown name, and for CUDA where none of the engines can have it.
    """
    found = _placed(checked(device), engines)
    if isinstance(found, str):
        raise UserError(f"device: {device} was asked for, but {found}; use {options.option('device')} cpu or auto")
    return found


def place_all(device: str, models: Mapping[str, Sequence[Engine]]) -> dict[str, Placed]:
    """`place` for every model of a study, by name; raises `UserError` with one line on all that cannot run there."""
    found = {name: _placed(checked(device), engines) for name, engines in models.items()}
    refused = {name: reason for name, reason in found.items() if isinstance(reason, str)}
    placed = {name: place for name, place in found.items() if not isinstance(place, str)}
    if not refused:
        return placed
    reasons: dict[str, list[str]] = {}
    for name, reason in refused.items():
        reasons.setdefault(reason, []).append(name)
    told = ", and for ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    if placed:
        auto = f"{options.option('device')} auto"
        mend = f"{', '.join(placed)} can run there: use {auto}, which runs each model where it can"
    else:
        mend = f"no model of this study can: use {options.option('device')} cpu or auto"
    raise UserError(f"device: {device} was asked for, but for {told}; {mend}")


def _placed(device: str, engines: Sequence[Engine]) -> Placed | str:
    """Where and by what, or why not."""
    if device == "cpu":
        return Placed("cpu", engines[0])
    able = [engine for engine in engines if engine.cuda is not None]
    if device == "auto":
        on_cuda = next((engine for engine in able if _real(engine.cuda)), None)
        return Placed("cpu", engines[0]) if on_cuda is None else Placed("cuda:0", on_cuda)
    index = int(device.partition(":")[2] or 0)
    reasons = []
    for engine in able:
        assert engine.cuda is not None
        count = FOUND[engine.cuda]()
        if index < count:
            return Placed(f"cuda:{index}", engine)
        reasons.append(_missing(engine.cuda, count))
    return " and ".join(reasons) or f"{engines[0].name} runs on the CPU alone"


def _real(library: Library | None) -> bool:
    """Whether a library sees a CUDA device; numba's simulator is one only when it is asked for by name."""
    if library is None:
        return False
    if library == "numba":
        from numba import config

        if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]
            return False
    return FOUND[library]() > 0
