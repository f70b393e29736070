"""Machines on which something of CUDA is missing: one line says what, and the mend."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numba.cuda
import pytest
import torch

from langevin_sgd import cuda_obstacles, devices
from langevin_sgd.errors import UserError


class NotFound(Exception):
    pass


@pytest.fixture
def numba_on(monkeypatch):
    """A function that makes believe a machine: its packages, its driver and the libraries that can be loaded."""

    def machine(*, installed=True, said="", driver=(13, 0), made_for="13.5.0", libraries=("nvvm", "nvrtc")) -> None:
        def load(name: str) -> None:
            if name not in libraries:
                raise NotFound(name)

        found = importlib.util.find_spec
        spec = object() if installed else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "numba_cuda" else found(name))
        version = importlib.metadata.version
        monkeypatch.setattr(
            importlib.metadata, "version", lambda name: made_for if name == "cuda-bindings" else version(name)
        )
        monkeypatch.setattr(numba.cuda, "is_available", lambda: not said)
        monkeypatch.setattr(numba.cuda, "cuda_error", lambda: said)
        monkeypatch.setattr(numba.cuda.cudadrv.driver, "driver", SimpleNamespace(get_version=lambda: driver))
        monkeypatch.setattr(numba.cuda, "gpus", [object()])
        pathfinder = ModuleType("cuda.pathfinder")
        pathfinder.load_nvidia_dynamic_lib, pathfinder.DynamicLibNotFoundError = load, NotFound
        package = ModuleType("cuda")
        package.pathfinder = pathfinder
        monkeypatch.setitem(sys.modules, "cuda", package)
        monkeypatch.setitem(sys.modules, "cuda.pathfinder", pathfinder)

    return machine


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"installed": False}, "numba-cuda is not installed; pip install 'langevin-sgd[gpu]'"),
        ({"said": "\nCUDA driver library cannot be found.\n"}, "driver library cannot be found; see nvidia-smi"),
        ({"said": "CUDA_ERROR_NO_DEVICE (100)"}, "CUDA_ERROR_NO_DEVICE (100); see nvidia-smi"),
        ({"driver": (12, 4)}, "the driver is for CUDA 12.4 and numba-cuda is installed for CUDA 13; update the driver"),
        ({"libraries": ("nvvm",)}, "NVRTC, which compiles kernels, is not found; pip install 'langevin-sgd[gpu]'"),
        ({"libraries": ("nvrtc",)}, "NVVM, which compiles kernels, is not found; pip install 'langevin-sgd[gpu]'"),
    ],
)
def test_what_numba_lacks_is_said_with_the_mend(numba_on, missing, told):
    numba_on(**missing)
    assert told in cuda_obstacles.of_numba()
    with pytest.raises(UserError) as error:
        devices.place("cuda", (devices.FUSED,))
    line = str(error.value)
    assert line.startswith("device: cuda was asked for, but numba sees 0 CUDA devices (")
    assert told in line
    assert "\n" not in line
    assert devices.place("auto", (devices.FUSED,)).device == "cpu"


@pytest.mark.parametrize("driver", [(13, 0), (14, 1)])
def test_with_all_there_numba_has_its_devices(numba_on, driver):
    numba_on(driver=driver)
    assert cuda_obstacles.of_numba() == ""
    assert devices.place("cuda", (devices.FUSED,)).device == "cuda:0"
    with pytest.raises(UserError, match="numba sees 1 CUDA devices; use"):
        devices.place("cuda:1", (devices.FUSED,))


@pytest.mark.parametrize(
    ("built", "said", "told"),
    [
        (None, "", "this torch is built for the CPU alone; install one built for CUDA, see pytorch.org"),
        ("13.0", "Found no NVIDIA driver\non your system.", "torch is built for CUDA 13.0: Found no NVIDIA driver on"),
        ("13.0", "The NVIDIA driver on your system is too old (found version 12040).", "too old (found version 12040)"),
    ],
)
def test_what_torch_lacks_is_said_with_the_mend(monkeypatch, built, said, told):
    def init() -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"torch sees 0 CUDA devices \(") as error:
        devices.place("cuda", (devices.TENSORS,))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
