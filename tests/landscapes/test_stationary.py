"""Minima and saddles against known places, at any scale of energy, in boxes up to a hundred times too large."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.landscapes.basins import find
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.stationary import stationary_points

# Muller and Brown, Theor. Chim. Acta 53, 75 (1979)
MULLER_BROWN = "s*(" + " + ".join(
    f"({a})*exp(({b})*(x - ({x}))**2 + ({c})*(x - ({x}))*(y - ({y})) + ({d})*(y - ({y}))**2)"
    for a, b, c, d, x, y in [
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    ]
) + ")"  # fmt: skip
MINIMA = [(-0.558224, 1.441726), (-0.050011, 0.466694), (0.623499, 0.028038)]
SADDLES = [(-0.822002, 0.624313), (0.212487, 0.292988)]
HIMMELBLAU = "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"
CAMEL = "(4 - 2.1*x**2 + x**4/3)*x**2 + x*y + (-4 + 4*y**2)*y**2"


def points(energy, box, **parameters):
    variables = ("x", "y", "z")[: len(box)]
    with np.errstate(all="ignore"):
        return stationary_points(Expression(energy, variables, parameters), box)


def wide(factor, low, high):
    """A box `factor` times too large, its middle somewhere else."""
    return [
        (a - 0.6 * (factor - 1) * (b - a), b + 0.4 * (factor - 1) * (b - a)) for a, b in zip(low, high, strict=True)
    ]


# at 30 times the energy and the box a slope of 1e306 lies in it, beside a curvature of 1e308
@pytest.mark.parametrize(("scale", "factor"), [(1, 1), (1 / 50, 10), (1000, 4), (1, 100), (30, 30)])
def test_muller_brown(scale, factor):
    minima, saddles = points(MULLER_BROWN, wide(factor, (-1.7, -0.4), (1.2, 2.1)), s=scale)
    np.testing.assert_allclose(minima, MINIMA, atol=2e-6)
    np.testing.assert_allclose(saddles, SADDLES, atol=2e-6)


@pytest.mark.validate
@pytest.mark.parametrize("scale", [1 / 50, 1 / 7, 30, 1000])
@pytest.mark.parametrize("factor", [1, 3, 10, 30, 100])
def test_muller_brown_at_every_scale_and_size(scale, factor):
    minima, saddles = points(MULLER_BROWN, wide(factor, (-1.7, -0.4), (1.2, 2.1)), s=scale)
    np.testing.assert_allclose(minima, MINIMA, atol=2e-6)
    np.testing.assert_allclose(saddles, SADDLES, atol=2e-6)


@pytest.mark.validate
def test_basins_of_muller_brown_in_the_default_box():
    """Both saddles join neighbours; a hundred times off each minimum a walker belongs to the nearest one's basin."""
    basins = find(Expression(MULLER_BROWN, ("x", "y"), {"s": 1.0}), regions={}, box=[(-5.0, 5.0)] * 2)
    assert basins.labels == ("basin_1", "basin_2", "basin_3")
    assert {(s.first, s.second) for s in basins.saddles} == {(0, 1), (1, 2)}
    np.testing.assert_array_equal(basins.membership(basins.minima.T + 0.02), [0, 1, 2])
    np.testing.assert_allclose(basins.energies, [-146.6995, -80.7678, -108.1667], atol=1e-4)


@pytest.mark.parametrize("power", [-280, 300])
def test_energies_near_the_ends_of_the_doubles_have_the_same_stationary_points(power):
    minima, saddles = points(f"(x**2 - 1)**2*1e{power} + 2*y**2*1e{power}", [(-3.0, 3.0)] * 2)
    np.testing.assert_allclose(minima, [(-1.0, 0.0), (1.0, 0.0)], atol=1e-9)
    np.testing.assert_allclose(saddles, [(0.0, 0.0)], atol=1e-9)


@pytest.mark.parametrize("factor", [1, 100])
def test_himmelblau(factor):
    minima, saddles = points(HIMMELBLAU, wide(factor, (-5, -5), (5, 5)))
    known = [(-3.779310, -3.283186), (-2.805118, 3.131313), (3.0, 2.0), (3.584428, -1.848127)]
    np.testing.assert_allclose(minima, known, atol=1e-6)
    assert len(saddles) == 4


@pytest.mark.parametrize("factor", [1, 100])
def test_the_six_humped_camel(factor):
    """Six minima, seven saddles, two maxima; by scipy's root from the known places to six digits."""
    minima, saddles = points(CAMEL, wide(factor, (-2, -1.2), (2, 1.2)))
    known = [
        (-1.703607, 0.796084),
        (-1.607105, -0.568651),
        (-0.089842, 0.712656),
        (0.089842, -0.712656),
        (1.607105, 0.568651),
        (1.703607, -0.796084),
    ]
    np.testing.assert_allclose(minima, known, atol=2e-6)
    assert len(saddles) == 7


@pytest.mark.parametrize("half", [5.0, 300.0])
def test_a_rotated_double_well_of_condition_ten_thousand(half):
    """(u^2 - 1)^2 + 10^4 v^2, turned by 0.7: minima at u = +-1, v = 0."""
    u, v = "(c*x + s*y)", "(c*y - s*x)"
    turned = {"c": float(np.cos(0.7)), "s": float(np.sin(0.7))}
    minima, saddles = points(f"({u}**2 - 1)**2 + 1e4*{v}**2", [(-half, half), (-0.8 * half, 1.3 * half)], **turned)
    np.testing.assert_allclose(minima, np.outer([-1.0, 1.0], [turned["c"], turned["s"]]), atol=1e-9)
    np.testing.assert_allclose(saddles, [[0.0, 0.0]], atol=1e-9)


@pytest.mark.parametrize("box", [(-5.0, 5.0), (-300.0, 200.0)])
def test_tiny_wells_of_a_polynomial_of_eighth_order(box):
    """Slope with the roots -1.5, -1, -0.9999, 0, 0.5, 0.50002, 1.4: wells between grid points."""
    roots = [-1.5, -1.0, -0.9999, 0.0, 0.5, 0.50002, 1.4]
    energy = np.polynomial.Polynomial.fromroots(roots).integ().coef
    minima, tops = points(" + ".join(f"({float(c)!r})*x**{k}" for k, c in enumerate(energy) if k), [box])
    np.testing.assert_allclose(minima[:, 0], roots[::2], atol=1e-6)
    np.testing.assert_allclose(tops[:, 0], roots[1::2], atol=1e-6)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_of_length_and_energy_do_not_matter(unit):
    energy = "e*(((x/u)**2 - 1)**2 + ((y/u) - (x/u)**2)**2 + 10*((z/u) - x*y/u**2)**2)"
    box = [(-5 * unit, 5 * unit)] * 3
    minima, saddles = points(energy, box, u=unit, e=unit**1.5)
    np.testing.assert_allclose(minima, np.array([[-1, 1, -1], [1, 1, 1]]) * unit, rtol=1e-9)
    np.testing.assert_allclose(saddles, [[0, 0, 0]], atol=1e-9 * unit)


def test_a_quartic_bottom_is_a_minimum_and_a_valley_floor_is_none():
    minima, _ = points("(x**2 - 1)**4 + y**2", [(-5, 5), (-5, 5)])
    np.testing.assert_allclose(minima, [[-1, 0], [1, 0]], atol=1e-3)
    for floor in ("(x**2 + y**2 - 1)**2", "(x + y)**2", "0*x + 0*y"):
        assert len(points(floor, [(-5, 5), (-5, 5)])[0]) == 0
