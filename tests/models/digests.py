"""Run a study and print a digest of every array that it leaves: for processes with other numbers of threads.

Arguments: JSON with `models`, the names to run; `directory`, a run directory or null; `stop_at`, a step of the last
model at which Ctrl-C is pressed, or null.
"""

from __future__ import annotations

import hashlib
import json
import sys
import types
import warnings
from typing import Any

import numpy as np

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.progress import NullProgress


def blobs() -> lsgd.DataSet:
    """Three clouds in 45 dimensions: 138 weights, enough for a BLAS library to use its threads."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    return lsgd.DataSet(rng.normal(size=(3, 45))[labels] + rng.normal(size=(200, 45)), labels, classes=3, name="blobs")


def orthogonal(inputs: tuple[int, ...], classes: int) -> Any:
    """Layers whose first weights come from a factorisation."""
    import torch

    torch.set_default_dtype(torch.float32)
    layers = [torch.nn.Linear(45, 60), torch.nn.Tanh(), torch.nn.Linear(60, classes)]
    for layer in (layers[0], layers[2]):
        torch.nn.init.orthogonal_(layer.weight)
    return torch.nn.Sequential(*layers)


_DATA = {"name": "made_up:blobs"}
_NETWORK = {"kind": "network", "data": _DATA, "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 200}
_OU = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}, "steps": 2000}
_ENDPOINT = {"learning_rate": 0.3, "steps": 200}
MODELS: dict[str, dict[str, Any]] = {
    "network": {**_NETWORK, "replicas": 33},
    "ou": {**_OU, "replicas": 33},
    "inertial": {**_OU, "replicas": 20, "sgd": {"momentum": 0.5}},
    "continuum": {**_OU, "replicas": 20, "dynamics": "continuum", "noise": {"kind": "diagonal", "from": "network"}},
    "probed": {
        **_NETWORK, "start": "independent", "replicas": 20, "architecture": {"kind": "mlp", "hidden": [6]},
        "probes": ["sharpness", {"kind": "inherent_structures", "snapshots": 2, "discard": 0.5}],
    },
    "factorised": {
        **_NETWORK, "start": "shared", "replicas": 20, "control": True, "precision": "float64",
        "architecture": {"kind": "module", "factory": "made_up:orthogonal"},
    },
    "line": {
        "kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [2]}, "start": "independent",
        "endpoints": {"small": {"batch_size": 16, **_ENDPOINT}, "large": {"batch_size": 128, **_ENDPOINT}},
        "points": 151, "replicas": 64, "record_times": 7, "learning_rate_per_sample": 0.06, "steps": 300,
        "sgd": {"weight_decay": 1e-3},
    },
}  # fmt: skip


class _Stop(NullProgress):
    def __init__(self, model: str, step: int) -> None:
        self._model, self._step, self._task = model, step, ""

    def begin(self, task: str, unit: str = "steps") -> None:
        self._task = task

    def update(self, done: int, total: int) -> None:
        if self._task == self._model and done >= self._step:
            raise KeyboardInterrupt


def _digest(array: Any) -> str:
    values = np.ascontiguousarray(array)
    return hashlib.sha256(values.tobytes() if values.dtype != object else repr(values.tolist()).encode()).hexdigest()


def of_study(models: list[str], directory: str | None, stop_at: int | None) -> dict[str, str]:
    """Digests of all arrays of all models and checks."""
    study = {
        "name": "bits", "seed": 2, "sgd": {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.05},
        "models": {name: MODELS[name] for name in models},
        "checks": ["equilibrium"] if "network" in models else [],
    }  # fmt: skip
    more: dict[str, Any] = {"device": "cpu"}
    if directory is not None:
        more |= {"output": directory, "resume": stop_at is None}
    if stop_at is not None:
        more["progress"] = _Stop(models[-1], stop_at)
    try:
        tree = lsgd.simulate(study, **more)
    except ConfigError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        return {}
    return {
        f"{group}/{name}": _digest(variable.values)
        for group, node in tree.children.items()
        for name, variable in node.dataset.variables.items()
    }


def of_integrators() -> dict[str, str]:
    """Digests of runs in 100 dimensions, whose products and roots BLAS and torch would share out."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(100, 100))
    hessian = np.eye(100) + (a[:, None] * a[None]).sum(axis=-1) / 100  # without BLAS
    well = lsgd.Quadratic.from_matrix(hessian)
    warm = lsgd.IsotropicNoise(0.5)
    common: dict[str, Any] = {"time_step": 0.01, "steps": 5, "trajectories": 300, "device": "cpu", "seed": 1}
    return {
        scheme: _digest(lsgd.integrate(well, warm, scheme=scheme, **common).state.vectors["position"])
        for scheme in ("euler_maruyama", "exact")
    }


def of_all(models: list[str], directory: str | None = None, stop_at: int | None = None) -> dict[str, str]:
    """Digests of a study and of the integrators."""
    made = types.ModuleType("made_up")
    made.blobs, made.orthogonal = blobs, orthogonal  # type: ignore[attr-defined]
    sys.modules["made_up"] = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return of_study(models, directory, stop_at) | of_integrators()
        finally:
            del sys.modules["made_up"]


def main() -> None:
    """Print them."""
    given = json.loads(sys.argv[1])
    print(json.dumps(of_all(given["models"], given["directory"], given["stop_at"])))


if __name__ == "__main__":
    main()
