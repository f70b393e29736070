"""The figure of modes that rest and modes that diffuse."""

import numpy as np
import xarray as xr

from langevin_sgd.reporting.plots.figure import Results
from langevin_sgd.reporting.plots.mode_growth import mode_growth
from langevin_sgd.reporting.plots.style import style

MODES = 6


def _model() -> xr.Dataset:
    first, moved = np.random.default_rng(0).normal(size=(2, 40, MODES))
    return xr.Dataset(
        {
            "mode_position": (("replica", "growth", "mode"), np.stack([first, first + moved], axis=1)),
            "mode_growth_free": ("mode", np.full(MODES, 0.1)),
            "mode_growth_linear": ("mode", np.full(MODES, 0.05)),
            "hessian_eigenvalue": ("mode", np.geomspace(1.0, 1e-3, MODES)),
            "noisy": ("mode", np.arange(MODES) != 3),
            "train_loss": (("replica", "time"), np.ones((40, 1))),
            "learning_rate": 0.1,
            "batch_size": 8,
            "momentum": 0.0,
        },
        coords={"growth_step": ("growth", [10, 20])},
    )


def test_it_shows_every_noisy_mode_and_the_sums_over_those_alike():
    found = mode_growth.subjects(Results({"net": _model(), "other": _model().drop_vars("mode_growth_free")}))
    assert set(found) == {"net"}
    with style():
        (axes,) = mode_growth(found["net"]).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["one mode"].get_xdata().size == MODES - 1
    np.testing.assert_allclose(lines["linear process"].get_ydata(), 0.5)
    (bins,) = axes.containers
    # each bin holds one mode here, of growth 1 in ten steps of 0.1 each, with an error of sqrt(6/39)
    assert (np.abs(bins.lines[0].get_ydata() - 1.0) < 4 * np.sqrt(6 / 39)).all()
