"""The twin of a network in a study: the network's observables at the network's times, resumed and scanned as it is."""

import numpy as np
import pytest
import xarray as xr
from made_up_launch import launched

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.models import lineage
from langevin_sgd.models.network import landmarks
from langevin_sgd.observables.points_done import points_done
from langevin_sgd.storage.checkpoint import NoCheckpoint
from langevin_sgd.study.loading import parse

NETWORK = {
    "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum",
    "replicas": 6, "steps": 60, "burn_in": 20, "sample_every": 5, "record_times": 6,
}  # fmt: skip
TWIN = {"kind": "langevin_twin", "of": "net", "replicas": 5, "time_step_fraction": 0.5}


def study(*, network=None, twin=None, sgd=None, **more) -> dict:
    base = {"learning_rate": 0.2, "batch_size": 8, "weight_decay": 0.05, **(sgd or {})}
    models = {"net": {**NETWORK, **(network or {})}, "twin": {**TWIN, **(twin or {})}}
    return {"name": "t", "seed": 3, "sgd": base, "models": models, **more}


@pytest.fixture(scope="module")
def tree():
    return lsgd.simulate(study(), output=None)


def test_it_emits_what_the_network_does_at_the_same_times(tree):
    net, twin = (tree[name].to_dataset() for name in ("net", "twin"))
    assert set(net.variables) - {"law_note"} <= set(twin.variables)
    for name in ("step", "time", "sample_step", "hessian_eigenvalue", "minimum", "learning_rate", "batch_size"):
        np.testing.assert_array_equal(net[name].values, twin[name].values)
    assert twin.sizes["replica"] == 5
    assert float(twin["time_step"]) == 0.1
    assert float(twin["time_step_fraction"]) == 0.5
    assert twin.attrs["law"] == "twin"
    claimed = twin["law"].values[twin["law_is_exact"].values.astype(bool)]
    assert claimed.tolist() == ["twin"]
    laws = twin["mode_variance_law"]
    noisy = twin["noisy"].values.astype(bool)
    between = laws.sel(law="twin").values[noisy]
    assert (laws.sel(law="continuum").values[noisy] < between).all()
    assert (between < laws.sel(law="discrete").values[noisy]).all()
    assert (twin["energy"].values[:, -1] > float(twin["energy_at_minimum"])).all()


def test_what_it_stores_follows_again(tree):
    table = lsgd.check(tree, study(checks=["equilibrium"]))
    assert not [name for name in table["quantity"].values if name.startswith("stored")]
    changed = tree.copy(deep=True)
    changed["twin"]["learning_rate"] = changed["twin"]["learning_rate"] * 1.5
    changed["twin"]["time_step"] = changed["twin"]["time_step"] * 1.5
    altered = lsgd.check(changed, study(checks=["equilibrium"]))["quantity"].values.tolist()
    assert {"stored[learning_rate]", "stored[time_step]"} <= set(altered)


@pytest.mark.parametrize("noise", ["isotropic", "diagonal", "frozen", "svag"])
def test_c_is_that_of_the_noise_that_it_has(tree, noise):
    own = parse(study(twin={"noise": noise, "steps": 20, "burn_in": 5}))
    found = launched(own, "twin", sources={"net": tree["net"].to_dataset()}, checkpoint=NoCheckpoint())
    c = tree["net"]["noise_covariance"].values
    expected = {"isotropic": np.eye(len(c)) * np.trace(c) / len(c), "diagonal": np.diag(np.diag(c))}.get(noise, c)
    np.testing.assert_allclose(found["noise_covariance"].values, expected, atol=1e-9)
    assert found.attrs["law"] == "twin"
    assert np.isfinite(found["mode_variance"].values).all()
    if noise == "isotropic":
        isotropic, continuum = (found["mode_variance_law"].sel(law=law).values for law in ("isotropic", "continuum"))
        np.testing.assert_allclose(isotropic, continuum, rtol=1e-9)


def test_stopped_at_any_save_it_goes_on_to_the_same_bits(tree, stop_after_save):
    landmarks.forget()
    own, sources = parse(study()), {"net": tree["net"].to_dataset()}
    whole = launched(own, "twin", sources=sources, checkpoint=NoCheckpoint())
    xr.testing.assert_identical(whole.drop_attrs(), tree["twin"].to_dataset().drop_attrs()[list(whole.variables)])
    for saves in (1, 3):
        checkpoint = stop_after_save(saves)
        with pytest.raises(KeyboardInterrupt):
            launched(own, "twin", sources=sources, checkpoint=checkpoint)
        assert int(checkpoint.arrays["step"]) < 60
        xr.testing.assert_identical(launched(own, "twin", sources=sources, checkpoint=checkpoint), whole)


def test_a_scan_of_the_network_reaches_it_and_its_points_are_those_alone(tree):
    scan = {"sgd.learning_rate": [0.2], "models.twin.time_step_fraction": [1.0, 0.5]}
    own = study(twin={"steps": 40}, scan=scan)
    found = lsgd.simulate(own, output=None)
    assert found["net"]["mode_variance"].dims[0] == "learning_rate"
    twin = found["twin"].to_dataset()
    assert twin["mode_variance"].dims[:2] == ("learning_rate", "time_step_fraction")
    assert points_done(twin).done == 2
    own, sources = parse(study(twin={"steps": 40})), {"net": tree["net"].to_dataset()}
    alone = launched(own, "twin", sources=sources, checkpoint=NoCheckpoint())
    for name in ("energy", "mode_moment_2"):
        there = twin[name].sel(learning_rate=0.2, time_step_fraction=0.5).values
        np.testing.assert_array_equal(there, alone[name].values)


