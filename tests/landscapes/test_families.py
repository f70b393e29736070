"""Ready landscapes: minima, curvatures and barriers are the numbers that were asked for."""

import numpy as np
import pytest

from langevin_sgd.landscapes.basins import find
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.families import Family, nonequilibrium_well, quartic, sharp_flat, two_basin
from langevin_sgd.landscapes.formula import FormulaError


def landscape(family: Family) -> Expression:
    return Expression(family.energy, family.variables, dict(family.parameters), family.force)


def found(family: Family):
    formula = landscape(family)
    return find(formula, regions=family.regions, labels=family.labels, box=[(-4.0, 4.0)] * formula.dimension)


@pytest.mark.parametrize(
    ("dimension", "depth", "ratio", "barrier"),
    [(1, 0.5, 9.0, 1.0), (1, -0.3, 0.2, 1.0), (1, 0.0, 1.0, 2.0), (2, 0.5, 3.0, 1.0), (5, 1.0, 1.5, 1.0)],
)
def test_sharp_flat_is_what_was_asked_for(dimension: int, depth: float, ratio: float, barrier: float) -> None:
    basins = found(sharp_flat(dimension=dimension, depth_difference=depth, curvature_ratio=ratio, barrier=barrier))
    np.testing.assert_allclose(basins.energies, [0.0, depth], atol=1e-10)
    sharp, flat = basins.hessians
    np.testing.assert_allclose(sharp, ratio * flat, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(flat, flat[0, 0] * np.eye(dimension), rtol=1e-8, atol=1e-8)
    (saddle,) = basins.saddles
    assert saddle.energy == pytest.approx(depth + barrier, abs=1e-9)


def test_a_ratio_out_of_reach_is_refused() -> None:
    with pytest.raises(FormulaError, match="no curvature ratio"):
        sharp_flat(dimension=1, depth_difference=0.0, curvature_ratio=1e12, barrier=1.0)


def test_quartic_and_two_basin() -> None:
    wells = found(quartic(dimension=2, barrier=1.5, transverse_curvature=3.0))
    np.testing.assert_allclose(wells.minima, [[-1.0, 0.0], [1.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(wells.hessians, [np.diag([12.0, 3.0])] * 2, rtol=1e-9, atol=1e-9)
    assert wells.saddles[0].energy == pytest.approx(1.5)
    toy = found(two_basin(sharp_curvature=10.0, flat_curvature=2.0))
    assert toy.labels == ("flat", "sharp")
    np.testing.assert_allclose(toy.energies, 0.0, atol=1e-10)
    np.testing.assert_allclose(toy.hessians, [2.0 * np.eye(2), 10.0 * np.eye(2)], rtol=1e-6, atol=1e-6)


def test_the_force_of_the_nonequilibrium_well_keeps_its_density() -> None:
    """div(force exp(-U/theta)) = 0 by central differences, to 1e-6 of the size of its terms."""
    well = landscape(nonequilibrium_well(rotation=1.7, thermal_energy=0.4))
    at = np.random.default_rng(1).uniform(-1.5, 1.5, (2, 50))
    h = 1e-4

    def flux(points: np.ndarray) -> np.ndarray:
        return (well.drift_at(points) + well.gradient_at(points)) * np.exp(-well.energy_at(points) / 0.4)

    steps = h * np.eye(2)[:, :, None]
    parts = [(flux(at + steps[i])[i] - flux(at - steps[i])[i]) / (2 * h) for i in range(2)]
    assert np.abs(parts[0]).max() > 0.1
    assert np.abs(parts[0] + parts[1]).max() < 1e-6
