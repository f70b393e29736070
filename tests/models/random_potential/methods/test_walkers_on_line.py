"""The stochastic equation on a line against the master equation of the same potentials, and what it depends on."""

from __future__ import annotations

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.master_equation import MasterEquationResult, evolve
from langevin_sgd.landscapes.line import refined
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.models.random_potential.config import RandomPotentialModel
from langevin_sgd.models.random_potential.methods import walkers_on_line
from langevin_sgd.models.random_potential.methods.walkers_on_line import walk
from langevin_sgd.models.random_potential.potentials import line, ln_times
from langevin_sgd.study.loading import parse

SEED = 4


def study(**given: object) -> dict:
    model = {"kind": "random_potential", "alpha": 1.0, "method": "sde", "half_width": 300, "walkers": 64, **given}
    return {"name": "t", "seed": SEED, "models": {"walk": model}}


def model(**given: object) -> RandomPotentialModel:
    found = parse(study(**given)).models["walk"]
    assert isinstance(found, RandomPotentialModel)
    return found


def solved(
    asked: RandomPotentialModel, disorders: np.ndarray, cells: int = 4, density: float = 16
) -> MasterEquationResult:
    """The master equation of the same piecewise linear potentials."""
    law = line(asked)
    return evolve(
        refined(law.potential(SEED, disorders), cells), times=np.exp(ln_times(asked)), spacing=law.spacing / cells,
        thermal_energy=asked.thermal_energy, steps_per_e_fold=density, distributions=True, boundary_sites=cells,
    )  # fmt: skip


def stderr(exact: MasterEquationResult, spacing: float, walkers: int) -> np.ndarray:
    """That of <x^2> over so many walkers, from the distribution itself, (disorder, time)."""
    assert exact.distribution is not None
    x = spacing * (np.arange(exact.distribution.shape[2]) - exact.start_site[0])
    return np.sqrt((exact.distribution @ x**4 - exact.mean_squared_displacement**2) / walkers)


def deviations(asked: RandomPotentialModel, disorders: np.ndarray) -> np.ndarray:
    """Of <x^2> from the master equation in standard errors, (disorder, time)."""
    exact = solved(asked, disorders)
    assert asked.walkers is not None
    error = stderr(exact, line(asked).spacing / 4, asked.walkers)
    measured = walk(asked, disorders, seed=SEED)
    assert not measured["censored"].any()
    return (measured["squared_displacement"] - exact.mean_squared_displacement) / error


def agree(z: np.ndarray) -> bool:
    """Chi-squared at every time within 4 of its standard deviations, sqrt(2/n), of 1, and no deviation above 4.2."""
    return bool((np.abs((z**2).mean(0) - 1.0) < 4.0 * np.sqrt(2.0 / len(z))).all() and np.abs(z).max() < 4.2)


SHORT = dict(half_width=100, spacing=0.7, amplitude=1.3, thermal_energy=1.2, ln_time=[1.0, 3.0], record_times=3)


