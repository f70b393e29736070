"""Errors planted in real runs of the master equation: the diffusion check catches each, or says why it cannot tell."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.point import diffusion
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import Line

pytestmark = pytest.mark.validate

DISORDERS, HALF_WIDTH, WINDOW, AT_ONCE = 2400, 8000, 10.0, 240
CENSORED = 1e-3
CLAIM = {"alpha": 1.0, "amplitude": 1.0, "thermal_energy": 1.0}


def sinai(disorders):
    """Potentials of Sinai's model, whose inner sites do not depend on the box."""
    return Line(1.0, half_width=HALF_WIDTH).potential(41, disorders)


def run(make, *, disorders=DISORDERS, last=40.0, watched=True):
    """Observables of the potentials `make` (numbers) -> (disorder, site) at theta = 1, in chunks."""
    ln_time = np.linspace(0.0, last, 81)
    squares, edges, draws = [], [], []
    for first in range(0, disorders, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, disorders))
        found = evolve(make(numbers), times=np.exp(ln_time), steps_per_e_fold=5, draws=1, seed=41, disorders=numbers)
        squares.append(found.mean_squared_displacement)
        edges.append(found.boundary_probability > CENSORED)
        draws.append(found.positions[:, :, -1] - found.start_site[:, None])
    variables = {
        "squared_displacement": (("disorder", "time"), np.concatenate(squares)),
        "position_draw": (("disorder", "draw"), np.concatenate(draws).astype(float)),
    }
    if watched:
        variables["censored"] = (("disorder", "time"), np.concatenate(edges))
    return xr.Dataset(variables, coords={"time": np.exp(ln_time)})


def verdicts(dataset, **claim):
    """Rows of the law, by quantity."""
    rows = diffusion(dataset, model="walk", window=WINDOW, seed=0, **(CLAIM | claim))
    for row in rows:
        print(row.quantity, row.law, row.verdict, row.reason)
    return {row.quantity: row for row in rows if row.role == "law"}


@pytest.fixture(scope="module")
def real():
    return run(sinai)


def test_the_run_itself_has_the_exponent(real):
    rows = verdicts(real)
    assert rows["exponent"].verdict is not Verdict.DISAGREES
    assert rows["amplitude"].verdict is not Verdict.DISAGREES
    assert abs(rows["exponent"].measured / 4.0 - 1.0) < 0.15  # 4.5 standard errors


@pytest.mark.parametrize("alpha", [0.75, 1.25])
def test_alpha_wrong_by_a_quarter_disagrees(real, alpha):
    assert verdicts(real, alpha=alpha)["exponent"].verdict is Verdict.DISAGREES


@pytest.mark.parametrize("believed", [2.0, 0.5])
def test_temperature_in_place_of_thermal_energy_disagrees_by_a_factor_of_sixteen(real, believed):
    row = verdicts(real, thermal_energy=believed)["amplitude"]
    assert row.verdict is Verdict.DISAGREES
    assert "2^4" in row.reason


def narrow(disorders, half_width=700):
    return sinai(disorders)[:, HALF_WIDTH - half_width : HALF_WIDTH + half_width + 1]


def test_a_box_too_small_is_censored_and_seen_in_the_numbers_if_nobody_watched():
    watched = verdicts(run(narrow))
    assert {row.verdict for row in watched.values()} == {Verdict.INCONCLUSIVE}
    assert "wider box" in watched["exponent"].reason
    assert verdicts(run(narrow, watched=False))["exponent"].verdict is Verdict.DISAGREES


def periodic(disorders, half_period=40):
    """The potential of a short stretch without its tilt, over and over."""
    middle = sinai(disorders)[:, HALF_WIDTH - half_period : HALF_WIDTH + half_period + 1]
    ramp = np.linspace(0.0, 1.0, middle.shape[1])
    cell = (middle - ramp * (middle[:, -1:] - middle[:, :1]))[:, :-1]
    copies = -(-HALF_WIDTH // half_period) + 2
    return np.tile(cell, (1, copies))[:, : 2 * HALF_WIDTH + 1]


def test_a_periodic_potential_is_no_logarithmic_diffusion():
    """Beyond the barriers of one period, about 10 theta, <x^2> goes as t."""
    rows = verdicts(run(periodic, disorders=480, last=21.0, watched=False))
    assert rows["exponent"].verdict is Verdict.DISAGREES
    assert rows["held_out_likelihood"].verdict is not Verdict.AGREES


def test_thirty_disorders_get_no_verdict(real):
    rows = verdicts(real.isel(disorder=slice(0, 30)))
    assert {row.verdict for row in rows.values()} == {Verdict.INCONCLUSIVE}
