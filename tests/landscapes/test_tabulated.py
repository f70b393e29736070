"""Tabulated potentials by themselves: interpolation, slopes, rows and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.landscapes.line import Line, refined
from langevin_sgd.landscapes.power_law import DisorderError
from langevin_sgd.landscapes.tabulated import Tabulated

POTENTIAL = np.random.default_rng(3).normal(size=(3, 8))


def test_the_energy_is_linear_between_the_sites_of_each_disorder():
    table = Tabulated(POTENTIAL, spacing=0.5, first_site=-1.0)
    assert table.ends == (-1.0, 2.5)
    x = np.linspace(-1.0, 2.5, 301)
    sites = -1.0 + 0.5 * np.arange(8)
    for row, values in enumerate(POTENTIAL):
        np.testing.assert_allclose(table.energy_at(x[None], disorder=row), np.interp(x, sites, values), atol=1e-14)
    rows = np.arange(301) % 3
    expected = [np.interp(at, sites, POTENTIAL[row]) for at, row in zip(x, rows, strict=True)]
    np.testing.assert_allclose(table.energy_at(x[None], disorder=rows), expected, atol=1e-14)


def test_the_drift_is_minus_the_slope_of_the_energy():
    table = Tabulated(POTENTIAL, spacing=0.5)
    x = np.random.default_rng(0).uniform(*table.ends, (1, 100))
    step = 1e-7
    slope = (table.energy_at(x + step, disorder=1) - table.energy_at(x - step, disorder=1)) / (2 * step)
    np.testing.assert_allclose(table.drift_at(x, disorder=1)[0], -slope, rtol=1e-6)
    np.testing.assert_array_equal(table.drift_at(x, disorder=1), -table.gradient_at(x, disorder=1))


def test_the_middle_site_lies_at_zero_as_in_a_line_and_refining_changes_nothing():
    line = Line(0.8, half_width=5, spacing=0.25)
    potential = line.potential(1, np.arange(2))
    table, finer = Tabulated(potential, spacing=0.25), Tabulated(refined(potential, 4), spacing=0.0625)
    np.testing.assert_allclose(table.energy_at(line.positions[None], disorder=1), potential[1], atol=1e-14)
    x = np.random.default_rng(0).uniform(*table.ends, (1, 100))
    np.testing.assert_allclose(finer.energy_at(x, disorder=1), table.energy_at(x, disorder=1), atol=1e-13)


@pytest.mark.parametrize(
    ("potential", "more", "message"),
    [
        ([1.0, 2.0], {}, r"a potential has shape \(disorder, site\) with two sites or more, not \(2,\)"),
        ([[1.0]], {}, r"with two sites or more, not \(1, 1\)"),
        ([[1.0, np.nan]], {}, "the potential is not finite everywhere; give numbers"),
        ([[1.0, "high"]], {}, "a potential must be real numbers"),
        ([[1.0, 2.0]], {"spacing": 0.0}, "the spacing must be a positive number, not 0.0"),
        ([[1.0, 2.0]], {"first_site": np.inf}, "first_site must be a finite number, not inf"),
    ],
)
def test_what_is_no_table_is_refused(potential, more, message):
    with pytest.raises(DisorderError, match=message):
        Tabulated(potential, **more)


@pytest.mark.parametrize(("row", "shown"), [(3, "3"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan")])
def test_a_row_that_there_is_not_is_refused(row, shown):
    with pytest.raises(DisorderError, match=f"disorder is a row, a whole number from 0 to 2, not {shown}"):
        Tabulated(POTENTIAL).energy_at([[0.0]], disorder=row)


def test_a_position_of_another_dimension_is_refused():
    with pytest.raises(DisorderError, match=r"position has shape \(2, 1\)"):
        Tabulated(POTENTIAL).gradient_at([[0.0], [1.0]])
