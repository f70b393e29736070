"""Every probe: stopped amid training and when all is measured, it goes on from what it kept, to the same bits.

The table of the family is walked, so that a new member is covered once `KEYS` says how it is small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.families import imported
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.point import Point
from langevin_sgd.models.network.run import run
from langevin_sgd.observables.variable import Coordinate
from langevin_sgd.progress import NullProgress
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.training.probes import PROBES
from langevin_sgd.training.probes.probe import Probe

STEPS = 12
KEYS: dict[str, dict[str, dict[str, Any]]] = {
    "from_one_start": {
        "sharpness": {},
        "batch_sharpness": {"looks": 2, "minibatches": 2},
        "gauss_newton": {"eigenvectors": 1, "vectors": 2, "looks": 2, "replicas": 1},
        "noise_covariance": {
            "modes": 3, "eigenvalues": 1, "vectors": 2, "minibatches": 4, "looks": 2, "replicas": 1,
        },
        "scale_invariance": {"factors": [2.0], "vectors": 1, "replicas": 1},
        "critical_samples": {"radius": 0.1, "search": 1, "samples": 4, "looks": 2},
        "degrees_of_freedom": {"relative_lambda": [0.1], "looks": 2, "replicas": 1},
        "generalisation": {"looks": 2},
        "per_example": {"steps": [2, 10]},
        "hessian_spectrum": {"eigenvalues": 1, "vectors": 2, "quadrature": 2, "looks": 2, "replicas": 1},
        "neural_tangent_kernel": {"samples": 4, "modes": 2, "looks": 2, "replicas": 1},
        "tangent": {"looks": 2},
        "stationarity": {"windows": 2},
        "segments": {"looks": 2, "points": 1},
        "plane": {"points": 2, "quench": True},
        "roughness": {"points": 4},
        "inherent_structures": {"snapshots": 2, "discard": 0.0},
        "final_weights": {},
        "two_time": {"waiting": [2, 5], "separations": [1, 7]},
        "reconstruction": {"samples": 1, "iterations": 3, "replicas": 1},
    },
    "about_a_minimum": {
        "averages": {"frames": 2, "directions": 2},
        "frozen_noise": {},
        "mode_growth": {},
        "mode_covariance": {"modes": 3},
        "response": {"onsets": [2], "delays": [1, 6], "fields": [0.1]},
    },
    "of_waves": {"spectrum_of_error": {"frequencies": [1], "looks": 2}},
}  # fmt: skip
"""The probes of each of three models, with what makes them cheap."""


def study() -> dict[str, Any]:
    iris = {"kind": "network", "data": {"name": "iris"}, "replicas": 4, "steps": STEPS, "record_times": 8}
    waves = {"name": "harmonics", "wave_numbers": [1], "samples": 8, "spacing": "equal", "test_fraction": 0}
    models = {
        "from_one_start": {**iris, "architecture": {"kind": "mlp", "hidden": [2], "activation": "tanh"}},
        "about_a_minimum": {**iris, "architecture": {"kind": "softmax"}, "start": "minimum", "burn_in": 4},
        "of_waves": {**iris, "data": waves, "architecture": {"kind": "linear"}, "loss": "mse"},
    }
    for name, probes in KEYS.items():
        models[name]["probes"] = [{"kind": kind, **keys} for kind, keys in probes.items()]
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.3}
    return {"name": "t", "seed": 1, "sgd": sgd, "models": models}


class _Stop(NullProgress):
    """Interrupts the training of a model at half its steps."""

    def __init__(self, model: str) -> None:
        self._model, self._trains = model, False

    def begin(self, task: str, unit: str = "steps") -> None:
        self._trains = task == self._model

    def update(self, done: float, total: float) -> None:
        if self._trains and done >= STEPS // 2:
            raise KeyboardInterrupt


@dataclass
class Watched:
    """What the probes of a run were seen to do, by the kind: steps observed, and whether what was kept came back."""

    observed: dict[str, list[int]] = field(default_factory=dict)
    restored: dict[str, list[bool]] = field(default_factory=dict)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return set(one) == set(other) and all(_bits(one[name]) == _bits(other[name]) for name in one)


def _bits(values: Any) -> tuple[Any, ...]:
    array = np.asarray(values)
    return array.shape, array.dtype, array.tobytes()


def _watch(patch: pytest.MonkeyPatch, seen: Watched) -> None:
    for kind in PROBES:
        probe: type[Probe] = imported(PROBES[kind].PROBE)

        def observe(self: Probe, view: Any, kind: str = kind, original: Callable[..., Any] = probe.observe) -> None:
            seen.observed.setdefault(kind, []).append(view.step)
            original(self, view)

        def restore(self: Probe, state: Any, kind: str = kind, original: Callable[..., Any] = probe.restore) -> None:
            kept = {name: np.array(values) for name, values in state.items()}
            original(self, state)
            seen.restored.setdefault(kind, []).append(_same(self.state(), kept))

        patch.setattr(probe, "observe", observe)
        patch.setattr(probe, "restore", restore)


@dataclass(frozen=True)
class Runs:
    whole: Mapping[str, xr.Dataset]
    resumed: Mapping[str, xr.Dataset]
    seen: Watched
    expected: Watched


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All models whole, and each stopped twice: halfway, and when its probes have measured everything."""
    folder: Path = tmp_path_factory.mktemp("interrupted")
    given = lsgd.parse(study())
    seen, expected, finished = Watched(), Watched(), []
    dataset = Point._dataset

    def stopping(self: Point, *args: Any) -> xr.Dataset:
        if self.model not in finished:
            finished.append(self.model)
            raise KeyboardInterrupt
        return dataset(self, *args)

    def trained(name: str, **options: Any) -> xr.Dataset:
        model = given.models[name]
        assert isinstance(model, NetworkModel)
        assert given.sgd is not None
        return run(model, given.sgd, name=name, seed=given.seed, **options)

    whole, resumed = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langevin_sgd.models.network.launch._SECONDS_BETWEEN_STATES", 0.0)  # a state after every step
        with pytest.MonkeyPatch.context() as watching:
            _watch(watching, expected)
            whole = {name: trained(name) for name in KEYS}
        _watch(patch, seen)
        patch.setattr(Point, "_dataset", stopping)
        for name in KEYS:
            checkpoint = Checkpoint(folder / f"{name}.npz")
            for progress in (_Stop(name), NullProgress()):
                with pytest.raises(KeyboardInterrupt):
                    trained(name, checkpoint=checkpoint, progress=progress)
            resumed[name] = trained(name, checkpoint=checkpoint)
    return Runs(whole, resumed, seen, expected)


def test_every_member_is_among_them():
    assert sorted(kind for probes in KEYS.values() for kind in probes) == sorted(PROBES)


@pytest.mark.parametrize("kind", sorted(PROBES))
def test_stopped_twice_it_has_what_it_kept_and_ends_with_the_same_bits(runs: Runs, kind: str):
    (model,) = [name for name, probes in KEYS.items() if kind in probes]
    assert runs.seen.observed.get(kind) == runs.expected.observed.get(kind)  # no step is looked at again
    assert runs.seen.restored[kind] == [True, True]
    names = [
        name
        for name, each in PROBES[kind].DECLARES.items()
        if not isinstance(each, Coordinate) and name in runs.whole[model]
    ]
    assert names
    for name in names:
        np.testing.assert_array_equal(runs.resumed[model][name], runs.whole[model][name], err_msg=name)
