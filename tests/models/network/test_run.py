"""The network model as a study runs it: what it measures, the laws that hold, and faults in one line."""

import numpy as np
import pytest
from made_up_networks import trained

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.training.data.dataset import DataSet

pytestmark = pytest.mark.usefixtures("own_modules")

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


def test_everything_promised_is_there_and_finite():
    found = trained(start="minimum", control=True, replicas=8)
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
    found = trained(start="independent")
    assert "law" not in found.attrs
    assert not {"mode", "law", "sample", "parameter"} & set(found.dims)
    assert found.energy[:, 0].std() > 0
    assert (found.squared_displacement[:, 0] == 0).all()
    assert trained(start="shared").energy[:, 0].std() == 0
    assert "minimum" in trained(start="minimum", measure_curvature=False)


def test_energy_is_loss_and_weight_decay_and_training_lowers_it():
    found = trained()
    assert (found.energy > found.train_loss).all()
    assert (found.energy[:, -1] < found.energy[:, 0]).all()
    assert (found.train_accuracy[:, -1] > found.train_accuracy[:, 0]).all()
    bare = trained(sgd={"weight_decay": 0.0})
    assert np.array_equal(bare.energy, bare.train_loss)


def test_fluctuations_follow_the_law_of_the_measured_hessian_and_noise():
    """Total variance within 4 standard errors and 3%; laws without the factor 2, or for B - 1, are far outside."""
    found = trained(start="minimum", replicas=128, steps=4000, sgd={"learning_rate": 0.05})
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
    found = trained(start="minimum", replicas=128, steps=4000, sgd=sgd)
    assert found.attrs["law"] == "epoch"
    total = float(found.mode_variance.sum())
    ratio = {law: total / float(found.mode_variance_law.sel(law=law).sum()) for law in found.law.values}
    assert abs(ratio["epoch"] - 1) < 0.08
    assert ratio["discrete"] < 0.5
    assert np.gcd(int(np.diff(found.sample_step)[0]), 208 // 8) == 1


def test_epochs_with_momentum_follow_their_own_law():
    """eta/(1 - mu) as above: total variance, energy and transients by the law of companion matrices."""
    sgd = {"learning_rate": 0.01, "momentum": 0.8, "sampling": "epoch"}
    found = trained(start="minimum", replicas=64, steps=3000, sgd=sgd)
    assert found.attrs["law"] == "epoch"
    total = float(found.mode_variance.sum())
    ratio = {law: total / float(found.mode_variance_law.sel(law=law).sum()) for law in found.law.values}
    assert abs(ratio["epoch"] - 1) < 0.1
    assert ratio["discrete"] < 0.5
    energy = float(found.stationary_energy.mean())
    np.testing.assert_allclose(energy, found.energy_law_phase_weight.sum("mode").mean(), rtol=0.1)


def test_a_coarse_search_leaves_no_noise_in_modes_that_have_none_at_the_minimum():
    """Decay has switched one hidden unit off, so 7 of its 8 weights feel nothing, beside 6 shifts of all classes."""
    arguments = {"start": "minimum", "architecture": {"kind": "mlp", "hidden": [5], "activation": "gelu"}, "steps": 20}
    for tolerance in (1e-5, 1e-9):
        found = trained(**arguments, gradient_tolerance=tolerance, sgd={"weight_decay": 0.01})
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
        trained(start="minimum", sgd={"learning_rate": 30.0})
    assert error.value.step == 0
    assert error.value.eta_lambda_max > 2


def test_divergence_is_named_with_its_step():
    with pytest.raises(Diverged, match="the energy of replica") as error:
        trained(sgd={"learning_rate": 50.0, "weight_decay": 0.05}, steps=2000)
    assert 0 < error.value.step < 2000
    assert error.value.eta_lambda_max is None
    with pytest.raises(Diverged, match="the weights are no longer finite") as error:
        trained(sgd={"learning_rate": 50.0}, steps=5000, record_times=2)
    assert error.value.step == 1000  # looked for every thousand steps if nothing is recorded, however fast it runs


def test_a_loss_without_minimum_is_refused():
    with pytest.raises(UserError, match="weight_decay > 0"):
        trained(start="minimum", data={"name": "made_up:far_apart"}, sgd={"weight_decay": 0.0})


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
        trained(**arguments)
    assert "\n" not in error.value.render()


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
    found = trained(
        data={"name": "digits"},
        start="minimum",
        replicas=64,
        steps=20_000,
        sgd={"batch_size": 16, "weight_decay": 0.01, **sgd},
    )
    ratio = float(found.mode_variance.sum() / found.mode_variance_predicted.sum())
    assert band[0] < ratio < band[1]
    assert float(found.mode_variance_law.sel(law="isotropic").sum() / found.mode_variance.sum()) > 4
