"""Networks over the points of a scan, with their probes: each point its own run, the same bits after interruptions."""

import itertools
import sys
import time
import types

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.observables.cpu_seconds import CPU_SECONDS, cpu_seconds
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.observables.schedule import distinct_log_spaced_steps, log_spaced_steps
from langevin_sgd.progress import NullProgress
from langevin_sgd.reporting.plots.drawn import figures
from langevin_sgd.study import store
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet


def _made_up() -> types.ModuleType:
    made = types.ModuleType("made_up")

    def blobs() -> DataSet:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 130)
        return DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(130, 4)), labels, classes=3, name="blobs")

    made.blobs = blobs
    return made


@pytest.fixture(autouse=True)
def _own_data(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", _made_up())


def _study(scan: dict | None = None, *, probes: tuple = ("sharpness",), checks: tuple = (), **model: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "made_up:blobs"}, "start": "independent", "replicas": 4,
        "architecture": {"kind": "mlp", "hidden": [2]}, "training_time": 8.0, "record_times": 6, "probes": list(probes),
        **model,
    }  # fmt: skip
    network = {key: value for key, value in network.items() if value is not None}
    sgd = {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.02}
    checks = [{"kind": name} for name in checks]
    return {"name": "t", "seed": 3, "sgd": sgd, "models": {"network": network}, "checks": checks, "scan": scan or {}}


GRID = {"sgd.learning_rate": [0.1, 0.2], "sgd.batch_size": [4, 8]}


