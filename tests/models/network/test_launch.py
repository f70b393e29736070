"""Points of a scan that train as one ensemble: each has the bits that it has alone, and fails alone."""

import numpy as np
import pytest
import xarray as xr
from made_up_networks import SGD, trained

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.network import launch, points
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmarks import Landmarks, forget
from langevin_sgd.models.network.run import train
from langevin_sgd.progress import NullProgress
from langevin_sgd.storage.checkpoint import Checkpoint, NoCheckpoint
from langevin_sgd.study.loading import parse
from langevin_sgd.training import minimum
from langevin_sgd.training.threads import Workers

pytestmark = pytest.mark.usefixtures("own_modules")

MODEL = {
    "kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"}, "replicas": 9,
    "steps": 120, "record_times": 6,
}  # fmt: skip


class _Interrupt(NullProgress):
    """Ctrl-C when so many steps are made."""

    def __init__(self, at: int) -> None:
        self.at = at

    def update(self, done: float, total: float) -> None:
        if total == 120 and done >= self.at:
            raise KeyboardInterrupt


def together(sgds: list[dict], checkpoint=None, progress=None, **model: object) -> list:
    """The points as one launch."""
    checkpoint = NoCheckpoint() if checkpoint is None else checkpoint
    chosen = NetworkModel.model_validate(MODEL | model)
    own = [(chosen, Sgd(**(SGD | sgd))) for sgd in sgds]
    landmarks = Landmarks(checkpoint.part("landmark"), checkpoint.part("search"), seed=1, device="cpu")
    with Workers(2) as workers:
        bench = Bench.of(chosen, seed=1, device="cpu", workers=workers)
        progress = progress or NullProgress()
        return train(own, bench, landmarks, name="network", progress=progress, checkpoint=checkpoint)


def alone(sgd: dict, **model: object) -> xr.Dataset:
    """The same point in a study of its own, without what laws say of it."""
    return trained(sgd=sgd, **(MODEL | model))


def _equal(found: object, single: xr.Dataset) -> None:
    assert isinstance(found, xr.Dataset), found
    for name in found.variables:
        assert found[name].identical(single[name]) or np.array_equal(found[name], single[name], equal_nan=True), name
        assert found[name].dtype == single[name].dtype


