"""The amplitudes of frequencies in a residual, on waves whose amplitudes are known."""

from __future__ import annotations

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.probes.spectrum_of_error.measure import Waves, phases


def test_amplitudes_of_known_waves_come_back_on_uneven_samples():
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, 60)
    values = np.stack([2.0 * np.sin(3 * angle + 0.4), 0.5 * np.cos(5 * angle)], axis=1)
    inputs = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = Waves(phases(inputs), np.array([1.0, 3.0, 5.0])).amplitudes(values)
    np.testing.assert_allclose(found, [0.0, 2.0, 0.5], atol=1e-12)
    x = angle[:, None] / (2 * np.pi)
    np.testing.assert_allclose(Waves(phases(x), np.array([3.0])).amplitudes(values[:, :1]), [2.0])


def test_what_has_no_frequencies_is_refused():
    with pytest.raises(UserError, match="frequencies are those of one input, or of two"):
        phases(np.ones((4, 3)))
    with pytest.raises(UserError, match="frequencies are those of one input, or of two"):
        phases(np.ones((4, 2)))
    with pytest.raises(UserError, match="8 samples cannot tell these 2 frequencies apart"):
        Waves(2 * np.pi * np.arange(8) / 8, np.array([1.0, 9.0]))


def study(**keys) -> dict:
    network = {
        "kind": "network", "replicas": 2, "steps": 40, "record_times": 8, "loss": "mse", "precision": "float64",
        "data": {"name": "harmonics", "wave_numbers": [1, 3], "samples": 24, "spacing": "equal", "test_fraction": 0},
        "architecture": {"kind": "linear"},
        "probes": [{"kind": "spectrum_of_error", "frequencies": [1, 3], "looks": 3}],
    }  # fmt: skip
    sgd = {"learning_rate": 0.2, "batch_size": 24, "sampling": "epoch"}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": {**network, **keys}}}


def test_a_linear_map_learns_the_first_wave_as_its_modes_relax_and_never_the_third():
    """On equally spaced points the covariance of (cos a, sin a) is 1/2: what is wrong of wave 1 falls by 1 - eta/2."""
    found = lsgd.simulate(study())["network"]
    np.testing.assert_allclose(found.target_amplitude, [1.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(found.error_amplitude.sel(frequency=3.0), 1.0, rtol=1e-6)
    first = found.error_amplitude.sel(frequency=1.0)
    ratio = first / first.isel(error_look=0)
    steps = found.error_step - found.error_step[0]
    np.testing.assert_allclose(ratio, (0.9**steps).broadcast_like(ratio), rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"test_fraction": 0.2}, r"data\.test_fraction: would leave gaps"),
        ({"fresh": True}, r"data\.spacing: fresh samples have random angles"),
    ],
)
def test_equal_spacing_needs_all_samples(data, told):
    given = study()
    given["models"]["network"]["data"] |= data
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(given)


def test_beta_is_of_the_other_initialisation():
    with pytest.raises(lsgd.ConfigError, match=r"beta: belongs to initialisation: ntk, and here it is standard"):
        lsgd.parse(study(architecture={"kind": "mlp", "hidden": [3], "beta": 1.0}, probes=[]))
