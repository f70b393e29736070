"""The network model as a study runs it: small problems that take a second, and digits in the validation tier."""

import sys
import types
from typing import ClassVar

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.network import run as network
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.training.data import DataSet

SGD = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.05}


PROMISED = [
    *["energy", "squared_displacement", "drift_squared", "drift_squared_predicted", "spread", "spread_stderr"],
    *["spread_predicted", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "control_energy"],
    *["control_squared_displacement", "mode_moment_1", "mode_moment_2", "mode_mean", "mode_mean_stderr"],
    *["mode_variance", "mode_variance_stderr", "mode_variance_predicted", "mode_variance_law", "energy_law_weight"],
    *["stationary_energy", "hessian_eigenvalue", "noise_in_mode", "noisy", "autocorrelation_time"],
    *["transient_deficit", "minimum", "hessian", "noise_covariance", "hessian_eigenvector", "energy_at_minimum"],
    *["gradient_norm_at_minimum", "alignment", "noise_scale", "temperature", "thermal_energy"],
    *["learning_rate", "batch_size", "momentum"],
]


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch):
    """Data and networks that configs of these tests name."""
    made = types.ModuleType("made_up")

    def blobs() -> DataSet:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 260)
        inputs = 0.7 * rng.normal(size=(3, 4))[labels] + rng.normal(size=(260, 4))
        return DataSet(inputs, labels, classes=3, name="blobs")

    def far_apart() -> DataSet:
        labels = np.arange(60) % 2
        return DataSet(np.where(labels, 1.0, -1.0)[:, None] * np.ones(2), labels, classes=2)

    made.blobs, made.far_apart = blobs, far_apart
    made.normed = lambda inputs, classes: nn.Sequential(nn.Linear(inputs, classes), nn.BatchNorm1d(classes))
    monkeypatch.setitem(sys.modules, "made_up", made)


