"""The figure of one training over every theory of it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.reporting.plots.figure import Results
from langevin_sgd.reporting.plots.style import style
from langevin_sgd.reporting.plots.theories import theories

K = np.geomspace(1.0, 0.01, 20)
VARIANCE = 0.1 * np.ones(K.size)


def model(seed: int, factor: float, law: str, **more) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    x = np.sqrt(factor * VARIANCE) * rng.normal(size=(40, 50, K.size))
    others = {"discrete": VARIANCE, "isotropic": 0.7 * VARIANCE / K, law: VARIANCE}
    return xr.Dataset(
        {
            "mode_moment_1": (("replica", "mode"), x.mean(axis=1)),
            "mode_moment_2": (("replica", "mode"), (x**2).mean(axis=1)),
            "mode_variance": ("mode", x.var(axis=(0, 1))),
            "stationary_energy": (("replica", "sample"), 0.5 * (x**2 @ K)),
            "hessian_eigenvalue": ("mode", K),
            "noisy": ("mode", np.ones(K.size, dtype=bool)),
            "mode_variance_law": (("law", "mode"), np.stack(list(others.values()))),
            "energy_law_weight": (("law", "mode"), 0.5 * K * np.stack(list(others.values()))),
            "transient_deficit": 0.0,
            "train_loss": (("replica", "time"), np.ones((40, 2))),
            "learning_rate": 0.1,
            "batch_size": 4,
            "momentum": 0.0,
            **more,
        },
        coords={"law": list(others)},
        attrs={"law": law},
    )


@pytest.fixture(scope="module")
def models():
    twin = model(2, 1.1, "twin", time_step_fraction=0.25)
    another = model(3, 1.0, "twin", time_step_fraction=1.0).assign(learning_rate=0.2)
    return {"net": model(1, 1.1, "discrete"), "twin": twin, "of_another": another}


def test_it_is_of_networks_with_twins_of_the_same_process(models):
    found = theories.subjects(Results(models))
    assert set(found) == {"net"}
    assert set(found["net"].others) == {"twin"}
    assert not theories.subjects(Results({"net": models["net"]}))


def test_it_shows_the_ratio_to_every_law_and_twin(models):
    (subject,) = theories.subjects(Results(models)).values()
    with style():
        figure = theories(subject)
    upper, lower = figure.axes
    called = [label.get_text() for label in upper.get_yticklabels()]
    assert called == ["discrete law", "isotropic law", "twin, step 0.25 η"]
    at = [float(container.lines[0].get_xdata()[0]) for container in upper.containers]
    np.testing.assert_allclose(at, [1.1, 1.1 * 0.1 * K.size / (0.07 / K).sum(), 1.0], rtol=0.03)
    assert any("isotropic law" in text.get_text() for text in lower.texts)
    low, high = lower.get_ylim()
    assert 0.5 <= low < 1.0 < high <= 2.0
