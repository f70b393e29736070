"""Memory that runs out, of a GPU or of the machine, is one line with what to reduce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from numba.cuda.cudadrv.driver import CudaAPIError

import langevin_sgd as lsgd
from langevin_sgd import devices, out_of_memory
from langevin_sgd.integrators import batched_torch, fused_cpu, fused_gpu
from langevin_sgd.integrators.record import Record
from langevin_sgd.models.network import launch, trial
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.out_of_memory import OutOfMemory

OF_A_GPU = CudaAPIError(2, "Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")
ILLEGAL = CudaAPIError(700, "Call to cuCtxSynchronize results in UNKNOWN_CUDA_ERROR")


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_given: Any, **_options: Any) -> Any:
        raise error

    return fail


def integrated(**given: Any) -> Any:
    landscape, noise = lsgd.Expression("x**2/2", "x"), IsotropicNoise(0.5)
    return lsgd.integrate(landscape, noise, **{"time_step": 0.1, "steps": 4, "trajectories": 50_000, **given})


def test_the_fused_kernels_on_a_gpu_say_what_to_reduce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(devices.FOUND, "numba", lambda: 1)
    monkeypatch.setattr(fused_gpu, "run", failing(OF_A_GPU))
    with pytest.raises(OutOfMemory, match=r"^the memory of cuda:0 ran out; take fewer trajectories than 50,000$"):
        integrated(device="cuda")
    scan = {"scan": {"temperature": [0.1, 0.2]}, "record": Record(steps=[4], each=["x"])}
    with pytest.raises(OutOfMemory, match=r"than 100,000, fewer points of the scan at a time, or keep means"):
        integrated(device="cuda", **scan)


@pytest.mark.parametrize("error", [ILLEGAL, RuntimeError("of another kind")])
def test_other_faults_of_a_gpu_stay_what_they_are(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setitem(devices.FOUND, "numba", lambda: 1)
    monkeypatch.setattr(fused_gpu, "run", failing(error))
    with pytest.raises(type(error)) as caught:
        integrated(device="cuda")
    assert caught.value is error


def test_the_other_backends_say_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_torch, "run", failing(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")))
    monkeypatch.setattr(fused_cpu, "run", failing(MemoryError()))
    for backend in ("batched", "fused"):
        with pytest.raises(OutOfMemory, match=r"^the memory of the machine ran out; take fewer trajectories"):
            integrated(backend=backend, device="cpu")


def _study() -> dict[str, Any]:
    network = {"kind": "network", "architecture": {"kind": "linear"}, "loss": "mse", "data": {"name": "diabetes"}}
    network |= {"replicas": 2, "steps": 20}
    return {"name": "t", "seed": 1, "sgd": {"learning_rate": 0.01, "batch_size": 4}, "models": {"network": network}}


def test_a_network_fails_with_the_key_to_reduce(monkeypatch: pytest.MonkeyPatch) -> None:
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
    monkeypatch.setattr(launch, "Ensemble", failing(full))
    with pytest.warns(RuntimeWarning, match=r"ran out; reduce models\.network\.replicas, or choose a device with more"):
        lsgd.simulate(_study())
    monkeypatch.setattr(trial, "Bench", type("Full", (), {"of": staticmethod(failing(full))}))
    with pytest.raises(lsgd.ConfigError, match=r"models\.network: the memory of the machine ran out; reduce"):
        lsgd.simulate(_study())


def test_what_no_memory_is() -> None:
    assert out_of_memory.ran_out(OF_A_GPU)
    assert not out_of_memory.ran_out(ILLEGAL)
    assert not out_of_memory.ran_out(RuntimeError("CUDA_ERROR_OUT_OF_MEMORY"))  # of what, nobody says
