"""Infinite and absurd lengths and energies of random potentials are one line, from configs and from Python."""

import math

import pytest

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.landscapes.power_law import DisorderError

LINE = {"kind": "random_potential", "alpha": 1.0, "half_width": 100, "disorders": 2, "ln_time": [0, 5]}
WAVES = {"kind": "random_potential", "dimension": 2, "alpha": 1.0, "landscape": "fourier", "disorders": 2,
         "ln_time": [0, 3]}  # fmt: skip


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, 1e101, 1e-300, 0, -1.0, 10**400])
@pytest.mark.parametrize("key", ["amplitude", "thermal_energy", "spacing", "correlation_length", "valid_range"])
def test_a_config_with_an_absurd_magnitude_is_one_line(key, value):
    model = {**WAVES, key: [1.0, value]} if key == "valid_range" else {**LINE, key: value}
    with pytest.raises(ConfigError) as caught:
        lsgd.parse({"name": "x", "seed": 1, "models": {"m": model}})
    (line,) = caught.value.lines()
    assert f"models.m.{key}" in line
    assert "must be" in line
    with pytest.raises(ConfigError, match=key):
        lsgd.parse(
            {"name": "x", "seed": 1, "models": {"m": WAVES if key == "valid_range" else LINE},
             "scan": {f"models.m.{key}": [1.0, value]}}
        )  # fmt: skip


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e300, 1e-300, 0.0, -1.0])
def test_python_refuses_them_too(value):
    for make in (
        lambda: lsgd.Fourier(2, 1.0, 0.1, value), lambda: lsgd.Fourier(2, 1.0, value, 10.0),
        lambda: lsgd.Fourier(2, 1.0, 0.1, 10.0, amplitude=value),
        lambda: lsgd.Fourier.between(2, 1.0, 0.1, value), lambda: lsgd.Fourier.between(2, 1.0, value, 10.0),
        lambda: lsgd.Line(1.0, half_width=10, amplitude=value), lambda: lsgd.Line(1.0, half_width=10, spacing=value),
    ):  # fmt: skip
        with pytest.raises(DisorderError):
            make()
