"""What is installed here and what a study would run on."""

from __future__ import annotations

import os

from langevin_sgd import devices
from langevin_sgd.provenance import git_revision, versions


def info() -> str:
    """Versions, devices, and the backend that each kind of model would run on, as lines of text."""
    import torch

    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    device = devices.resolve("auto")
    entries = {
        **versions(),
        "git revision": git_revision() or "none",
        "cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads",
        "cuda": ", ".join(f"cuda:{index} {name}" for index, name in enumerate(cuda)) or "no device that torch sees",
        "--device auto": device,
        "network": f"torch.func ensemble on {device}",
        "ornstein_uhlenbeck": "exact jumps, numpy",
    }
    width = max(map(len, entries)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in entries.items())
