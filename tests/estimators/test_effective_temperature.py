"""Effective thermal energy of exact linear processes, by copies with common random numbers."""

import numpy as np

from langevin_sgd.estimators.effective_temperature import thermal_energy
from langevin_sgd.theory import response as theory


def test_thermal_energy_of_copies_with_common_random_numbers():
    """Copies with +-h of a linear process: chi to rounding, theta within 4 jackknife errors, in 20 modes."""
    k, c, eta, batch = np.geomspace(0.02, 5.0, 20), np.geomspace(0.1, 3.0, 20), 0.2, 8
    step, delays, replicas = theory.heavy_ball(eta, 0.0), np.array([3, 30]), 400
    rng = np.random.default_rng(0)
    h = 0.1 * np.where(rng.random((replicas, 20)) < 0.5, 1.0, -1.0)
    start = rng.normal(size=(replicas, 20)) * np.sqrt(theory.stationary_states(step, k)[:, 0, 0] * c / batch)
    free, up, down = start.copy(), start.copy(), start.copy()
    moved, chi = [], []
    for n in range(1, 31):
        noise = rng.normal(size=free.shape) * np.sqrt(c / batch)
        free, up, down = (w - eta * (k * w + noise - push) for w, push in ((free, 0.0), (up, h), (down, -h)))
        if n in delays:
            moved.append(free - start)
            chi.append((up - down) / (2 * h))
    moved, chi = np.stack(moved, 1), np.stack(chi, 1)
    np.testing.assert_allclose(chi.mean(0), theory.response(step, k, delays), rtol=1e-9)
    found = thermal_energy(moved, moved**2, chi)
    expected = eta * c / (2 * batch * (1 - eta * k / 2))
    assert (np.abs(found.value - expected) < 4 * found.stderr).all()
    np.testing.assert_allclose((found.stderr / found.value).mean(), np.sqrt(2 / replicas), rtol=0.1)
