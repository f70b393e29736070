"""What is installed here and what a study would run on."""

from __future__ import annotations

import os

from langevin_sgd import devices
from langevin_sgd.study.provenance import git_revision, versions


def info() -> str:
    """Versions, devices, and the backend that each kind of model would run on, as lines of text."""
    import torch

    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    on = {engine: devices.place("auto", [engine]).device for engine in (devices.TENSORS, devices.FUSED)}
    entries = {
        **versions(),
        "git revision": git_revision() or "none",
        "cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads",
        "cuda": ", ".join(f"cuda:{index} {name}" for index, name in enumerate(cuda)) or "no device that torch sees",
        "cuda, fused kernels": devices.OBSTACLES["numba"]() or "numba-cuda is ready",
        "network": f"torch.func ensemble on {on[devices.TENSORS]}",
        "langevin, basins": f"fused kernels on {on[devices.FUSED]}, backend: batched on {on[devices.TENSORS]}",
        "random_potential": "sde as langevin and basins; master equation and flooding on cpu",
        "ornstein_uhlenbeck": "exact jumps on cpu",
        "interpolation": "compiled kernel on cpu",
    }
    width = max(map(len, entries)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in entries.items())
