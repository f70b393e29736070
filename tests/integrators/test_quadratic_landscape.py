"""`integrate` takes the quadratic landscape of the models as it is."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import quadratic
from langevin_sgd.landscapes.formula import FormulaError
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.noise import DiagonalNoise, FullNoise, IsotropicNoise
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance

WARM = IsotropicNoise(0.25)


def rotated(eigenvalues, seed=0):
    size = len(eigenvalues)
    vectors = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]
    return Quadratic(np.sort(np.asarray(eigenvalues, float))[::-1], vectors, np.arange(size) / size)


def positions(run):
    return run.state.vectors["position"]


def test_up_to_16_coordinates_it_becomes_the_formula():
    landscape = rotated([3.0, 1.0, 0.2])
    kwargs = dict(time_step=0.1, steps=20, trajectories=5, seed=3, record=Record(steps=(20,), each=("w2",)))
    hessian = landscape.hessian()
    by_hand = integrate(quadratic((hessian + hessian.T) / 2, landscape.minimum), WARM, **kwargs)
    run = integrate(landscape, WARM, **kwargs)
    assert np.array_equal(positions(run), positions(by_hand))
    assert np.array_equal(run.data.w2[:, 0], positions(run)[1])
    with pytest.raises(IntegrationError, match=r"take a time_step below 0\.6667"):
        integrate(landscape, WARM, **{**kwargs, "time_step": 0.67})
    with pytest.raises(FormulaError, match="2 temperatures for a landscape of 3"):
        integrate(landscape, DiagonalNoise((1.0, 1.0)), **kwargs)


def test_beyond_it_runs_on_tensors_with_the_law_of_the_map():
    d, n, h, steps = 40, 4000, 0.1, 60
    landscape = rotated(np.linspace(0.1, 5.0, d))
    record = Record(steps=(0, steps), each=("energy", "squared_displacement"))
    kwargs = dict(time_step=h, steps=steps, trajectories=n, seed=3, device="cpu", start=landscape.minimum)
    run = integrate(landscape, WARM, record=record, **kwargs)
    assert run.data.attrs["backend"] == "batched on cpu"
    assert np.allclose(run.data.energy[:, -1], landscape.energy(positions(run).T), rtol=0, atol=1e-10)
    k = landscape.eigenvalues
    s = 0.25 * h * (1 - (1 - h * k) ** (2 * steps)) / (1 - (1 - h * k) ** 2)
    found = landscape.in_modes(positions(run).T).var(axis=0)
    assert np.all(np.abs(found - s) < 4.5 * s * np.sqrt(2 / n))  # 40 comparisons: false alarm below 3e-4
    with pytest.raises(IntegrationError, match=r"take a time_step below 0\.4"):
        integrate(landscape, WARM, time_step=0.41, steps=1)
    with pytest.raises(FormulaError, match="39 rows of the noise covariance for a landscape of 40"):
        integrate(landscape, FullNoise(np.eye(39)), time_step=0.1, steps=1)


@pytest.mark.parametrize(("d", "momentum"), [(3, 0.0), (3, 0.9), pytest.param(20, 0.9, marks=pytest.mark.validate)])
def test_heavy_ball_has_the_exact_discrete_covariance(d, momentum):
    """H and C that do not commute, against theory.discrete_covariance (Liu, Ziyin and Ueda 2021), entry by entry.

    4 standard errors of independent trajectories for d = 3, 4.5 for the 210 entries of d = 20; a temperature wrong by
    3% is seen in the trace, whose standard error is smaller.
    """
    n, eta, batch = 40_000 if d == 3 else 8_000, 0.1, 8
    landscape = rotated(np.linspace(0.5, 4.0, d))
    root = np.random.default_rng(1).normal(size=(d, d)) / np.sqrt(d)
    c = root @ root.T
    kwargs = dict(
        scheme="heavy_ball", time_step=eta, steps=300 if momentum else 150, trajectories=n, seed=3, device="cpu",
        start=landscape.minimum, parameters={"momentum": momentum},
    )  # fmt: skip
    in_modes = landscape.eigenvectors.T @ c @ landscape.eigenvectors
    s = discrete_covariance(landscape.eigenvalues, in_modes, eta, batch, momentum)
    assert np.abs(in_modes - np.diag(np.diag(in_modes))).max() > 0.1

    def deviations(factor):
        run = integrate(landscape, FullNoise(c, factor * eta / batch), **kwargs)
        found = np.cov(landscape.in_modes(positions(run).T).T)
        entries = np.abs(found - s) / np.sqrt((s**2 + np.outer(np.diag(s), np.diag(s))) / n)
        trace = abs(np.trace(found) - np.trace(s)) / np.sqrt(2 * np.sum(s**2) / n)
        return entries.max(), trace

    entries, trace = deviations(1.0)
    assert entries < (4.0 if d == 3 else 4.5)
    assert trace < 4.0
    if d == 3:
        assert deviations(1.03)[1] > 4.0
