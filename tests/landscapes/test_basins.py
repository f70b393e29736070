"""Basins found on a landscape: minima, saddles, membership by gradient flow and by conditions."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from langevin_sgd.landscapes.basins import NoBasins, find
from langevin_sgd.landscapes.expression import Expression

CUBIC = Expression("x**4/4 - a*x**3/3 - x**2/2 + a*x", ("x",), {"a": 0.3})  # E' = (x^2 - 1)(x - a)
MULLER = Expression("(x**2 - 1)**2 + (y - x**2)**2 + 0.4*x*y", ("x", "y"))
THREE = Expression("sin(x)**2 + 0.02*x**2", ("x",))


def test_a_line_is_cut_at_the_barrier_top() -> None:
    basins = find(CUBIC, regions={}, box=[(-3.0, 3.0)])
    assert basins.labels == ("left", "right")
    np.testing.assert_allclose(basins.minima[:, 0], [-1.0, 1.0], atol=1e-10)
    np.testing.assert_array_equal(basins.membership(np.array([[-5.0, 0.299, 0.301, 9.0]])), [0, 0, 1, 1])
    (saddle,) = basins.saddles
    assert saddle.position[0] == pytest.approx(0.3, abs=1e-10)
    assert (saddle.first, saddle.second) == (0, 1)


def test_three_basins_are_numbered_from_left_to_right() -> None:
    basins = find(THREE, regions={}, box=[(-4.0, 4.0)])
    assert basins.labels == ("basin_1", "basin_2", "basin_3")
    assert basins.lowest_saddle(0, 1) is not None
    assert basins.lowest_saddle(0, 2) is None
    assert find(THREE, regions={}, labels=["a", "b", "c"], box=[(-4.0, 4.0)]).number("b") == 1


@pytest.mark.validate
def test_membership_in_the_plane_is_where_gradient_flow_ends() -> None:
    """Against an adaptive integration of the flow, at 12 points."""
    basins = find(MULLER, regions={}, box=[(-2.0, 2.0), (-2.0, 3.0)])
    assert len(basins.labels) == 2
    at = np.random.default_rng(2).uniform([-1.8, -1.5], [1.8, 2.5], (12, 2))
    got = basins.membership(at.T)
    ends = [
        solve_ivp(lambda _, w: -MULLER.gradient_at(w), (0.0, 100.0), point, method="LSODA").y[:, -1] for point in at
    ]
    true = np.linalg.norm(np.array(ends)[:, None] - basins.minima[None], axis=-1).argmin(axis=1)
    assert (got == true).all()
    assert 0 < true.sum() < 12


def test_given_regions_win() -> None:
    basins = find(CUBIC, regions={"low": "x < 0.5", "high": "x > 0.8"}, box=[(-3.0, 3.0)])
    assert basins.labels == ("low", "high")
    np.testing.assert_array_equal(basins.membership(np.array([[0.4, 0.6, 0.9]])), [0, -1, 1])
    np.testing.assert_allclose(basins.minima[:, 0], [-1.0, 1.0], atol=1e-10)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(NoBasins, match="1 minimum"):
        find(Expression("x**2", ("x",)), regions={}, box=[(-3.0, 3.0)])
    with pytest.raises(NoBasins, match="2 minima and 3 labels"):
        find(CUBIC, regions={}, labels=["a", "b", "c"], box=[(-3.0, 3.0)])
    with pytest.raises(NoBasins, match="up to 2 dimensions"):
        find(Expression("(x**2 - 1)**2 + y**2 + z**2", ("x", "y", "z")), regions={}, box=[(-2.0, 2.0)] * 3)
    with pytest.raises(NoBasins, match='no basin named "up"'):
        find(CUBIC, regions={}, box=[(-3.0, 3.0)]).number("up")