SUMS = {"kind": "stationarity", "windows": 3, "samples": 4}
ETAS = [{"learning_rate": 0.1}, {"learning_rate": 0.02}, {"learning_rate": 0.3}]
FUSED = {
    "rates from one start": (ETAS, {}),
    "in epochs from starts of their own": ([e | {"sampling": "epoch"} for e in ETAS], {"start": "independent"}),
    "momentum and decay": (
        [
            {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.05},
            {"learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.2},
        ],
        {"start": "shared", "control": True, "precision": "float64"},
    ),
    "about minima": (
        [{"learning_rate": 0.1}, {"learning_rate": 0.05, "weight_decay": 0.3}, {"learning_rate": 0.02}],
        {"start": "minimum", "burn_in": 30},
    ),
    "sixteen of each, evaluated together": (ETAS, {"replicas": 16, "start": "minimum", "burn_in": 40}),
    "with a probe": (ETAS, {"probes": ("sharpness",), "replicas": 16}),
    "with the linear process beside": (
        ETAS,
        {"probes": ("frozen_noise", "mode_growth"), "start": "minimum", "burn_in": 30},
    ),
    "with sums over every step": (
        [{"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.05}, {"learning_rate": 0.05, "momentum": 0.5}],
        {"probes": (SUMS,)},
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_a_point_among_others_has_the_bits_that_it_has_alone(name, monkeypatch):
    sgds, model = FUSED[name]
    monkeypatch.setattr("langevin_sgd.training.ensemble._BYTES_OF_A_BLOCK", 1 << 14)  # blocks of other points too
    monkeypatch.setattr("langevin_sgd.training.ensemble._SECONDS_WORTH_A_THREAD", 1e-9)
    for found, sgd in zip(together(sgds, **model), sgds, strict=True):
        _equal(found, alone(sgd, **model))


def test_a_point_that_diverges_is_told_and_the_others_end_on_the_same_bits():
    first, wild, unstable, last = together([{}, {"learning_rate": 60.0}, {}, {"learning_rate": 0.2}], steps=400)
    assert isinstance(wild, PointFailed)
    assert isinstance(wild.error, Diverged)
    with pytest.raises(Diverged) as error:
        alone({"learning_rate": 60.0}, steps=400)
    assert str(wild.error) == str(error.value)
    assert error.value.step > 0
    _equal(first, alone({}, steps=400))
    _equal(unstable, first)
    _equal(last, alone({"learning_rate": 0.2}, steps=400))


def test_what_is_known_before_the_first_step_is_the_fault_of_its_point_alone():
    sgds = [{"learning_rate": 30.0}, {"learning_rate": 0.05}, {"learning_rate": 0.1, "weight_decay": 0.2}]
    unstable, *others = together(sgds, start="minimum")
    assert isinstance(unstable, PointFailed)
    assert unstable.error.step == 0
    for found, sgd in zip(others, sgds[1:], strict=True):
        _equal(found, alone(sgd, start="minimum"))


@pytest.mark.parametrize(
    "model", [{"probes": (SUMS,)}, {"start": "minimum", "burn_in": 20, "probes": ("frozen_noise", "mode_growth")}]
)
def test_an_interrupted_launch_goes_on_to_the_same_bits(tmp_path, model):
    sgds = [{"learning_rate": 0.1}, {"learning_rate": 0.05}, {"learning_rate": 90.0, "weight_decay": 0.04}]
    about = "start" in model
    sgds = sgds[: 2 if about else 3]  # at a minimum the third is refused, elsewhere it diverges on the way
    whole = together(sgds, **model)
    forget()
    path = Checkpoint(tmp_path / "network.npz", seconds_between=0)
    with pytest.raises(KeyboardInterrupt):
        together(sgds, checkpoint=path, progress=_Interrupt(at=40), **model)
    assert 40 <= int(path.load()["step"]) < 120
    forget()
    for found, expected in zip(together(sgds, checkpoint=path, **model), whole, strict=True):
        if isinstance(expected, PointFailed):
            assert str(found.error) == str(expected.error)
        else:
            _equal(found, expected)
    assert isinstance(whole[-1], xr.Dataset) == about


def test_a_minimum_is_found_once_for_all_that_have_it_in_common(monkeypatch):
    searches = []
    find = minimum.find
    monkeypatch.setattr(minimum, "find", lambda *given, **options: searches.append(1) or find(*given, **options))
    sgds = [{"learning_rate": eta, "weight_decay": decay} for eta in (0.02, 0.05) for decay in (0.1, 0.2)]
    together(sgds, start="minimum", steps=40)
    together(sgds, start="minimum", steps=40, replicas=3)
    assert len(searches) == 2


def test_rows_of_points_begin_at_a_multiple_of_sixteen():
    assert [launch.rows_of(replicas, 3) for replicas in (1, 16, 17, 64)] == [16, 16, 32, 64]
    assert launch.rows_of(9, 1) == 9


def test_minibatches_are_drawn_once_for_all_points(monkeypatch):
    """As many as for one point: replica r has those of replica r everywhere."""
    from langevin_sgd.training import minibatches

    drawn, fill = [], minibatches.minibatch_kernel.fill

    def counted(indices, replicas, *more):
        drawn.append(len(replicas))
        fill(indices, replicas, *more)

    monkeypatch.setattr(minibatches.minibatch_kernel, "fill", counted)
    together(ETAS, replicas=16)
    assert drawn == [16]


@pytest.mark.parametrize("device_holds", [None, 1, 1e15])
def test_points_are_launched_by_what_they_have_in_common_and_as_many_as_fit(device_holds, monkeypatch):
    """On a CPU as many as fit its cache, on another device as many as fit its memory (here: one, and all)."""
    if device_holds is not None:
        monkeypatch.setattr(points, "fitting_replicas", lambda *given: None)
        monkeypatch.setattr(points.machine_memory, "available_on", lambda device: device_holds)
    launched = []

    def counted(given, *more, **named):
        launched.append(len(given))
        return train(given, *more, **named)

    monkeypatch.setattr(points, "train", counted)
    changes = [{}, {"learning_rate": 0.2}, {"batch_size": 4}, {"momentum": 0.5}, {"weight_decay": 0.0}]
    sgds = [SGD | change for change in changes]
    model = MODEL | {"steps": 20}
    study = parse({"name": "blobs", "seed": 1, "sgd": SGD, "models": {"network": model}})
    found = points.run_points([(study.models["network"], Sgd(**sgd)) for sgd in sgds], Context(study, "network"))
    assert sorted(launched) == ([1] * 5 if device_holds == 1 else [1, 1, 1, 2])
    _equal(found[1], alone(sgds[1], steps=20))
    _equal(found[3], alone(sgds[3], steps=20))