def _run(*, sgd: dict | None = None, seed: int = 1, checkpoint=None, progress=None, **model: object) -> xr.Dataset:
    config = {
        "kind": "network",
        "data": {"name": "made_up:blobs"},
        "architecture": {"kind": "softmax"},
        "replicas": 6,
        "steps": 300,
        "record_times": 12,
        **model,
    }
    return network.run(
        NetworkModel.model_validate(config),
        Sgd(**(SGD | (sgd or {}))),
        name="network",
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


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


def test_everything_promised_is_there_and_finite():
    found = _run(start="minimum", control=True, replicas=8)
    for name in PROMISED:
        assert np.isfinite(found[name].values).all(), name
    assert found.sizes["mode"] == found.sizes["parameter"] == 15
    assert found.time.values.tolist() == pytest.approx(0.1 * found.step.values)
    assert found.step.values[[0, -1]].tolist() == [0, 300]
    assert found.attrs["law"] == "discrete"
    assert float(found.gradient_norm_at_minimum) <= 1e-6
    assert (~found.noisy.values).sum() == 5  # the same added to all classes, for four inputs and the bias
    assert float(found.control_squared_displacement.max()) < 1e-10
    assert float(found.energy[:, 0].std()) == 0
    np.testing.assert_allclose(found.energy[:, 0], float(found.energy_at_minimum), rtol=1e-6)
    k = np.linalg.eigvalsh(found.hessian)[::-1]
    np.testing.assert_allclose(found.hessian_eigenvalue, k, atol=1e-12)


def test_without_a_minimum_there_is_no_window_and_no_law():
    found = _run(start="independent")
    assert "law" not in found.attrs
    assert not {"mode", "law", "sample", "parameter"} & set(found.dims)
    assert found.energy[:, 0].std() > 0
    assert (found.squared_displacement[:, 0] == 0).all()
    assert _run(start="shared").energy[:, 0].std() == 0
    assert "minimum" in _run(start="minimum", measure_curvature=False)


def test_energy_is_loss_and_weight_decay_and_training_lowers_it():
    found = _run()
    assert (found.energy > found.train_loss).all()
    assert (found.energy[:, -1] < found.energy[:, 0]).all()
    assert (found.train_accuracy[:, -1] > found.train_accuracy[:, 0]).all()
    bare = _run(sgd={"weight_decay": 0.0})
    assert np.array_equal(bare.energy, bare.train_loss)


def test_fluctuations_follow_the_law_of_the_measured_hessian_and_noise():
    """Total variance within 4 standard errors and 3%; laws without the factor 2, or for B - 1, are far outside."""
    found = _run(start="minimum", replicas=128, steps=4000, sgd={"learning_rate": 0.05})
    moments = found.mode_moment_1.values, found.mode_moment_2.values
    total = float(found.mode_variance.sum())
    stderr = float(jackknife_stderr(leave_one_out_variance(*moments).sum(1)))
    law = float(found.mode_variance_predicted.sum())
    assert stderr < 0.01 * total
    assert abs(total - law) < 4 * stderr + 0.03 * law  # 3% for the anharmonicity, of order T
    for wrong in (law / 2, law * 8 / 7, float(found.mode_variance_law.sel(law="isotropic").sum())):
        assert abs(total - wrong) > 4 * stderr + 0.03 * wrong
    energy = float(found.stationary_energy.mean())
    np.testing.assert_allclose(energy, found.energy_law_weight.sel(law="discrete").sum(), rtol=0.04)
    late = found.spread_predicted.values > 0
    ratio = found.spread.values[late] / found.spread_predicted.values[late]
    error = found.spread_stderr.values[late] / found.spread_predicted.values[late]
    assert np.all(np.abs(ratio - 1) < 4.5 * error + 0.05)


def test_epoch_sampling_follows_its_own_law_and_not_the_other():
    sgd = {"learning_rate": 0.05, "sampling": "epoch"}
    found = _run(start="minimum", replicas=128, steps=4000, sgd=sgd)
    assert found.attrs["law"] == "epoch"
    total = float(found.mode_variance.sum())
    ratio = {law: total / float(found.mode_variance_law.sel(law=law).sum()) for law in found.law.values}
    assert abs(ratio["epoch"] - 1) < 0.08
    assert ratio["discrete"] < 0.5
    assert np.gcd(int(np.diff(found.sample_step)[0]), 208 // 8) == 1


def test_epochs_with_momentum_follow_their_own_law():
    """eta/(1 - mu) as above: total variance, energy and transients by the law of companion matrices."""
    sgd = {"learning_rate": 0.01, "momentum": 0.8, "sampling": "epoch"}
    found = _run(start="minimum", replicas=64, steps=3000, sgd=sgd)
    assert found.attrs["law"] == "epoch"
    total = float(found.mode_variance.sum())
    ratio = {law: total / float(found.mode_variance_law.sel(law=law).sum()) for law in found.law.values}
    assert abs(ratio["epoch"] - 1) < 0.1
    assert ratio["discrete"] < 0.5
    energy = float(found.stationary_energy.mean())
    np.testing.assert_allclose(energy, found.energy_law_phase_weight.sum("mode").mean(), rtol=0.1)


@pytest.mark.by_default("2-1")
@pytest.mark.parametrize("replicas", [8, 1])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_replica_has_the_same_bits_whatever_runs_beside_it(threads, replicas, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    arguments = {"start": "minimum", "steps": 60, "architecture": {"kind": "mlp", "hidden": [5], "activation": "gelu"}}
    arguments["sgd"] = {"momentum": 0.5}
    many = _run(replicas=64, **arguments)
    per_replica = [name for name, variable in many.data_vars.items() if variable.dims[:1] == ("replica",)]
    assert {"energy", "stationary_energy", "mode_moment_2", "test_loss", "squared_displacement"} <= set(per_replica)
    few = _run(replicas=replicas, **arguments)
    for name in per_replica:
        assert np.array_equal(few[name], many[name][:replicas]), name
    assert np.array_equal(few.hessian, many.hessian)


def test_bits_do_not_depend_on_threads(monkeypatch):
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr("langevin_sgd.training.ensemble._SECONDS_WORTH_A_THREAD", 1e-9)
        found.append(_run(start="minimum", replicas=48, steps=40, control=True))
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
    whole = _run(**arguments)
    checkpoint = _Memory()
    with pytest.raises(KeyboardInterrupt):
        _run(**arguments, checkpoint=checkpoint, progress=_Interrupt(at=40))
    assert checkpoint.arrays is not None
    assert 40 <= int(checkpoint.arrays["step"]) < 300
    resumed = _Interrupt(at=301)
    _equal(_run(**arguments, checkpoint=checkpoint, progress=resumed), whole)
    assert resumed.tasks == ["network"]  # neither the minimum nor the Hessian is sought again


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint():
    whole = _run(start="minimum")
    checkpoint = _Memory(due_at=4)
    _run(start="minimum", checkpoint=checkpoint)
    assert checkpoint.arrays is not None
    assert 0 < int(checkpoint.arrays["step"]) < 300
    _equal(_run(start="minimum", checkpoint=checkpoint), whole)


class _Counted(Checkpoint):
    """A checkpoint that is due at every look, and tells how much every save has written to which file."""

    written: ClassVar[dict[str, list[int]]] = {}

    def save(self, arrays) -> None:
        super().save(arrays)
        self.written.setdefault(self.path.name, []).append(self.path.stat().st_size)

    def part(self, name: str):
        return _Counted(super().part(name).path, seconds_between=0)


def test_what_does_not_change_is_written_once(tmp_path, monkeypatch):
    """H, C and the eigenvectors of 75 weights are 3 x 75^2 x 8 = 135 kB, written once; the rest, often, is small."""
    monkeypatch.setattr(_Counted, "written", {})
    arguments = {"start": "minimum", "architecture": {"kind": "mlp", "hidden": [9]}, "replicas": 2, "steps": 60}
    path = tmp_path / "network.npz"
    whole = _run(**arguments, checkpoint=_Counted(path, seconds_between=0))
    assert set(_Counted.written) == {"network.npz", "network.landmark.npz", "network.search.npz"}
    (once,) = _Counted.written["network.landmark.npz"]
    often = _Counted.written["network.npz"]
    d = 4 * 9 + 9 + 9 * 3 + 3
    curvature = 3 * d**2 * 8
    assert curvature < once < 1.2 * curvature
    assert len(often) >= 10
    assert max(often) < 0.25 * curvature  # weights, moments of the modes and records
    # gone on with from both files: nothing is measured or written anew, and both are forgotten together
    _Counted.written.clear()
    resumed = _Interrupt(at=301)
    found = _run(**arguments, checkpoint=_Counted(path, seconds_between=0), progress=resumed)
    _equal(found, whole)
    assert resumed.tasks == ["network"]
    assert "network.landmark.npz" not in _Counted.written
    Checkpoint(path).remove()
    assert not list(tmp_path.iterdir())


def test_a_landmark_without_a_state_is_used_and_a_state_without_a_landmark_measures_it_again():
    checkpoint = _Memory(due_at=4)
    whole = _run(start="minimum", steps=60, checkpoint=checkpoint)
    alone = _Memory()
    alone.parts = checkpoint.parts
    tasks = _Interrupt(at=301)
    _equal(_run(start="minimum", steps=60, checkpoint=alone, progress=tasks), whole)
    assert tasks.tasks == ["network"]
    checkpoint.parts = {}
    tasks = _Interrupt(at=301)
    _equal(_run(start="minimum", steps=60, checkpoint=checkpoint, progress=tasks), whole)
    assert tasks.tasks == ["network: minimum", "network: Hessian", "network"]


def test_one_seed_one_result():
    _equal(_run(), _run())
    assert not np.array_equal(_run(seed=2).energy, _run().energy)


def test_a_coarse_search_leaves_no_noise_in_modes_that_have_none_at_the_minimum():
    """Decay has switched one hidden unit off, so 7 of its 8 weights feel nothing, beside 6 shifts of all classes."""
    arguments = {"start": "minimum", "architecture": {"kind": "mlp", "hidden": [5], "activation": "gelu"}, "steps": 20}
    for tolerance in (1e-5, 1e-9):
        found = _run(**arguments, gradient_tolerance=tolerance, sgd={"weight_decay": 0.01})
        assert (~found.noisy.values).sum() == 13
        assert float(found.gradient_norm_at_minimum) < 1e-14


def test_data_of_ones_own_through_the_top_level(tmp_path, monkeypatch):
    (tmp_path / "data_at_the_top.py").write_text(
        "import numpy as np\n"
        "import langevin_sgd as lsgd\n"
        "def load():\n"
        "    inputs = np.random.default_rng(0).normal(size=(60, 3))\n"
        "    return lsgd.DataSet(train_inputs=inputs, train_labels=(inputs[:, 0] > 0).astype(int), classes=2)\n"
    )
    monkeypatch.chdir(tmp_path)
    model = {"kind": "network", "data": {"name": "data_at_the_top:load", "test_fraction": 0.25}, "steps": 30}
    tree = lsgd.simulate(
        {
            "name": "own",
            "seed": 1,
            "sgd": {"learning_rate": 0.5, "batch_size": 5},
            "models": {"network": {**model, "architecture": {"kind": "softmax"}, "replicas": 3}},
            "checks": [],
        }
    )
    assert tree["network"].attrs["status"] == "done"
    assert float(tree["network"].train_loss[:, -1].mean()) < 0.9 * float(tree["network"].train_loss[:, 0].mean())
    assert np.isfinite(tree["network"].test_loss).all()
    assert lsgd.DataSet is DataSet
    assert "DataSet" in dir(lsgd)


def test_an_unstable_minimum_is_named_before_training():
    with pytest.raises(Diverged, match=r"Hessian eigenvalue = \d") as error:
        _run(start="minimum", sgd={"learning_rate": 30.0})
    assert error.value.step == 0
    assert error.value.eta_lambda_max > 2


def test_divergence_is_named_with_its_step():
    with pytest.raises(Diverged, match="the energy of replica") as error:
        _run(sgd={"learning_rate": 50.0, "weight_decay": 0.05}, steps=2000)
    assert 0 < error.value.step < 2000
    assert error.value.eta_lambda_max is None
    with pytest.raises(Diverged, match="the weights are no longer finite") as error:
        _run(sgd={"learning_rate": 50.0}, steps=5000, record_times=2)
    assert error.value.step == 1000  # looked for every thousand steps if nothing is recorded, however fast it runs


def test_a_loss_without_minimum_is_refused():
    with pytest.raises(UserError, match="weight_decay > 0"):
        _run(start="minimum", data={"name": "made_up:far_apart"}, sgd={"weight_decay": 0.0})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"sgd": {"batch_size": 300}}, "300 is more than the 208 training samples of blobs"),
        ({"architecture": {"kind": "module", "factory": "made_up:normed"}}, "updates its buffer"),
        ({"architecture": {"kind": "module", "factory": "made_up:nothing"}}, "made_up has no nothing"),
        ({"architecture": {"kind": "mlp", "hidden": [999]}, "start": "minimum"}, "too many for the full Hessian"),
        ({"start": "minimum", "gradient_tolerance": 1e-30}, "no minimum was found: the gradient norm is still"),
    ],
)
def test_faults_that_only_the_data_show_are_told_in_one_line(arguments, told):
    with pytest.raises(UserError, match=told) as error:
        _run(**arguments)
    assert "\n" not in error.value.render()


