"""What a config says of recording is what is recorded, and what is recorded says it."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from made_up_networks import SGD, trained

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.reporting import html
from langevin_sgd.reporting.plots.figure import Subject
from langevin_sgd.reporting.plots.learning_curves import learning_curves
from langevin_sgd.study.loading import parse

pytestmark = pytest.mark.usefixtures("own_modules")


def checked(recording: dict[str, str]) -> xr.Dataset:
    """The equilibrium check of a run that is long enough to say something."""
    network = {
        "kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"}, "start": "minimum",
        "replicas": 16, "steps": 1500, "record_times": 4, "recording": recording,
    }  # fmt: skip
    sgd = {"learning_rate": 0.05, "batch_size": 8, "weight_decay": 0.05}
    tree = lsgd.simulate(
        {"name": "window", "seed": 1, "sgd": sgd, "models": {"network": network}, "checks": ["equilibrium"]}
    )
    return lsgd.check(tree)


SOME = {"samples": 50, "precision": "float32", "evaluations": 3}


def test_by_default_small_networks_are_evaluated_at_every_time_in_float64() -> None:
    found = trained()
    assert found.evaluated.all()
    assert int(found.evaluation_bits) == 64
    assert int(found.evaluation_samples) == found.attrs["training_samples"] == 208
    assert np.isfinite(found.energy).all()
    assert "train_loss_stderr" not in found


def test_some_samples_at_some_times_in_float32() -> None:
    """Displacements are those of the run that evaluates all; so is the loss, within its standard error and rounding."""
    whole, some = trained(control=True), trained(control=True, recording=SOME)
    np.testing.assert_array_equal(some.squared_displacement, whole.squared_displacement)
    np.testing.assert_array_equal(some.spread, whole.spread)
    assert some.evaluated.values.nonzero()[0].tolist() == [0, *np.rint(np.arange(1, 4) * (some.time.size - 1) / 3)]
    at, between = some.isel(time=some.evaluated.values), some.isel(time=~some.evaluated.values)
    for name in ("energy", "train_loss", "train_loss_stderr", "train_accuracy", "test_loss", "control_energy"):
        assert np.isfinite(at[name]).all(), name
        assert np.isnan(between[name]).all(), name
    assert int(some.evaluation_bits) == 32
    assert int(some.evaluation_samples) == 50
    exact = whole.isel(time=some.evaluated.values)
    assert (abs(at.train_loss - exact.train_loss) < 4 * at.train_loss_stderr).all()
    assert (at.train_loss != exact.train_loss).all()
    # the replicas and the control start at one point, and see the same samples
    start = at.isel(time=0)
    assert np.ptp(start.train_loss.values) == 0
    np.testing.assert_allclose(start.energy, start.control_energy, rtol=1e-12)
    assert some.train_loss.long_name == "training loss without weight decay, on 50 of 208 samples, in float32"
    assert some.energy.long_name.endswith(", on 50 of 208 samples, in float32")
    assert some.test_loss.long_name.endswith(", on 50 of 52 samples, in float32")


def test_curves_go_through_what_was_evaluated() -> None:
    upper, _ = learning_curves(Subject("network", trained(recording={"evaluations": 3}))).axes
    for line in upper.get_lines():  # after the start, without gaps
        assert np.isfinite(line.get_ydata()).tolist() == [True] * 3


def test_float32_of_all_samples_is_the_same_to_rounding() -> None:
    single = trained(recording={"precision": "float32"})
    np.testing.assert_allclose(single.train_loss, trained().train_loss, rtol=1e-6)
    assert single.train_loss.long_name.endswith("decay, in float32")
    assert "train_loss_stderr" not in single


def test_bits_in_float32_depend_neither_on_other_replicas_nor_on_other_points() -> None:
    told = {"architecture": {"kind": "mlp", "hidden": [5]}, "recording": SOME, "steps": 60}
    few, many = trained(**told), trained(**told, replicas=37)
    for name in ("energy", "train_loss", "train_loss_stderr", "test_accuracy"):
        np.testing.assert_array_equal(many[name].values[:6], few[name].values, err_msg=name)
    network = {"kind": "network", "data": {"name": "made_up:blobs"}, "record_times": 12, **told, "replicas": 16}
    study = {"name": "recorded", "seed": 1, "sgd": SGD, "models": {"network": network}, "checks": []}
    both = lsgd.simulate({**study, "scan": {"sgd.learning_rate": [0.05, 0.1]}})["network"]
    alone = lsgd.simulate(study)["network"]
    np.testing.assert_array_equal(both.energy.sel(learning_rate=0.1), alone.energy)


def test_energies_of_a_window_are_those_of_all_samples() -> None:
    whole, some = trained(start="minimum"), trained(start="minimum", recording=SOME)
    np.testing.assert_array_equal(some.stationary_energy, whole.stationary_energy)
    np.testing.assert_array_equal(some.mode_moment_2, whole.mode_moment_2)
    assert int(some.evaluated.sum()) == 4


def test_energies_of_a_window_along_modes_cost_nothing_and_follow_the_law() -> None:
    """Moments are the same; energies are their quadratic form, near those of the loss, and have the same law."""
    told = {"start": "minimum", "replicas": 16, "steps": 1200, "sgd": {"learning_rate": 0.05}}
    whole, along = trained(**told), trained(**told, recording={"window": "modes"})
    assert "stationary_energy" not in along
    assert "mode_energy" not in whole
    np.testing.assert_array_equal(along.mode_moment_2, whole.mode_moment_2)
    energy = along.mode_moment_2.values @ along.hessian_eigenvalue.values / 2
    np.testing.assert_allclose(along.mode_energy.mean("sample"), energy, rtol=1e-9)
    assert float(along.mode_energy.mean()) == pytest.approx(float(whole.stationary_energy.mean()), rel=0.05)


def test_the_check_takes_energies_along_modes() -> None:
    """Row by row it says what it says of the energies of the loss: only those of the isotropic law are refused."""
    along, loss = (
        checked(told)[["quantity", "law", "role", "verdict"]].to_dataframe() for told in ({"window": "modes"}, {})
    )
    assert along.equals(loss)
    assert set(along.law[along.verdict == "disagrees"]) == {"isotropic"}
    assert "energy_distribution" in set(along.quantity)


def test_divergence_is_seen_where_energies_are_evaluated() -> None:
    with pytest.raises(Diverged, match=r"diverged at step 300: the energy of replica \d is"):
        trained(sgd={"learning_rate": 45.0}, recording={"evaluations": 1})


def test_a_subset_larger_than_data_of_ones_own_is_refused() -> None:
    with pytest.raises(UserError, match=r"recording.samples: 300 is more than the 208 training samples; give at most"):
        trained(recording={"samples": 300})


def test_the_report_says_what_was_evaluated(tmp_path: Path) -> None:
    network = {"kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"}, "steps": 40}
    sgd = {"learning_rate": [0.1, 0.2], "batch_size": 8}
    tree = lsgd.simulate(
        {
            "name": "recorded",
            "seed": 1,
            "sgd": {**sgd, "learning_rate": 0.1},
            "models": {"network": {**network, "replicas": 3, "record_times": 12, "recording": SOME}},
            "scan": {"sgd.learning_rate": sgd["learning_rate"]},
            "checks": [],
        },
        output=tmp_path / "run",
    )
    assert tree["network"].evaluated.dims == ("learning_rate", "time")
    times = tree["network"].sizes["time"]
    assert f"at 4 of {times} recorded times, 50 samples, 32 bits" in html.report(tmp_path / "run").read_text(
        encoding="utf-8"
    )


def test_a_forecast_counts_evaluations_and_probes_what_it_counts() -> None:
    network = {"kind": "network", "architecture": {"kind": "mlp", "hidden": [900]}, "steps": 2000, "replicas": 16}
    sgd = {"learning_rate": 0.1, "batch_size": 16}
    whole = parse({"name": "recorded", "seed": 1, "sgd": sgd, "models": {"network": network}})
    model = whole.models["network"]
    work = model.work(whole, "network")
    assert work["evaluations"] == 8  # as many as are a fifth of the training
    assert work["record_times"] > 50
    changes = model.shorter(whole, "network", {**work, "steps": 40, "evaluations": 7})
    written = whole.as_written()
    written["models"]["network"] |= changes
    short = parse(written)
    assert short.models["network"].work(short, "network")["evaluations"] == 7


def test_what_is_evaluated_of_a_replica_does_not_depend_on_how_many_there_are() -> None:
    """Weights, times and bits of the evaluations: those of eight replicas are those of the first eight of 48."""
    network = {
        "kind": "network", "data": {"name": "digits"}, "architecture": {"kind": "mlp", "hidden": [256]}, "steps": 40,
        "record_times": 12,
    }  # fmt: skip
    found = [
        lsgd.simulate(
            {
                "name": "t", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4},
                "models": {"m": {**network, "replicas": replicas}},
            }
        )["m"].to_dataset()
        for replicas in (48, 8)
    ]  # fmt: skip
    assert not found[1]["evaluated"].all()
    for name in ("evaluated", "evaluation_bits"):
        assert found[0][name].equals(found[1][name])
    assert found[0]["energy"].isel(replica=slice(8)).identical(found[1]["energy"])
