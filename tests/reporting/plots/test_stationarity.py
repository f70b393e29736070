"""The figure of the balance of |w|^2."""

import numpy as np
import xarray as xr

from langevin_sgd.reporting.plots.figure import Results
from langevin_sgd.reporting.plots.stationarity import stationarity
from langevin_sgd.reporting.plots.style import style


def _model(layers: list[str]) -> xr.Dataset:
    balance = np.zeros((4, len(layers), 3)) + [0.5, 0.9, 1.0] + 0.01 * np.arange(4)[:, None, None]
    return xr.Dataset(
        {
            "norm_balance": (("replica", "layer", "window"), balance),
            "norm_balance_total": (("replica", "window"), balance.mean(1)),
            "train_loss": (("replica", "time"), np.ones((4, 1))),
            "learning_rate": 0.1,
            "batch_size": 8,
            "momentum": 0.0,
        },
        coords={"layer": layers, "window_last": ("window", [16, 32, 64])},
    )


def test_it_is_of_networks_that_were_watched():
    models = {"watched": _model(["0"]), "other": _model(["0"]).drop_vars("norm_balance")}
    assert set(stationarity.subjects(Results(models))) == {"watched"}


def test_it_shows_every_layer_and_their_sum():
    found = stationarity.subjects(Results({"net": _model(["hidden", "$out$"])}))
    with style():
        (axes,) = stationarity(found["net"]).axes
    assert len(axes.containers) == 3
    np.testing.assert_allclose(axes.containers[2].lines[0].get_ydata(), [-0.485, -0.085, 0.015])
    assert "layer hidden" in axes.get_legend_handles_labels()[1]
    alone = stationarity.subjects(Results({"net": _model(["hidden"])}))
    with style():
        assert len(stationarity(alone["net"]).axes[0].containers) == 1