def test_without_a_minimum_it_starts_where_the_network_does():
    shared = {"start": "shared", "burn_in": None, "sample_every": None, "measure_curvature": False}
    found = lsgd.simulate(study(network=shared, twin={"noise": "frozen"}), output=None)
    net, twin = (found[name].to_dataset() for name in ("net", "twin"))
    np.testing.assert_array_equal(net["train_loss"].values[0, 0], twin["train_loss"].values[0, 0])
    np.testing.assert_allclose(net["train_loss"].mean("replica"), twin["train_loss"].mean("replica"), rtol=0.1)
    assert "mode_variance" not in twin
    wandering = study(network=shared, checks=[{"kind": "diffusion", "models": ["net", "twin"]}])
    assert parse(wandering).checks[0].covered(parse(wandering)) == ("net", "twin")
    with pytest.raises(ConfigError, match="no model has a stationary window"):
        parse(study(network=shared, checks=["equilibrium"]))
    assert parse(study(checks=["equilibrium"])).checks[0].covered(parse(study())) == ("net", "twin")


def test_memory_and_work_are_told():
    own = parse(study())
    held = own.models["twin"].held(own, "twin")
    assert {"the noise of replicas x samples", "the weights of replicas x parameters"} <= {each.what for each in held}
    assert own.models["twin"].work(own, "twin") == {"steps": 60, "samples": 8}
    shorter = own.models["twin"].shorter(own, "twin", {"steps": 20, "samples": 4})
    parse(study(twin=shorter))
    assert lineage.steps(own, "twin") == 60


@pytest.mark.parametrize(
    ("changes", "key", "fragment"),
    [
        ({"twin": {"of": "other"}}, ("models", "twin", "of"), 'no model named "other"'),
        ({"twin": {"of": "twin"}}, ("models", "twin", "of"), "goes in a circle"),
        ({"twin": {"time_step_fraction": 0.3}}, ("models", "twin", "time_step_fraction"), "1 over a whole number"),
        ({"twin": {"time_step_fraction": 2.0}}, ("models", "twin", "time_step_fraction"), "1 over a whole number"),
        ({"twin": {"burn_in": 70}}, ("models", "twin", "burn_in"), "leaves nothing"),
        ({"twin": {"sgd": {"sampling": "epoch"}}}, ("models", "twin", "sgd", "sampling"), "drawn afresh"),
        ({"sgd": {"momentum": 0.9}}, ("sgd", "momentum"), "learning_rate: 2}"),
        ({"network": {"update_rule": {"kind": "sgd", "clip_norm": 1.0}}}, ("models", "twin", "of"), "plain SGD"),
    ],
)
def test_what_has_no_twin_is_told_in_one_line(changes, key, fragment):
    with pytest.raises(ConfigError) as caught:
        parse(study(**changes))
    told = str(caught.value)
    assert ".".join(key) in told
    assert fragment in told


def test_a_twin_has_no_twin():
    config = study()
    config["models"]["second"] = {**TWIN, "of": "twin"}
    with pytest.raises(ConfigError, match=r"models\.second\.of.* is of kind langevin_twin, .*networks: net"):
        parse(config)


def test_the_check_of_the_twin_is_made_of_it_against_its_network(tree):
    table = lsgd.check(tree, study(checks=["twin"]))
    assert set(table["model"].values.tolist()) == {"net"}
    rows = dict(zip(table["quantity"].values.tolist(), range(table.sizes["comparison"]), strict=True))
    assert {"total_variance", "energy", "squared_distance", "follows_its_equation"} <= set(rows)
    measured = float(table["measured"][rows["squared_distance"]])
    assert measured == pytest.approx(float(tree["net"]["mode_moment_2"].sum("mode").mean()), rel=1e-12)
    with pytest.raises(ConfigError, match="is not the twin of a network"):
        parse(study(checks=[{"kind": "twin", "models": ["net"]}]))


def test_of_least_squares_its_law_is_exact_where_noise_grows_with_the_distance():
    """Within 4 standard errors, of 3 to 6%; the law with noise as it is at the minimum is a sixth lower."""
    data = {"name": "linear_regression", "samples": 24, "inputs": 2, "noise": 0.5}
    network = {"data": data, "architecture": {"kind": "linear"}, "loss": "mse", "steps": 400, "burn_in": 40}
    config = study(network=network, sgd={"learning_rate": 0.1, "batch_size": 1}, twin={"replicas": 128})
    own = parse(config)
    net = launched(own, "net", checkpoint=NoCheckpoint())
    twin = launched(own, "twin", sources={"net": net}, checkpoint=NoCheckpoint())
    predicted = twin["mode_variance_law"].sel(law="twin").values
    z = (twin["mode_variance"].values - predicted) / twin["mode_variance_stderr"].values
    assert np.abs(z).max() < 4.0
    assert (twin["mode_variance_stderr"].values < 0.06 * predicted).all()
    assert predicted.sum() > 1.2 * twin["mode_variance_law"].sel(law="continuum").values.sum()
