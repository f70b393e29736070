"""Which thermal energy positions feel: against a simulated heavy ball, its exact law, and wells of several depths."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

import langevin_sgd as lsgd
from langevin_sgd.checks.flatness.structures import structure_rows
from langevin_sgd.laws import temperatures
from langevin_sgd.theory import ornstein_uhlenbeck as theory


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_equipartition_of_the_exact_heavy_ball(momentum):
    """k <x^2> of the exact law of the map is theta/(1 - mu) but for terms of order eta k/(1 - mu)."""
    k, noise, eta, batch_size = np.array([0.5]), np.array([[1.7]]), 1e-4, 4
    variance = theory.discrete_covariance(k, noise, eta, batch_size, momentum)[0, 0]
    found = temperatures.effective(eta * 1.7 / (2 * batch_size), momentum)
    assert float(k[0] * variance) == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_model_emits_both_thermal_energies(momentum):
    """eta = 0.01, sigma^2 = 4, B = 2: T = 0.02, theta = 0.01, and 0.1 for the positions of the heavy ball at 0.9.

    <k x^2> of 2,000 replicas is that of the positions, within 4.5 standard errors of 1/sqrt(1000).
    """
    model = {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [0.8]},
        "noise": {"kind": "isotropic", "scale": 2.0}, "replicas": 2000, "steps": 3000, "record_times": 2,
        "sample_every": 500,
    }  # fmt: skip
    sgd = {"learning_rate": 0.01, "batch_size": 2, "momentum": momentum}
    found = lsgd.simulate({"name": "n", "seed": 3, "sgd": sgd, "models": {"ou": model}}, device="cpu")["ou"].dataset
    assert float(found.temperature) == pytest.approx(0.02)
    assert float(found.thermal_energy) == pytest.approx(0.01)
    assert float(found.effective_thermal_energy) == pytest.approx(0.01 / (1 - momentum))
    assert float(temperatures.of_positions(found)) == pytest.approx(0.01 / (1 - momentum))
    measured = 2.0 * float(found.energy.isel(time=-1).mean())  # k <x^2>
    assert measured / float(found.effective_thermal_energy) == pytest.approx(1.0, abs=4.5 / math.sqrt(1000))


def _occupancy(theta: float) -> float:
    """Share of the left well of E by quadrature of exp(-E/theta)."""
    parts = [quad(lambda x: math.exp(-_energy(x) / theta), *side)[0] for side in ((-4.0, 0.0), (0.0, 4.0))]
    return parts[0] / sum(parts)


def _energy(x):
    return (x**2 - 1.0) ** 2 + 0.2 * x


def _heavy_ball(momentum: float, eta: float, *, variance: float, batch_size: int, replicas: int = 4000) -> xr.Dataset:
    """Structures of a heavy ball in the two wells, in plain numpy; half of the replicas begin in either."""
    rng = np.random.default_rng(7)
    x = np.repeat([-1.0, 1.0], replicas // 2)
    velocity = np.zeros(replicas)
    scale = math.sqrt(variance / batch_size)
    seen = []
    for _ in range(2):
        for _ in range(8000):
            velocity = momentum * velocity + 4.0 * x * (x * x - 1.0) + 0.2 + scale * rng.standard_normal(replicas)
            x = x - eta * velocity
        seen.append(np.where(x < 0.0, 0, 1))
    left = float(np.mean(seen[-1] == 0))
    return xr.Dataset(
        {
            "structure": (("replica", "snapshot"), np.stack(seen, axis=1)),
            "structure_energy": ("basin", [-0.2, 0.2]),
            "structure_log_det": ("basin", np.log([8.0, 8.0])),
            "structure_occupancy": ("basin", [left, 1.0 - left]),
            "structure_noise_scale": ("basin", np.full(2, math.sqrt(variance))),
            "learning_rate": eta,
            "batch_size": batch_size,
            "momentum": momentum,
            "thermal_energy": 0.123,  # by the noise at another minimum: not what structures are judged by
        }
    )


@pytest.mark.parametrize(("momentum", "eta"), [(0.0, 0.004), (0.9, 0.0004)])
def test_wells_are_occupied_at_the_thermal_energy_of_the_positions(momentum, eta):
    """theta/(1 - mu) = 0.4 in both runs: the left well holds what exp(-E/0.4) says, within 4 binomial errors.

    At T/2 = 0.04, which the heavy ball's noise has, it would hold all: the coefficient of the energy in the check is
    1/0.4, and not ten times that.
    """
    run = _heavy_ball(momentum, eta, variance=800.0, batch_size=4)
    theta = temperatures.of_structures(run)
    assert theta == pytest.approx(0.4)
    assert structure_rows(run, model="n", tolerance=0.2, confidence=0.95)[0].predicted == pytest.approx(1 / 0.4)
    left, expected = float(run.structure_occupancy[0]), _occupancy(theta)
    assert abs(left - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)
    assert 0.6 < expected < 0.8
    assert _occupancy(0.04) > 0.999


def test_runs_without_a_noise_scale_at_the_structures_are_read_as_they_were_written():
    """Their `structure_thermal_energy` held theta/(1 - mu) already."""
    old = xr.Dataset(
        {
            "structure_thermal_energy": ("basin", [0.1, 0.2]),
            "structure_occupancy": ("basin", [0.25, 0.75]),
            "momentum": 0.9,
            "thermal_energy": 7.0,
        }
    )
    assert temperatures.of_structures(old) == pytest.approx(0.175)
    assert temperatures.of_structures(old[["thermal_energy", "momentum"]]) == pytest.approx(70.0)
    with pytest.raises(KeyError, match="no thermal energy"):
        temperatures.of_structures(old[["momentum"]])
