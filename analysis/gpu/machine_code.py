"""GPU kernels compiled to machine code on a machine without a GPU: numba-cuda to PTX, ptxas to a cubin, nvdisasm.

numba-cuda asks the current device for its compute capability when it compiles functions that a kernel calls; a
stand-in answers. What is compiled is the text that a run would compile, for the types that it would pass.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from langevin_sgd.integrators import fused_gpu, kernel_cache
from langevin_sgd.integrators.partial_sums import PartialSums
from langevin_sgd.integrators.problem import Problem

PACKAGES = ("numba-cuda", "nvidia-cuda-nvcc", "nvidia-cuda-nvdisasm", "nvidia-cuda-nvrtc", "nvidia-nvvm")


class NoCompiler(Exception):
    """What the extra `gpu-build` installs is not there."""


@dataclass(frozen=True)
class MachineCode:
    """What ptxas says of a kernel, bytes of stack and spills a thread, and its code as text."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    text: str


def versions() -> dict[str, str]:
    """Of the packages that compile. Raises `NoCompiler` if one is missing, or numba's simulator is switched on."""
    from numba import config

    if config.ENABLE_CUDASIM:
        raise NoCompiler("NUMBA_ENABLE_CUDASIM is set: the simulator compiles nothing")
    try:
        return {name: importlib.metadata.version(name) for name in PACKAGES}
    except importlib.metadata.PackageNotFoundError as error:
        raise NoCompiler(f"{error.name} is not installed; pip install '.[gpu-build]'") from None


def _program(name: str) -> Path:
    """ptxas or nvdisasm, from the package that brings it."""
    package = {"ptxas": "nvidia-cuda-nvcc", "nvdisasm": "nvidia-cuda-nvdisasm"}[name]
    found = [file for file in importlib.metadata.files(package) or () if file.name == name]
    if not found:
        raise NoCompiler(f"{package} holds no {name}")
    return Path(str(found[0].locate()))


def run_kernel(problem: Problem) -> tuple[Any, Sequence[Any]]:
    """The kernel that makes the steps of a run, and arguments of the types that it is launched with."""
    module = kernel_cache.load(fused_gpu.source(problem))
    uniform, varying = problem.coefficients()
    key = (np.uint32(0), np.uint32(0))
    return module.run, (
        *(*key, problem.numbers, problem.state, uniform, varying, problem.table, problem.offsets),
        *(problem.cells, problem.begin, problem.end, problem.passage),
    )


def recording_kernels(problem: Problem) -> dict[str, tuple[Any, Sequence[Any]]]:
    """Those that observe and reduce."""
    from langevin_sgd.integrators import gpu_reductions

    module = kernel_cache.load(fused_gpu.source(problem))
    partial = PartialSums.none(problem)
    seen = np.zeros((problem.program.quantities, problem.numbers.size))
    _, means, histograms = partial.rows
    counts, faults = partial.counts, partial.faults
    dimension = problem.program.dimension
    return {
        "observe": (module.observe, (problem.state, problem.start, *problem.coefficients(), seen)),
        "count": (
            gpu_reductions.count,
            (
                *(
                    0,
                    seen,
                    problem.state,
                    dimension,
                    problem.groups,
                    histograms.size,
                    histograms,
                    partial.edges,
                    counts,
                ),
                *(faults.counts, faults.first),
            ),
        ),
        "sum_tiles": (gpu_reductions.sum_tiles, (0, seen, problem.groups, means, partial.sums)),
    }


def ptx_of(kernel: Any, arguments: Sequence[Any], capability: tuple[int, int]) -> str:
    """The kernel as PTX for devices of that compute capability."""
    from numba import cuda, typeof, types

    device = SimpleNamespace(compute_capability=capability)
    with patch("numba.cuda.dispatcher.get_current_device", lambda: device):
        text, _ = cuda.compile_ptx(kernel.py_func, types.void(*map(typeof, arguments)), cc=capability)
    return str(text)


def assembled(ptx: str, capability: tuple[int, int]) -> MachineCode:
    """Machine code of one kernel. Raises `RuntimeError` with what ptxas or nvdisasm says."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        given.write_text(ptx)
        architecture = f"-arch=sm_{capability[0]}{capability[1]}"
        said = _said("ptxas", architecture, "-v", str(given), "-o", str(made))
        text = _said("nvdisasm", "-c", str(made))
    # the entry comes first; functions that it calls follow
    registers = re.search(r"Used (\d+) registers", said)
    frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)
    if registers is None or frame is None:
        raise RuntimeError(f"ptxas says no registers: {said[:500]}")
    return MachineCode(int(registers[1]), int(frame[1]), int(frame[2]), int(frame[3]), text)


def _said(name: str, *arguments: str) -> str:
    done = subprocess.run([_program(name), *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{name}: {(done.stderr + done.stdout).strip()[:500]}")
    return done.stdout + done.stderr