def planted(error: str, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The error in place; and what to ask for beside it."""
    if error == "theta for T":
        monkeypatch.setattr(walkers_on_line, "IsotropicNoise", lambda temperature: noise(temperature / 2))
    elif error == "force of the wrong sign":
        monkeypatch.setattr(walkers_on_line, "Tabulated", lambda v, spacing: Tabulated(-v, spacing=spacing))
    elif error == "half a cell off":
        shifted = lambda v, spacing: Tabulated(v, spacing=spacing, first_site=-spacing * (v.shape[1] // 2 - 0.5))  # noqa: E731
        monkeypatch.setattr(walkers_on_line, "Tabulated", shifted)
    return {"time_step": 0.3} if error == "a step as long as the cell" else {}


noise = walkers_on_line.IsotropicNoise


@pytest.mark.parametrize(
    "error", ["", "theta for T", "force of the wrong sign", "half a cell off", "a step as long as the cell"]
)
def test_walkers_agree_with_the_master_equation_in_every_disorder(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """48 disorders of 2,048 walkers; every planted error is seen."""
    asked = model(walkers=2048, **SHORT, **planted(error, monkeypatch))
    assert agree(deviations(asked, np.arange(48))) == (error == "")


@pytest.mark.validate
def test_walkers_and_master_equation_agree_from_ln_t_2_to_10() -> None:
    """208 disorders of 512 walkers at nine times: chi-squared, and no deviation above 4.2 standard errors.

    The lattice has 8 cells a site and the Euler step is 1/64, so that both discretisations stay below the statistical
    error: halving the lattice, or the time steps of the master equation, moves no <x^2> by a fifth of its standard
    error, nor the mean over disorders by a third of its own; halving the Euler step, seen with eight times as many
    walkers to ln t = 5, moves the mean over disorders by less than the standard error that it has here.
    """
    disorders, shared = np.arange(208), dict(half_width=1000, time_step=1 / 64)
    asked = model(**shared, walkers=512, ln_time=[2.0, 10.0], record_times=9)
    exact = solved(asked, disorders, 8)
    squared = exact.mean_squared_displacement
    error = stderr(exact, 1 / 8, 512)
    of_mean = np.sqrt((error**2).sum(0)) / len(disorders)
    for name, finer in (("lattice", solved(asked, disorders, 16)), ("steps", solved(asked, disorders, 8, 32))):
        moved = finer.mean_squared_displacement - squared
        print(
            f"halving the {name}: {np.abs(moved / error).max():.3f}, mean {np.abs(moved.mean(0) / of_mean).max():.2f}"
        )
        assert np.abs(moved / error).max() < 0.2
        assert (np.abs(moved.mean(0)) < of_mean / 3.0).all()
    early = dict(walkers=4096, ln_time=[2.0, 5.0], record_times=4)
    fine, halved = (
        walk(model(**{**shared, **early, "time_step": step}), disorders, seed=SEED)["squared_displacement"]
        for step in (1 / 64, 1 / 128)
    )
    moved = (fine - halved).mean(0)
    print("halving the Euler step moves the mean by", moved / of_mean[:4], "+-", np.sqrt(2.0 / 8.0), "standard errors")
    assert (np.abs(moved) < of_mean[:4] * (1.0 + 3.0 * np.sqrt(2.0 / 8.0))).all()
    measured = walk(asked, disorders, seed=SEED)
    z = (measured["squared_displacement"] - squared) / error
    print("chi-squared", (z**2).mean(0), "largest", np.abs(z).max(), "mean", (z * error).mean(0) / of_mean)
    assert not measured["censored"].any()
    assert agree(z)


def test_nothing_depends_on_chunks_threads_or_other_disorders() -> None:
    asked = model(walkers=70, half_width=30, ln_time=[-3.0, 1.0], record_times=4)
    whole = walk(asked, np.arange(9), seed=SEED, threads=1)
    parts = [walk(asked, chunk, seed=SEED, threads=2) for chunk in (np.arange(1), np.arange(1, 7), np.array([7, 8]))]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]), err_msg=name)
    backwards = walk(asked, np.arange(9)[::-1], seed=SEED)
    np.testing.assert_array_equal(backwards["position_draw"][::-1], whole["position_draw"])


def test_a_study_says_what_the_walkers_did() -> None:
    tree = lsgd.simulate(study(disorders=5, half_width=30, walkers=10, ln_time=[-3.0, 1.0], record_times=4))
    ds, direct = tree["walk"].dataset, walk(
        model(half_width=30, walkers=10, ln_time=[-3.0, 1.0], record_times=4), np.arange(5), seed=SEED
    )  # fmt: skip
    np.testing.assert_allclose(np.log(ds.time), [-3.0, -5 / 3, -1 / 3, 1.0], atol=1e-12)
    for name in ("squared_displacement", "mean_displacement", "position_draw", "censored"):
        np.testing.assert_array_equal(ds[name], direct[name])
    np.testing.assert_allclose((ds.position_draw**2).mean("draw"), ds.squared_displacement[:, -1], rtol=1e-12)


def test_in_a_flat_potential_the_recorded_times_are_those_of_free_diffusion() -> None:
    """<x^2> = 2 theta t at t = exp(-5), far below a step, and beyond: steps end on the recorded times. 4 errors."""
    asked = model(amplitude=1e-12, thermal_energy=0.8, walkers=4096, ln_time=[-5.0, 1.0], record_times=4)
    squared = walk(asked, np.arange(8), seed=SEED)["squared_displacement"].mean(0)
    expected = 1.6 * np.exp(ln_times(asked))
    assert (np.abs(squared / expected - 1.0) < 4.0 * np.sqrt(2.0 / (8 * 4096))).all()


def test_walkers_that_have_been_at_an_end_are_censored_for_good() -> None:
    asked = model(half_width=7, walkers=100, ln_time=[-2.0, 3.0], record_times=11)
    censored = walk(asked, np.arange(6), seed=SEED)["censored"]
    assert not censored[:, 0].any()
    assert censored[:, -1].all()
    assert (np.diff(censored.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize(("theta", "amplitude"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 9.0)])
def test_the_default_step_resolves_a_cell(theta: float, amplitude: float) -> None:
    asked = model(thermal_energy=theta, amplitude=amplitude, spacing=0.3, alpha=0.7, half_width=3000)
    step, bond = line(asked).natural_time_step(theta), amplitude * 0.3**0.7
    assert np.sqrt(2 * theta * step) <= 0.3 / 4 * (1 + 1e-12)
    assert (bond / 0.3**2) * step / (4 * theta) <= 1 / 128 * (1 + 1e-12)


def test_a_time_out_of_reach_is_refused_before_the_first_step() -> None:
    with pytest.raises(UserError, match=r"6400 walkers cannot follow to ln t = 23 .* end before 20.*master_equation"):
        walk(model(ln_time=[0.0, 23.0], half_width=4000, disorders=100), np.arange(1), seed=SEED)


def test_more_walkers_than_there_are_numbers_for_are_refused() -> None:
    with pytest.raises(UserError, match=r"points leave room for 1 replicas each, not 2"):
        walk(model(walkers=2, half_width=30, ln_time=[-3.0, 0.0]), np.array([(1 << 32) - 1]), seed=SEED)
