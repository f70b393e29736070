"""What keeps each library from CUDA on this machine, in one line with the mend; empty where nothing does.

Asked in the order in which a fresh machine meets them: the package, the driver, its age, the compilers.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util

_EXTRA = "pip install 'langevin-sgd[gpu]'"


def of_torch() -> str:
    """Of torch."""
    import torch

    if torch.version.cuda is None:
        return "this torch is built for the CPU alone; install one built for CUDA, see pytorch.org"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # no driver, or too old a one: torch tells which, and where there is another
        return f"torch is built for CUDA {torch.version.cuda}: {' '.join(str(error).split())}"
    return ""


def of_numba() -> str:
    """Of numba-cuda, which compiles the fused kernels; its simulator needs nothing."""
    from numba import config

    if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]
        return ""
    if importlib.util.find_spec("numba_cuda") is None:
        return f"numba-cuda is not installed; {_EXTRA}"
    from numba import cuda

    if not cuda.is_available():  # type: ignore[no-untyped-call]
        said = " ".join(str(cuda.cuda_error() or "").split())  # type: ignore[no-untyped-call]
        return f"no NVIDIA driver that starts: {said.rstrip('.') or 'no reason given'}; see nvidia-smi"
    driver = cuda.cudadrv.driver.driver.get_version()  # type: ignore[no-untyped-call]
    made_for = int(importlib.metadata.version("cuda-bindings").partition(".")[0])
    if driver[0] < made_for:
        return (
            f"the driver is for CUDA {driver[0]}.{driver[1]} and numba-cuda is installed for CUDA {made_for}; update "
            "the driver, or pip install 'langevin-sgd[gpu-12]'"
        )
    return next(filter(None, map(_compiler, ("nvvm", "nvrtc"))), "")


def _compiler(name: str) -> str:
    """Whether a library of NVIDIA's that compiles kernels can be loaded."""
    from cuda import pathfinder

    try:
        pathfinder.load_nvidia_dynamic_lib(name)
    except pathfinder.DynamicLibNotFoundError:
        return f"{name.upper()}, which compiles kernels, is not found; {_EXTRA}"
    return ""
