import itertools
import math

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes import grid as module
from langevin_sgd.landscapes.grid import Grid


def _covariance(grid, monkeypatch):
    """E[V V^T] without sampling: V is linear in its normals, so it is the sum over the normals of the squared map."""
    shapes = []

    def recorded(seed, *, trajectories, steps, components, stream):
        shapes.append((len(steps), len(trajectories), components))
        return np.zeros(shapes[-1])

    monkeypatch.setattr(module, "normals", recorded)
    grid.potential(0, [0])
    sizes = [math.prod(shape) for shape in shapes]
    total = np.zeros((math.prod(grid.shape),) * 2)
    for one in range(sum(sizes)):
        pieces = iter(np.split(np.eye(1, sum(sizes), one)[0], np.cumsum(sizes)[:-1]))
        drawn = [np.ascontiguousarray(piece).reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        given = iter(drawn)
        monkeypatch.setattr(module, "normals", lambda *args, given=given, **kwargs: next(given))
        row = grid.potential(0, [0]).reshape(-1)
        total += np.outer(row, row)
    return total


@pytest.mark.parametrize(
    ("dimension", "sites", "alpha"),
    [(2, 4, 0.5), (2, 4, 1.0), (2, 4, 1.5), (2, 4, 1.9), (3, 2, 0.5), (3, 2, 1.0), (3, 2, 1.5), (3, 2, 1.9)],
)
def test_structure_function_is_exact_between_all_pairs_of_sites(dimension, sites, alpha, monkeypatch):
    grid = Grid(dimension, alpha, amplitude=2.0, sites=sites, spacing=0.5)
    covariance = _covariance(grid, monkeypatch)
    variance = np.diagonal(covariance)
    sites_at = 0.5 * np.array(list(itertools.product(range(sites), repeat=dimension)))
    distance = np.linalg.norm(sites_at[:, None] - sites_at, axis=-1)
    np.testing.assert_allclose(variance[:, None] + variance - 2 * covariance, 2.0 * distance**alpha, atol=1e-12)
    assert variance[np.ravel_multi_index(grid.middle, grid.shape)] == 0.0


@pytest.mark.covering
@pytest.mark.parametrize(("dimension", "sites", "disorders", "longest"), [(2, 13, 4000, 10.0), (3, 6, 4000, 5.0)])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_measured_structure_function_is_the_target_over_the_window(dimension, sites, disorders, longest, alpha):
    grid = Grid(dimension, alpha, amplitude=3.0, sites=sites, spacing=2.0)
    assert grid.valid_range == pytest.approx((2.0, 2.0 * (sites - 1) * math.sqrt(dimension)))
    window = grid.distances <= 2.0 * longest
    squared = grid.squared_increments(grid.potential(5, np.arange(disorders)))[:, window]
    law = 3.0 * grid.distances[window] ** alpha
    np.testing.assert_allclose(grid.structure_function(grid.distances[window]), law)
    ratio, error = squared.mean(axis=0) / law, squared.std(axis=0) / np.sqrt(disorders) / law
    assert grid.distances[window].max() / grid.distances.min() == longest
    assert error.max() < 0.021
    assert abs(ratio - 1).max() < 0.03
    # four standard errors at every distance: a false alarm once in 1000 tests
    assert (abs(ratio - 1) / error).max() < 4.0


def test_axes_and_diagonals_are_measured_at_their_own_distances():
    potential = np.zeros((1, 3, 3))
    potential[0] = 3.0 * np.arange(3)[:, None] + np.arange(3)
    grid = Grid(2, 1.0, sites=3)
    np.testing.assert_allclose(grid.distances, [1, math.sqrt(2), 2, 2 * math.sqrt(2)])
    np.testing.assert_allclose(grid.squared_increments(potential), [[(9 + 1) / 2, 16, (36 + 4) / 2, 64]])


@pytest.mark.parametrize(("dimension", "sites"), [(2, 200), (3, 24)])
@pytest.mark.parametrize("alpha", [0.02, 0.7, 1.0, 1.001, 1.3, 1.5, 1.501, 1.8, 1.99])
def test_embedding_exists_at_every_alpha(dimension, sites, alpha):
    assert np.isfinite(Grid(dimension, alpha, sites=sites).potential(0, [0])).all()


def test_too_short_a_period_is_noticed(monkeypatch):
    monkeypatch.setattr(Grid, "reach", 1.0)
    with pytest.raises(ArithmeticError, match="negative"):
        Grid(3, 1.8, sites=8).potential(0, [0])


def test_disorder_depends_on_seed_and_number_alone(monkeypatch):
    grid = Grid(3, 1.2, sites=5)
    alone = grid.potential(4, [7])
    among = grid.potential(4, [2, 7, 9])
    assert np.array_equal(among[1], alone[0])
    curved = np.diff(among, n=2, axis=1)  # without the plane, which has random numbers of its own
    assert not np.allclose(curved[0], curved[1])
    assert not np.allclose(grid.potential(5, [7]), alone)
    monkeypatch.setattr(module, "_NORMALS_AT_ONCE", 1)
    assert np.array_equal(grid.potential(4, [7]), alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 2.0}, "random constant force.*ballistic"),
        ({"alpha": 2.5}, "no barriers"),
        ({"alpha": 0.0}, "no barriers that grow"),
        ({"alpha": math.nan}, "0 < alpha < 2"),
        ({"dimension": 4}, "take Line for one and Fourier for more"),
        ({"amplitude": 0.0}, "amplitude must be a positive number"),
        ({"spacing": -1.0}, "spacing must be a positive number"),
        ({"sites": 1}, "sites must be at least 2"),
        ({"sites": 2.5}, "sites must be a whole number"),
    ],
)
def test_fields_that_do_not_exist_are_refused_in_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as refused:
        Grid(**({"dimension": 2, "alpha": 1.0} | arguments))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("seed", "disorders"), [(-1, [0]), (0, [-1]), (0, [1 << 32]), (0, [0.5]), (0, 3), (0, [])])
def test_numbers_that_name_no_disorder_are_refused(seed, disorders):
    with pytest.raises(UserError, match=r"seed|disorders"):
        Grid(2, 1.0, sites=4).potential(seed, disorders)
