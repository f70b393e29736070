"""Every kind of model is kept at intervals of time: stopped at any save it goes on to the same bits, repeating little.

The work is counted in units of each kind (steps, disorders, jumps, gradients). What an interrupted and a resumed run do
together is at most one segment more than what an uninterrupted one does.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from _pytest.monkeypatch import derive_importpath
from made_up_launch import launched

from langevin_sgd.models.network import landmarks
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet


class _Stopping:
    """Checkpoints in memory that are always due; Ctrl-C is pressed after a number of saves."""

    def __init__(self, saves: float) -> None:
        self.left, self.saves = saves, 0
        self._kept: dict[str, dict[str, Any]] = {}
        self._name = ""

    def load(self) -> dict[str, Any] | None:
        return self._kept.get(self._name)

    def due(self) -> bool:
        return True

    def save(self, arrays: dict[str, Any]) -> None:
        self._kept[self._name] = {name: np.array(value) for name, value in arrays.items()}
        root = self._root
        root.left, root.saves = root.left - 1, root.saves + 1
        if root.left == 0:
            raise KeyboardInterrupt

    @property
    def _root(self) -> _Stopping:
        return getattr(self, "_owner", self)

    def part(self, name: str) -> _Stopping:
        other = _Stopping(0)
        other._kept, other._name, other._owner = self._kept, f"{self._name}/{name}", self._root
        return other


def _blobs() -> DataSet:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    return DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(60, 4)), labels, classes=3, name="blobs")


@dataclass
class Work:
    """What is counted: a function, and how many units a call of it is."""

    place: str
    units: Callable[..., int] = lambda *args, **more: 1
    segment: int = 1
    """Units of the longest segment."""


_INTEGRATE = lambda *args, steps, **more: steps  # noqa: E731
_WELL = {"kind": "expression", "energy": "x**2/2", "variables": ["x"]}
_POTENTIAL = {"kind": "random_potential", "alpha": 1.0, "half_width": 60, "record_times": 5}
_NETWORK = {
    "kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "mlp", "hidden": [2]}, "replicas": 3,
    "training_time": 3.0, "record_times": 5, "start": "independent",
}  # fmt: skip
_OU = {
    "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.2]},
    "noise": {"kind": "full", "matrix": [[1.0, 0.5], [0.5, 1.0]]}, "steps": 60, "replicas": 5, "record_times": 6,
}  # fmt: skip
_JUMPS = Work("langevin_sgd.integrators.exact_together.Together.moved", lambda self, states, columns: columns)
_ADVANCE = Work("langevin_sgd.training.ensemble.Ensemble.advance", lambda self, source, first, last: last - first, 1000)

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], Work]] = {
    "langevin": (
        {"kind": "langevin", "potential": _WELL, "temperature": 1.0, "steps": 8, "replicas": 8, "start": [0.0]},
        {"models.m.temperature": [0.5, 1.0]},
        Work("langevin_sgd.models.langevin.run.integrate", _INTEGRATE),
    ),
    "basins": (
        {
            "kind": "basins", "potential": {"kind": "expression", "energy": "(x**2-1)**2/4 + x/20", "variables": ["x"]},
            "temperature": 1.0, "time_step": 0.05, "steps": 8, "replicas": 8, "samples": 4, "laws": False,
        },
        {},
        Work("langevin_sgd.models.basins.run.integrate", _INTEGRATE),
    ),
    "master equation": (
        {**_POTENTIAL, "disorders": 80, "ln_time": [0, 4]},
        {},
        Work(
            "langevin_sgd.models.random_potential.methods.master_equation.evolve",
            lambda potential, **more: len(potential),
            32,
        ),
    ),
    "flooding": (
        {**_POTENTIAL, "method": "flooding", "disorders": 24, "ln_time": [0, 4]},
        {"models.m.thermal_energy": [0.5, 1.0]},
        Work("langevin_sgd.models.random_potential.methods.flooding.flood", segment=16),
    ),
    "walkers on a line": (
        {**_POTENTIAL, "method": "sde", "disorders": 3, "walkers": 4, "ln_time": [-3, -1.5]},
        {},
        Work("langevin_sgd.models.random_potential.methods.walkers_on_line.integrate", _INTEGRATE),
    ),
    "walkers in waves": (
        {
            "kind": "random_potential", "alpha": 1.0, "method": "sde", "landscape": "fourier", "dimension": 2,
            "features": 32, "disorders": 3, "walkers": 4, "ln_time": [-5, -3], "record_times": 3,
        },
        {},
        Work("langevin_sgd.models.random_potential.methods.walkers_in_waves.integrate", _INTEGRATE),
    ),
    "ornstein_uhlenbeck": (_OU, {"sgd.batch_size": [2, 4]}, _JUMPS),
    "ornstein_uhlenbeck with momentum": (
        {**_OU, "sgd": {"momentum": 0.5}}, {}, _JUMPS,
    ),
    "network": (_NETWORK, {}, _ADVANCE),
    "network scan": (_NETWORK, {"sgd.learning_rate": [0.1, 0.2]}, _ADVANCE),
    "control": (
        {**_NETWORK, "start": "shared", "control": True},
        {},
        Work("langevin_sgd.training.control.Control.advance", lambda self, first, last: last - first, 1000),
    ),
    "minimum, H and C": (
        {**_NETWORK, "start": "minimum", "training_time": None, "steps": 12},
        {},
        Work("langevin_sgd.training.full_batch.FullBatch.energy_and_gradient"),
    ),
    "interpolation": (
        {
            "kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [2]}, "start": "independent",
            "endpoints": {"small": {"batch_size": 16, "learning_rate": 0.3, "steps": 200},
                          "large": {"batch_size": 128, "learning_rate": 0.3, "steps": 200}},
            "points": 101, "replicas": 64, "record_times": 5, "learning_rate_per_sample": 0.06, "steps": 50,
        },
        {},
        _ADVANCE,
    ),
}  # fmt: skip


def _study(model: dict[str, Any], scan: dict[str, Any]) -> dict[str, Any]:
    sgd = {"learning_rate": 0.1, "batch_size": 2, "weight_decay": 1e-3}
    study = {"name": "t", "seed": 2, "sgd": sgd, "models": {"m": model}, "scan": scan}
    return study if model["kind"] != "random_potential" else {k: v for k, v in study.items() if k != "sgd"}


def _counting(kind: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], Callable[..., xr.Dataset]]:
    """The units of work done so far, and a function that runs the kind with a checkpoint, in the shortest segments."""
    model, scan, work = KINDS[kind]
    made = types.ModuleType("made_up")
    made.blobs = _blobs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up", made)
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)
    monkeypatch.setattr("langevin_sgd.training.interpolation._STEPS_BETWEEN_TELLINGS", 50)
    monkeypatch.setattr("langevin_sgd.models.random_potential.methods.walkers_on_line._FIRST_SEGMENT", 1.0)
    monkeypatch.setattr("langevin_sgd.models.random_potential.methods.walkers_in_waves._FIRST_SEGMENT", 1.0)
    attribute, target = derive_importpath(work.place, raising=True)
    count = [0]
    original = getattr(target, attribute)

    def counted(*args: Any, **more: Any) -> Any:
        count[0] += work.units(*args, **more)
        return original(*args, **more)

    monkeypatch.setattr(target, attribute, counted)
    study = parse(_study(model, scan))

    def run(checkpoint: _Stopping, progress: Any) -> xr.Dataset:
        landmarks.forget()  # as another process has none
        return launched(study, "m", progress=progress, checkpoint=checkpoint)

    return count, run


# a network alone is interrupted in test_network, too
@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.validate) if k == "network" else k for k in KINDS])
def test_stopped_at_any_save_it_goes_on_to_the_same_bits_and_repeats_one_segment_at_most(kind, monkeypatch):
    count, run = _counting(kind, monkeypatch)
    undisturbed = _Stopping(np.inf)
    whole = run(undisturbed, NullProgress())
    all_work = count[0]
    assert undisturbed.saves >= 3
    for k in sorted({2, undisturbed.saves - 1}):
        stopping, count[0] = _Stopping(k), 0
        with pytest.raises(KeyboardInterrupt):
            run(stopping, NullProgress())
        stopping.left = np.inf
        xr.testing.assert_identical(run(stopping, NullProgress()), whole)
        assert count[0] <= all_work + KINDS[kind][2].segment, (k, count[0], all_work)


class _CtrlC(NullProgress):
    """Ctrl-C at a number of updates."""

    def __init__(self, after: float) -> None:
        self.after, self.seen = after, 0

    def update(self, done: float, total: int) -> None:
        self.seen += 1
        if self.seen == self.after:
            raise KeyboardInterrupt


class _OnlyWhenStopped(_Stopping):
    """Short work, for which no save is ever due: what is kept is kept at the interruption, or when a part is done."""

    def due(self) -> bool:
        return False

    def part(self, name: str) -> _Stopping:
        other = super().part(name)
        other.due = lambda: False  # type: ignore[method-assign]
        return other


@pytest.mark.parametrize("kind", ["langevin", "flooding", "ornstein_uhlenbeck", "network scan"])
def test_ctrl_c_in_the_last_of_several_points_loses_no_finished_one(kind, monkeypatch):
    count, run = _counting(kind, monkeypatch)
    calm = _CtrlC(np.inf)
    whole = run(_OnlyWhenStopped(np.inf), calm)
    all_work = count[0]
    late = calm.seen - 1
    stopped = _OnlyWhenStopped(np.inf)
    count[0] = 0
    with pytest.raises(KeyboardInterrupt):
        run(stopped, _CtrlC(late))
    before = count[0]
    xr.testing.assert_identical(run(stopped, NullProgress()), whole)
    assert all_work / 2 < before
    assert count[0] <= all_work + KINDS[kind][2].segment


def test_formulas_are_read_once_whatever_the_number_of_segments_and_points(monkeypatch):
    from langevin_sgd.landscapes import formula

    read: list[str] = []
    original = formula.Reader.read

    def counted(self: Any) -> Any:
        read.append(self.text)
        return original(self)

    monkeypatch.setattr(formula.Reader, "read", counted)
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)
    model = {
        "kind": "langevin", "steps": 6, "replicas": 4, "start": [0.0],
        "noise": {"kind": "formula", "variances": ["q + y**2"]},
        "potential": {"kind": "expression", "energy": "y**4/4 + q*y/7", "variables": ["y"], "parameters": {"q": 1.0}},
    }  # fmt: skip
    study = parse(_study(model, {"models.m.potential.parameters.q": [1.0, 1.5, 2.0]}))
    formula._remembered.cache_clear()
    read.clear()
    launched(study, "m", checkpoint=_Stopping(np.inf))
    assert max(read.count(text) for text in read) == 1
    assert any("y**4/4" in text for text in read)
