"""Where each kind of model runs, by a table of what a machine has: never silently elsewhere, and recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numba.cuda
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd import devices
from langevin_sgd.errors import UserError
from langevin_sgd.study.loading import parse

_SDE = {"kind": "random_potential", "method": "sde", "alpha": 1.0, "disorders": 2, "walkers": 2, "ln_time": [-2, 0]}
MODELS = {
    "net": {"kind": "network", "architecture": {"kind": "softmax"}, "replicas": 2, "steps": 3},
    "ou": {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
        "noise": {"kind": "isotropic", "scale": 1.0}, "steps": 50, "replicas": 2,
    },
    "well": {
        "kind": "langevin", "temperature": 1.0, "steps": 5, "replicas": 4, "start": [0.0],
        "potential": {"kind": "expression", "energy": "x**2/2", "variables": ["x"]},
    },
    "master": {"kind": "random_potential", "alpha": 1.0, "disorders": 2, "half_width": 40, "ln_time": [0, 4]},
    "flooded": {
        "kind": "random_potential", "alpha": 1.0, "method": "flooding", "disorders": 2, "half_width": 40,
        "ln_time": [0, 4],
    },
    "walkers": {**_SDE, "half_width": 40},
    "waves": {**_SDE, "dimension": 2, "landscape": "fourier", "features": 64},
    "many": {**_SDE, "dimension": 6, "landscape": "fourier", "features": 64},
    "line": {
        "kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [2]},
        "endpoints": {"a": {"batch_size": 4, "learning_rate": 0.1, "steps": 5},
                      "b": {"batch_size": 8, "learning_rate": 0.1, "steps": 5}},
    },
}  # fmt: skip
MODELS["batched"] = {**MODELS["well"], "backend": "batched"}
MODELS["library"] = {**MODELS["well"], "backend": "sdeint"}


def study(*names: str) -> dict:
    return {
        "name": "t", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4},
        "models": {name: MODELS[name] for name in names},
    }  # fmt: skip


@pytest.fixture
def machine(monkeypatch):
    """A function that makes believe so many CUDA devices, as torch and as numba see them."""

    def has(*, torch_sees: int, numba_sees: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: torch_sees > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: torch_sees)
        monkeypatch.setattr(numba.cuda, "gpus", [object()] * numba_sees)
        monkeypatch.setitem(devices.OBSTACLES, "torch", lambda: "" if torch_sees else "no driver")
        monkeypatch.setitem(devices.OBSTACLES, "numba", lambda: "" if numba_sees else "numba-cuda is not installed")

    return has


def placed(device: str, *names: str) -> dict[str, str]:
    models = parse(study(*names)).models
    found = devices.place_all(device, {name: model.engines() for name, model in models.items()})
    return {name: place.device for name, place in found.items()}


TORCH, NUMBA = {"net", "batched", "many", "waves"}, {"well", "walkers"}


@pytest.mark.parametrize("sees", [(0, 0), (1, 0), (0, 1), (2, 2)], ids=str)
def test_auto_takes_cuda_only_for_what_reaches_it_by_its_own_library(machine, sees):
    machine(torch_sees=sees[0], numba_sees=sees[1])
    on_cuda = (TORCH if sees[0] else set()) | (NUMBA if sees[1] else set())
    assert placed("auto", *MODELS) == {name: "cuda:0" if name in on_cuda else "cpu" for name in MODELS}
    assert placed("cpu", *MODELS) == dict.fromkeys(MODELS, "cpu")


@pytest.mark.parametrize("name", sorted(set(MODELS) - TORCH - NUMBA))
def test_what_runs_on_the_cpu_alone_is_refused_on_cuda_by_name(machine, name):
    machine(torch_sees=1, numba_sees=1)
    with pytest.raises(UserError, match=rf"for {name}: .* runs on the CPU alone; no model of this study can") as told:
        lsgd.simulate(study(name), device="cuda")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", sorted(TORCH | NUMBA))
def test_cuda_that_the_own_library_does_not_see_is_refused(machine, name):
    machine(torch_sees=int(name in NUMBA), numba_sees=int(name in TORCH))
    library = "torch" if name in TORCH else "numba"
    with pytest.raises(UserError, match=f"for {name}: {library} sees 0 CUDA devices"):
        placed("cuda", name)


def test_one_line_says_which_models_can_which_cannot_and_how_to_mend(machine, tmp_path):
    machine(torch_sees=1, numba_sees=0)
    with pytest.raises(UserError) as told:
        lsgd.simulate(study("net", "ou", "well", "master"), device="cuda", output=tmp_path / "run")
    assert str(told.value) == (
        "device: cuda was asked for, but for ou: numpy runs on the CPU alone, and for well: numba sees 0 CUDA devices "
        "(numba-cuda is not installed), and for master: its compiled kernel runs on the CPU alone; net can "
        "run there: use device auto, which runs each model where it can"
    )
    assert not (tmp_path / "run").exists()
    assert placed("cuda:0", "net", "batched", "waves", "many") == dict.fromkeys(
        ("net", "batched", "waves", "many"), "cuda:0"
    )
    with pytest.raises(UserError, match="torch sees 1 CUDA devices"):
        placed("cuda:1", "net")


def test_integrate_asks_the_same_table(machine):
    machine(torch_sees=1, numba_sees=0)
    well, warm = lsgd.Expression("x**2/2", "x"), lsgd.IsotropicNoise(1.0)
    run = {"time_step": 0.1, "steps": 2}
    assert lsgd.integrate(well, warm, **run).data.attrs["backend"] == "fused on cpu"  # auto: not what torch sees
    for more, told in (
        ({}, "numba sees 0 CUDA devices"),
        ({"backend": "reference"}, "sdeint runs on the CPU alone"),
        ({"backend": "batched", "device": "cuda:1"}, "torch sees 1 CUDA devices"),
    ):
        with pytest.raises(UserError, match=told):
            lsgd.integrate(well, warm, **run, **{"device": "cuda", **more})


def test_what_ran_is_recorded_for_every_model(machine):
    machine(torch_sees=0, numba_sees=0)
    names = ("ou", "well", "batched", "library", "master", "flooded", "walkers")
    tree = lsgd.simulate(study(*names))
    provenance = json.loads(tree.attrs["provenance"])
    assert (provenance["device"], provenance["device_asked"]) == ("cpu", "auto")
    assert provenance["devices"] == {name: tree[name].attrs["device"] for name in names} == dict.fromkeys(names, "cpu")
    assert provenance["backends"] == {name: tree[name].attrs["backend"] for name in names}
    assert provenance["backends"]["well"] == "fused on cpu"
    assert provenance["backends"]["batched"] == "batched on cpu"
    assert provenance["backends"]["library"] == "sdeint"
    assert "cpu" in provenance["backends"]["walkers"]


@pytest.mark.validate
def test_a_model_on_the_simulator_is_recorded_as_on_cuda_and_auto_does_not_take_it():
    code = f"""
import json, warnings
warnings.simplefilter("ignore", RuntimeWarning)
import langevin_sgd as lsgd
found = []
for device in ("cuda", "auto"):
    tree = lsgd.simulate({study("well")!r}, device=device)
    attrs = tree["well"].attrs
    found.append([attrs["device"], attrs["backend"], json.loads(tree.attrs["provenance"])["devices"]])
print(json.dumps(found))
"""
    own = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        ["cuda:0", "fused on cuda:0", {"well": "cuda:0"}],
        ["cpu", "fused on cpu", {"well": "cpu"}],
    ]
