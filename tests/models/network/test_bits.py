"""Bits of a network depend on its seed alone: not on replicas, threads, interruptions, or other random numbers."""

import re
from typing import ClassVar

import numpy as np
import pytest
import torch
import xarray as xr
from made_up_networks import trained

from langevin_sgd.models.network.landmarks import forget
from langevin_sgd.storage.checkpoint import Checkpoint

pytestmark = pytest.mark.usefixtures("own_modules")


class _Memory:
    """A checkpoint in memory: due once, or never."""

    def __init__(self, due_at: int | None = None) -> None:
        self.arrays: dict[str, np.ndarray] | None = None
        self.parts: dict[str, _Memory] = {}
        self.asked, self.due_at = 0, due_at

    def load(self):
        return None if self.arrays is None else dict(self.arrays)

    def save(self, arrays) -> None:
        self.arrays = {name: np.array(value) for name, value in arrays.items()}

    def due(self) -> bool:
        self.asked += 1
        return self.asked == self.due_at

    def part(self, name: str):
        return self.parts.setdefault(name, _Memory())


class _Interrupt:
    """A progress display at which the user presses Ctrl-C."""

    def __init__(self, at: int) -> None:
        self.at, self.tasks = at, []

    def begin(self, task: str) -> None:
        self.tasks.append(task)

    def update(self, done: int, total: int) -> None:
        if total == 300 and done >= self.at:
            raise KeyboardInterrupt

    def message(self, text: str) -> None: ...

    def close(self) -> None: ...


def _equal(a: xr.Dataset, b: xr.Dataset) -> None:
    assert a.identical(b), [name for name in a.variables if not a[name].identical(b[name])]


@pytest.mark.by_default("2-1")
@pytest.mark.parametrize("replicas", [8, 1])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_replica_has_the_same_bits_whatever_runs_beside_it(threads, replicas, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    arguments = {"start": "minimum", "steps": 60, "architecture": {"kind": "mlp", "hidden": [5], "activation": "gelu"}}
    arguments["sgd"] = {"momentum": 0.5}
    many = trained(replicas=64, **arguments)
    per_replica = [name for name, variable in many.data_vars.items() if variable.dims[:1] == ("replica",)]
    assert {"energy", "stationary_energy", "mode_moment_2", "test_loss", "squared_displacement"} <= set(per_replica)
    few = trained(replicas=replicas, **arguments)
    for name in per_replica:
        assert np.array_equal(few[name], many[name][:replicas]), name
    assert np.array_equal(few.hessian, many.hessian)


def test_bits_do_not_depend_on_threads(monkeypatch):
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr("langevin_sgd.training.ensemble._SECONDS_WORTH_A_THREAD", 1e-9)
        found.append(trained(start="minimum", replicas=48, steps=40, control=True))
    _equal(found[0], found[1])
    _equal(found[0], found[2])


RESUMED = [
    {"start": "minimum"},
    {"start": "minimum", "sgd": {"momentum": 0.9, "learning_rate": 0.01}},
    {"start": "minimum", "sgd": {"sampling": "epoch"}},
    {"start": "minimum", "measure_curvature": False},
    {"start": "shared", "control": True, "sgd": {"momentum": 0.9}},
    {"start": "independent", "replicas": 1},
]


@pytest.mark.by_default("arguments1", "arguments2", "arguments4", "arguments5")
@pytest.mark.parametrize("arguments", RESUMED)
def test_an_interrupted_run_goes_on_to_the_same_bits(arguments):
    whole = trained(**arguments)
    checkpoint = _Memory()
    with pytest.raises(KeyboardInterrupt):
        trained(**arguments, checkpoint=checkpoint, progress=_Interrupt(at=40))
    assert checkpoint.arrays is not None
    assert 40 <= int(checkpoint.arrays["step"]) < 300
    forget()
    resumed = _Interrupt(at=301)
    _equal(trained(**arguments, checkpoint=checkpoint, progress=resumed), whole)
    assert resumed.tasks == ["network"]  # neither the minimum nor the Hessian is sought again


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint():
    whole = trained(start="minimum")
    checkpoint = _Memory(due_at=4)
    trained(start="minimum", checkpoint=checkpoint)
    assert checkpoint.arrays is not None
    assert 0 < int(checkpoint.arrays["step"]) < 300
    _equal(trained(start="minimum", checkpoint=checkpoint), whole)


class _Counted(Checkpoint):
    """A checkpoint that is due at every look, and tells how much every save has written to which file."""

    written: ClassVar[dict[str, list[int]]] = {}

    def save(self, arrays) -> None:
        super().save(arrays)
        name = re.sub(r"\.[0-9a-f]{16}", "", self.path.name)  # what a landmark follows from
        self.written.setdefault(name, []).append(self.path.stat().st_size)

    def part(self, name: str):
        return _Counted(super().part(name).path, seconds_between=0)


def test_what_does_not_change_is_written_once(tmp_path, monkeypatch):
    """H, C and the eigenvectors of 75 weights are 3 x 75^2 x 8 = 135 kB, written once; the rest, often, is small."""
    monkeypatch.setattr(_Counted, "written", {})
    arguments = {"start": "minimum", "architecture": {"kind": "mlp", "hidden": [9]}, "replicas": 2, "steps": 60}
    path = tmp_path / "network.npz"
    whole = trained(**arguments, checkpoint=_Counted(path, seconds_between=0))
    assert set(_Counted.written) == {"network.npz", "network.landmark.npz", "network.search.npz"}
    (once,) = _Counted.written["network.landmark.npz"]
    often = _Counted.written["network.npz"]
    d = 4 * 9 + 9 + 9 * 3 + 3
    curvature = 3 * d**2 * 8
    assert curvature < once < 1.2 * curvature
    assert len(often) >= 10
    assert max(often) < 0.25 * curvature  # weights, moments of the modes and records
    # gone on with from both files: nothing is measured or written anew, and both are forgotten together
    forget()
    _Counted.written.clear()
    resumed = _Interrupt(at=301)
    found = trained(**arguments, checkpoint=_Counted(path, seconds_between=0), progress=resumed)
    _equal(found, whole)
    assert resumed.tasks == ["network"]
    assert "network.landmark.npz" not in _Counted.written
    Checkpoint(path).remove()
    assert not list(tmp_path.iterdir())


def test_a_landmark_without_a_state_is_used_and_a_state_without_a_landmark_measures_it_again():
    checkpoint = _Memory(due_at=4)
    whole = trained(start="minimum", steps=60, checkpoint=checkpoint)
    alone = _Memory()
    alone.parts = checkpoint.parts
    tasks = _Interrupt(at=301)
    forget()
    _equal(trained(start="minimum", steps=60, checkpoint=alone, progress=tasks), whole)
    assert tasks.tasks == ["network"]
    checkpoint.parts = {}
    forget()
    tasks = _Interrupt(at=301)
    _equal(trained(start="minimum", steps=60, checkpoint=checkpoint, progress=tasks), whole)
    assert tasks.tasks == ["network: minimum", "network: Hessian", "network"]


def test_one_seed_one_result():
    _equal(trained(), trained())
    assert not np.array_equal(trained(seed=2).energy, trained().energy)


def test_random_numbers_of_torch_and_numpy_are_left_alone():
    torch.manual_seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    trained(start="minimum", architecture={"kind": "mlp", "hidden": [3]}, steps=20)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.get_num_threads() == threads