@pytest.fixture(scope="module")
def scanned() -> xr.Dataset:
    """The grid, run without interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "made_up", _made_up())
        return lsgd.simulate(_study(GRID))["network"].to_dataset(inherit=False)


class _Interrupt(NullProgress):
    """Ctrl-C when something called by these words, which may be a part of a scan, was heard of a number of times."""

    def __init__(self, words: str, after: int) -> None:
        self.words, self.left, self.task = words, after, ""

    def begin(self, task: str, unit: str = "steps") -> None:
        self.task = task

    def update(self, done: float, total: float) -> None:
        self.beside(self.task)

    def beside(self, text: str) -> None:
        if self.words in text:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def test_points_are_stacked_and_each_is_the_run_that_it_would_be_alone(scanned):
    found = scanned
    assert dimensions(found) == ("learning_rate", "batch_size")
    assert found.sharpness_trace.dims == ("learning_rate", "batch_size", "replica")
    assert found.step.isel(time=-1).values.tolist() == [[80, 80], [40, 40]]
    np.testing.assert_allclose(found.time.isel(time=-1), 8.0)
    alone = _study()
    alone["sgd"] |= {"learning_rate": 0.2, "batch_size": 8}
    one = lsgd.simulate(alone)["network"].dataset
    point = found.isel(learning_rate=1, batch_size=1)
    for name in ("sharpness_top", "sharpness_trace", "sharpness_invariant", "energy", "test_accuracy"):
        np.testing.assert_array_equal(point[name], one[name])
        assert not np.array_equal(found[name].isel(learning_rate=0, batch_size=1), one[name])
    starts = found.energy.isel(time=0)
    np.testing.assert_array_equal(starts.isel(learning_rate=0), starts.isel(learning_rate=1))


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("points 1 to 2", 3),
        pytest.param("points 1 to 2: sharpness", 2, marks=pytest.mark.validate),
        ("points 3 to 4: sharpness", 4),
    ],
)
def test_an_interrupted_scan_goes_on_to_the_same_bits(tmp_path, word, after, scanned):
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(_study(GRID), output=tmp_path / "run", progress=_Interrupt(word, after))
    again = _Interrupt("nothing", 1)
    resumed = lsgd.simulate(_study(GRID), output=tmp_path / "run", resume=True, progress=again)["network"].dataset
    xr.testing.assert_identical(resumed.drop_attrs(), scanned.drop_attrs())
    assert not list((tmp_path / "run" / ".state").glob("network*.npz"))


def test_windows_about_minima_are_scanned_in_one_launch_and_an_unstable_point_fails_alone():
    model = {"start": "minimum", "training_time": None, "steps": 80, "burn_in": 20, "replicas": 16, "probes": ()}
    with pytest.warns(RuntimeWarning, match="1 of 3 points failed"):
        tree = lsgd.simulate(_study({"sgd.learning_rate": [0.1, 60.0, 0.2]}, **model))
    found = tree["network"].to_dataset(inherit=False)
    assert found.status.values.tolist() == [1, 2, 1]
    assert "stability needs less than 2" in str(found.error.values[1])
    assert found.hessian.dims == ("parameter", "parameter_2")
    assert found.mode_variance.dims == ("learning_rate", "mode")
    alone = _study(**model)
    alone["sgd"]["learning_rate"] = 0.2
    one = lsgd.simulate(alone)["network"].dataset
    for name in ("mode_variance", "stationary_energy", "energy", "hessian", "mode_variance_predicted"):
        point = found[name].isel(learning_rate=2, missing_dims="ignore")
        np.testing.assert_array_equal(point, one[name], err_msg=name)


def test_what_the_probes_cost_is_told_of_all_points_together_and_is_no_result(scanned, monkeypatch):
    spent = cpu_seconds(scanned.attrs)
    assert set(spent) == {"training", "recording", "probe sharpness"}
    assert CPU_SECONDS not in str(scanned.get("attributes", ""))
    ticks = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: float(next(ticks)))  # so whatever is timed takes a second
    one = cpu_seconds(lsgd.simulate(_study({"sgd.learning_rate": [0.1]}))["network"].attrs)
    two = cpu_seconds(lsgd.simulate(_study({"sgd.learning_rate": [0.1, 0.1001]}))["network"].attrs)
    assert one["probe sharpness"] >= 1.0
    assert two["probe sharpness"] == 2 * one["probe sharpness"]  # as many looks a point


def test_what_a_probe_cost_before_an_interruption_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("langevin_sgd.models.network.launch._SECONDS_BETWEEN_STATES", 0.0)  # steps one by one
    ticks = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: float(next(ticks)))
    config = _study(probes=("segments",), replicas=4)
    whole = cpu_seconds(lsgd.simulate(config)["network"].attrs)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(config, output=tmp_path / "run", progress=_Interrupt("network", 40))
    resumed = lsgd.simulate(config, output=tmp_path / "run", resume=True)["network"]
    assert cpu_seconds(resumed.attrs)["probe segments"] == whole["probe segments"]


def test_where_an_interrupted_scan_is_can_be_asked(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(_study(GRID), output=tmp_path / "run", progress=_Interrupt("points 3 to 4", 2))
    text = store.open_run(tmp_path / "run").attrs["unfinished"]
    assert "network has 2 of 4 points done, 2 pending" in text


def test_a_diverging_point_is_named():
    config = _study({"sgd.learning_rate": [0.1, 400.0]}, probes=(), training_time=None, steps=2000)
    with pytest.warns(RuntimeWarning, match="network: 1 of 2 points failed, at learning_rate=400: network diverged"):
        found = lsgd.simulate(config)["network"].dataset
    assert found.attrs["status"] == "done"
    assert found["status"].values.tolist() == [1, 2]
    assert found["error"].values[0] == ""
    assert np.isfinite(found["energy"].sel(learning_rate=0.1)).all()


def test_weight_decay_and_label_noise_of_a_network_can_be_scanned():
    scan = {"sgd.weight_decay": [0.0, 0.5], "models.network.data.label_noise": [0.0, 0.9]}
    found = lsgd.simulate(_study(scan))["network"].dataset
    assert found.sharpness_trace.dims == ("weight_decay", "label_noise", "replica")
    accuracy = found.train_accuracy.mean(["weight_decay", "replica", "time"])
    assert float(accuracy.sel(label_noise=0)) > float(accuracy.sel(label_noise=0.9))


@pytest.mark.validate
def test_structures_have_shares_that_add_up_and_survive_an_interruption(tmp_path):
    probes = ({"kind": "inherent_structures", "snapshots": 5, "discard": 0.5},)
    config = _study(probes=probes, checks=("flatness",))
    tree = lsgd.simulate(config)
    found = tree["network"].dataset
    assert found.structure.shape == (4, 5)
    assert found.snapshot_step.values[[0, -1]].tolist() == [40, 80]
    assert float(found.structure_occupancy.sum()) == pytest.approx(1.0)
    assert (np.diff(found.structure_energy) >= 0).all()
    counts = np.bincount(found.structure.values.ravel())
    np.testing.assert_allclose(found.structure_occupancy, counts / 20)
    assert float(found.energy.isel(time=-1).min()) > float(found.structure_energy.min())
    assert tree["checks"].dataset.quantity.values.tolist() == ["energy_coefficient", "curvature_coefficient"]
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(config, output=tmp_path / "run", progress=_Interrupt("structures", 7))
    resumed = lsgd.simulate(config, output=tmp_path / "run", resume=True)["network"].dataset
    xr.testing.assert_identical(resumed.drop_attrs(), found.drop_attrs())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_minimum_and_the_structures_each_have_a_thermal_energy(momentum):
    """T/2 = eta tr C/(2 B d) by the stored C at the minimum, whatever the momentum; structures by C at each of them."""
    config = _study(
        probes=({"kind": "inherent_structures", "snapshots": 2, "discard": 0.5},), checks=("flatness",),
        architecture={"kind": "softmax"}, start="minimum", training_time=None, steps=1200, gradient_tolerance=1e-7,
    )  # fmt: skip
    config["sgd"] |= {"learning_rate": 0.02, "momentum": momentum}
    tree = lsgd.simulate(config)
    found = tree["network"].dataset
    assert found.attrs["status"] == "done", found.attrs
    theta = 0.02 * np.trace(found.noise_covariance) / found.sizes["parameter"] / (2 * 4)
    assert float(found.thermal_energy) == pytest.approx(theta)
    assert float(found.temperature) == pytest.approx(2 * theta)
    assert float(found.effective_thermal_energy) == pytest.approx(theta / (1 - momentum))
    # convex: the only structure is that minimum
    assert found.structure_energy.shape == (1,)
    np.testing.assert_allclose(found.structure_effective_thermal_energy, theta / (1 - momentum), rtol=1e-4)
    energy = tree["checks"].dataset.isel(comparison=0)
    assert str(energy.quantity.values) == "energy_coefficient"
    assert float(energy.predicted) == pytest.approx((1 - momentum) / theta, rel=1e-4)


def test_the_flatness_figure_is_drawn(scanned):
    tree = xr.DataTree.from_dict({"network": scanned})
    drawn = figures(tree, ["flatness"])["flatness"]
    labels = [axes.get_ylabel() for axes in drawn.axes]
    assert len(labels) == 4
    lines = drawn.axes[0].get_lines()
    x = np.sort(np.concatenate([line.get_xdata() for line in lines if len(line.get_xdata()) == 2]))
    assert set(np.round(x, 10)) == {0.0125, 0.025, 0.05}


def test_as_many_distinct_steps_as_asked_for():
    for steps, count in ((80, 6), (40, 40), (45, 40), (12000, 24), (1, 1), (7, 1)):
        found = distinct_log_spaced_steps(steps, count)
        assert found.size == count + 1
        assert found[0] == 0
        assert found[-1] == steps
        assert (np.diff(found) > 0).all()
    np.testing.assert_array_equal(distinct_log_spaced_steps(10**6, 4), log_spaced_steps(10**6, 4))
    with pytest.raises(ValueError, match="no 5 distinct steps"):
        distinct_log_spaced_steps(4, 5)


def test_a_training_too_short_for_its_record_says_so():
    told = r"models\.network\.training_time: 0.3 is 3 steps, fewer than the 6 recorded times"
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.simulate(_study(training_time=0.3))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 10}, "training_time is given too; remove one"),
        ({"training_time": None}, "missing; expected a whole number"),
        ({"probes": ["sharpness", "sharpness"]}, "sharpness is there twice; remove one"),
        ({"probes": ["sharpnes"]}, "sharpness"),
        ({"probes": ["inherent_structures"]}, "whose inherent structures are others at every point"),
    ],
)
def test_configs_that_make_no_scan(changed, message):
    config = _study(GRID)
    config["models"]["network"] |= changed
    config["models"]["network"] = {k: v for k, v in config["models"]["network"].items() if v is not None}
    with pytest.raises(ConfigError, match=message):
        parse(config)
