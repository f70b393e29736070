"""Which device a study runs on."""

from __future__ import annotations

import re

from langevin_sgd.errors import UserError


def resolve(device: str) -> str:
    """Turn `auto`, `cpu` or `cuda[:N]` into the device that runs; `auto` is CUDA where there is one, else the CPU.

    Raises `UserError` when CUDA is asked for and is not there: a study never runs silently on another device.
    """
    if device == "cpu":
        return device
    if device != "auto" and not re.fullmatch(r"cuda(:\d+)?", device):
        raise UserError(f"device: unknown device {device!r}; use auto, cpu or cuda[:N]")
    import torch

    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda:0" if available else "cpu"
    index = int(device.partition(":")[2] or 0)
    if index >= available:
        found = f"torch {torch.__version__} sees {available} CUDA device{'s' * (available != 1)}"
        raise UserError(f"device: {device} was asked for, but {found}; use --device cpu or auto")
    return f"cuda:{index}"
