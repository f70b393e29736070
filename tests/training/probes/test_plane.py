"""Losses on the plane through three replicas: of a quadratic loss they are the quadratic itself."""

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.reporting.plots import drawn as plots


def _study(probe, **network):
    base = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "linear"}, "loss": "mse",
        "start": "independent", "replicas": 4, "steps": 20, "precision": "float64",
        "probes": [{"kind": "plane", **probe}],
    }  # fmt: skip
    sgd = {"learning_rate": 0.01, "batch_size": 8, "weight_decay": 0.1}
    return {"name": "t", "seed": 2, "sgd": sgd, "models": {"network": {**base, **network}}}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    study = _study({"replicas": [3, 0, 1], "points": 7, "margin": 0.5})
    study["models"]["network"]["probes"].append("final_weights")
    return lsgd.simulate(study)["network"].to_dataset(inherit=False)


@pytest.mark.parametrize("name", ["energy", "train_loss", "test_loss"])
def test_a_quadratic_loss_is_a_quadratic_on_the_plane_and_at_the_three(found, name):
    """Six coefficients, fitted to the grid, say all 49 values on it, and those of the three corners off the grid."""

    def features(x, y):
        return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)

    x, y = np.meshgrid(found["plane_x"].values, found["plane_y"].values)
    values = found[f"plane_{name}"].transpose("plane_row", "plane_column").values
    fitted = np.linalg.lstsq(features(x, y).reshape(-1, 6), values.ravel(), rcond=None)[0]
    np.testing.assert_allclose(features(x, y) @ fitted, values, rtol=1e-10)
    at = features(found["plane_corner_x"].values, found["plane_corner_y"].values)
    np.testing.assert_allclose(at @ fitted, found[f"plane_corner_{name}"], rtol=1e-10)


def test_the_three_lie_at_their_own_losses_and_their_own_distances(found):
    corners = found["plane_corner"].values
    assert corners.tolist() == [3, 0, 1]
    for part in ("train", "test"):
        own = found[f"{part}_loss"].isel(time=-1).sel(replica=corners)
        np.testing.assert_allclose(found[f"plane_corner_{part}_loss"], own, rtol=1e-12)
    weights = found["final_weights"].sel(replica=corners).values
    decay = 0.05 * (weights**2).sum(axis=1)
    np.testing.assert_allclose(found["plane_corner_energy"], found["plane_corner_train_loss"] + decay, rtol=1e-12)
    at = np.stack([found["plane_corner_x"], found["plane_corner_y"]], axis=1)
    between = np.linalg.norm(weights[:, None] - weights, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(at[:, None] - at, axis=-1), between, rtol=1e-10)
    assert found["plane_x"].values[0] == pytest.approx(at[:, 0].min() - 0.5 * np.ptp(at[:, 0]))


def test_minima_that_are_one_span_no_plane():
    """The one minimum of a convex loss, from everywhere: losses of the three, all else NaN, and no figure."""
    found = lsgd.simulate(_study({"quench": True, "points": 2}, gradient_tolerance=1e-8))
    one = found["network"].to_dataset(inherit=False)
    assert np.ptp(one["plane_corner_energy"].values) < 1e-10
    assert np.isnan(one["plane_energy"]).all()
    assert np.isnan(one["plane_x"]).all()
    assert "plane" not in plots.captions(found)


def test_the_figure_marks_the_three_and_names_their_losses(found):
    figure = plots.figures(xr.DataTree.from_dict({"net": found}), ["plane"])["plane"]
    energy, test = figure.axes
    for axes, name in ((energy, "energy"), (test, "test_loss")):
        told = [text.get_text() for text in axes.get_legend().get_texts()]
        values = found[f"plane_corner_{name}"].values
        assert told == [f"replica {corner}: {value:.4g}" for corner, value in zip([3, 0, 1], values, strict=True)]
        np.testing.assert_allclose([line.get_xdata()[0] for line in axes.lines], found["plane_corner_x"])
    assert energy.get_legend().get_title().get_text() == "training loss and weight decay"


def test_what_makes_no_plane_is_refused():
    for probe, told in (
        ({"replicas": [0, 1, 1]}, "names one twice; give three different ones"),
        ({"replicas": [0, 1]}, r"replicas.2: missing"),
        ({"margin": 0}, "margin"),
    ):
        with pytest.raises(ConfigError, match=told):
            lsgd.parse(_study(probe))
    without = _study({"quench": True})
    without["sgd"]["weight_decay"] = 0.0
    with pytest.raises(ConfigError, match="without weight decay the loss has no minima"):
        lsgd.parse(without)