def test_random_numbers_of_torch_and_numpy_are_left_alone():
    torch.manual_seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    _run(start="minimum", architecture={"kind": "mlp", "hidden": [3]}, steps=20)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.get_num_threads() == threads


@pytest.mark.validate
@pytest.mark.parametrize(
    ("sgd", "band"),
    [
        ({"learning_rate": 0.1}, (0.97, 1.03)),
        ({"learning_rate": 0.5}, (1.03, 1.09)),
        ({"learning_rate": 0.01, "momentum": 0.9}, (0.95, 1.05)),
        ({"learning_rate": 0.02, "sampling": "epoch"}, (0.95, 1.05)),
        ({"learning_rate": 0.005, "batch_size": 32, "momentum": 0.9, "sampling": "epoch"}, (0.99, 1.01)),
    ],
)
def test_digits_softmax_against_the_laws(sgd, band):
    """Total variance over the process's own law; at eta 0.5 the anharmonicity shows."""
    found = _run(
        data={"name": "digits"},
        start="minimum",
        replicas=64,
        steps=20_000,
        sgd={"batch_size": 16, "weight_decay": 0.01, **sgd},
    )
    ratio = float(found.mode_variance.sum() / found.mode_variance_predicted.sum())
    assert band[0] < ratio < band[1]
    assert float(found.mode_variance_law.sel(law="isotropic").sum() / found.mode_variance.sum()) > 4
