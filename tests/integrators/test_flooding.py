import itertools
import math

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.flooding import flood, flood_disorders
from langevin_sgd.landscapes.grid import Grid
from langevin_sgd.landscapes.line import Line

# a random walk sampled at unit steps overshoots a barrier by 2 x 0.5826 standard deviations of a step, at both its
# ends (Siegmund 1985): as if Gamma were larger by that much
OVERSHOOT = 2 * 0.5826


def _around(site, shape):
    for axis, step in itertools.product(range(len(shape)), (-1, 1)):
        after = (*site[:axis], site[axis] + step, *site[axis + 1 :])
        if 0 <= after[axis] < shape[axis]:
            yield after


def _on_edge(site, shape):
    return any(at in (0, n - 1) for at, n in zip(site, shape, strict=True))


def _enumerated(potential, here):
    """Heights, highest first, and end of every path that visits no site twice."""
    waiting = [(here,)]
    while waiting:
        path = waiting.pop()
        if len(path) > 1:
            yield sorted((potential[site] for site in path[1:]), reverse=True), path[-1]
        waiting += [(*path, site) for site in _around(path[-1], potential.shape) if site not in path]


def _relaxed(potential, here):
    """The same of the best path to every site: better ones are put in place of worse ones until there are none."""
    best, changed = {here: []}, [here]
    while changed:
        at = changed.pop(0)
        for site in _around(at, potential.shape):
            heights = sorted([*best[at], potential[site]], reverse=True)
            if site not in best or heights < best[site]:
                best[site] = heights
                changed.append(site)
    return ((heights, site) for site, heights in best.items() if site != here)


def _history(potential, here, paths):
    """Moves by definition: of all paths to a lower site or to the edge, the one whose highest site is lowest, then its
    second highest, and so on. Returns [(Gamma, site)] and the Gamma at which the edge is met."""
    gamma, moves = 0.0, [(0.0, here)]
    while True:
        heights, end = min(
            (heights, end)
            for heights, end in paths(potential, here)
            if potential[end] < potential[here] or _on_edge(end, potential.shape)
        )
        barrier = max(heights[0], potential[here]) - potential[here]
        if _on_edge(end, potential.shape):
            return moves, max(gamma, barrier)
        here = end
        if barrier > gamma:
            gamma = barrier
            moves.append((gamma, here))
        else:
            moves[-1] = (gamma, here)


@pytest.mark.parametrize(
    ("shape", "count", "paths"),
    [((9,), 100, _enumerated), ((4, 4), 40, _enumerated), ((41,), 40, _relaxed), ((9, 8), 30, _relaxed),
     ((4, 5, 4), 20, _relaxed)],
)  # fmt: skip
def test_history_is_the_one_by_definition(shape, count, paths):
    inside = (slice(None), *(slice(1, -1) for _ in shape))
    potential = 2.0 + np.random.default_rng(0).normal(size=(count, *shape))
    potential[inside] -= 2.0  # a rim, so that walkers move more often before they meet the edge
    found = flood(potential)
    moves = 0
    for one in range(count):
        expected, known_to = _history(potential[one], tuple(n // 2 for n in shape), paths)
        here = slice(found.first[one], found.first[one + 1])
        assert list(map(tuple, found.site[here])) == [site for _, site in expected]
        np.testing.assert_allclose(found.gamma[here], [gamma for gamma, _ in expected], rtol=1e-12)
        assert found.known_to[one] == pytest.approx(known_to, rel=1e-12)
        moves += len(expected)
    assert found.reached_edge.all()
    assert moves > count


def test_walker_follows_the_lowest_barrier_to_the_next_lower_minimum():
    #                       0    1    2    3    4    5    6    7    8    9   10   11   12
    potential = np.array([[9.0, 9.0, -5.0, 4.0, 0.0, 1.0, -1.0, 2.5, 1.0, 3.0, -2.0, 9.0, 9.0]])
    found = flood(potential, spacing=0.5, start=[5])
    # downhill to 6; over 3 (4.0) from there to 10, since the way to 2 costs 5; then over 4 to 2, from -2 up to 4
    np.testing.assert_array_equal(found.gamma, [0, 4, 6])
    np.testing.assert_array_equal(found.site[:, 0], [6, 10, 2])
    assert found.known_to == [14.0]
    gammas = [0.0, 4.0, 4.001, 6.0, 6.001, 14.0, 14.001]
    np.testing.assert_array_equal(found.position(gammas)[0, :, 0], [6, 6, 10, 10, 2, 2, 2])
    np.testing.assert_array_equal(found.censored(gammas)[0], [False] * 6 + [True])
    np.testing.assert_allclose(found.displacement(gammas)[0, :, 0], 0.5 * np.array([1, 1, 5, 5, -3, -3, -3]))


def test_water_that_rises_again_pays_the_saddle_it_came_over():
    # from the top at 4 down to 3; back over the top costs 3, though the side at 5 and 6 lies lower than the ridge at 2
    potential = np.array([[9.0, 9.0, 2.5, 0.0, 3.0, 0.5, -1.0, 9.0, 9.0]])
    found = flood(potential)
    np.testing.assert_array_equal(found.gamma, [0, 3])
    np.testing.assert_array_equal(found.site[:, 0], [3, 6])


@pytest.fixture(scope="module")
def sinai():
    """10,000 walkers in Sinai's potential, s = 1, up to Gamma = 20."""
    line = Line(1.0, half_width=4000)
    return flood_disorders(line, 1, np.arange(10_000), largest_gamma=20.0)


@pytest.mark.parametrize("gamma", [5.0, 10.0, 20.0])
def test_mean_square_in_sinais_potential_is_golosovs(sinai, gamma):
    assert sinai.censored([gamma]).mean() == 0.0
    squared = sinai.displacement([gamma])[:, 0, 0] ** 2 / (gamma + OVERSHOOT) ** 4
    error = squared.std(ddof=1) / 100.0
    assert error < 0.03 * 61 / 45
    # three standard errors: a false alarm once in 370
    assert abs(squared.mean() - 61 / 45) < 3 * error


def test_bare_mean_square_approaches_golosovs_as_gamma_grows(sinai):
    gamma = np.array([2.5, 5.0, 10.0, 20.0])
    ratio = (sinai.displacement(gamma)[..., 0] ** 2).mean(axis=0) / gamma**4 / (61 / 45)
    assert (np.diff(ratio) < 0).all()
    assert 1.15 < ratio[-1] < 1.4


def _kesten_golosov(xi):
    """Cumulative probability of the density (2/pi) sum (-1)^k/(2k+1) exp(-(2k+1)^2 pi^2 |xi|/8)."""
    odd = 2 * np.arange(80)[:, None] + 1
    tail = (16 / math.pi**3 * (-1.0) ** (odd // 2) / odd**3 * np.exp(-(odd**2) * math.pi**2 * abs(xi) / 8)).sum(axis=0)
    return np.where(xi > 0, 1 - tail, tail)


def test_positions_in_sinais_potential_have_the_kesten_golosov_law(sinai):
    xi = np.sort(sinai.displacement([20.0])[:, 0, 0] / (20.0 + OVERSHOOT) ** 2)
    law = _kesten_golosov(xi)
    edges = np.arange(xi.size + 1) / xi.size
    distance = max(abs(law - edges[:-1]).max(), abs(law - edges[1:]).max())
    # Kolmogorov's law: 1.95/sqrt(n) is passed once in 1000
    assert distance < 1.95 / 100.0
    ratio = abs(xi).mean() / math.sqrt((xi**2).mean())
    assert ratio == pytest.approx((5 / 6) / math.sqrt(61 / 45), rel=0.02)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_history_scales_with_the_potential_and_the_length(dimension):
    potential = np.random.default_rng(3).normal(size=(5, *(17,) * dimension))
    one, other = flood(potential), flood(4.0 * potential, spacing=2.0)
    np.testing.assert_allclose(other.gamma, 4.0 * one.gamma, rtol=1e-12)
    np.testing.assert_allclose(other.displacement([1.0]), 2.0 * one.displacement([0.25]))


def test_axes_of_the_grid_are_equal():
    potential = np.random.default_rng(4).normal(size=(20, 7, 9, 11))
    one, other = flood(potential), flood(np.ascontiguousarray(potential.transpose(0, 3, 1, 2)))
    np.testing.assert_array_equal(other.site, one.site[:, [2, 0, 1]])
    np.testing.assert_array_equal(other.known_to, one.known_to)


@pytest.mark.parametrize(
    ("dimension", "sites", "disorders"), [(2, 128, 300), pytest.param(3, 32, 150, marks=pytest.mark.validate)]
)
def test_walkers_go_further_round_barriers_than_over_them(dimension, sites, disorders):
    walk = flood_disorders(Grid(dimension, 1.0, sites=sites), 1, np.arange(disorders), largest_gamma=1.0)
    line = flood_disorders(Line(1.0, half_width=200), 1, np.arange(2000), largest_gamma=1.0)
    walk.check_box(1.0, most_censored=0.03)
    spread = [(w.displacement([1.0]) ** 2).sum(axis=-1).mean() for w in (walk, line)]
    assert spread[0] > 1.5 * spread[1]


@pytest.mark.validate
def test_local_exponent_in_the_plane_rises_towards_four_over_alpha():
    walk = flood_disorders(Grid(2, 1.0, sites=512), 1, np.arange(400))
    gamma = np.array([0.5, 1.0, 2.0, 4.0])
    walk.check_box(4.0)
    squared = (walk.displacement(gamma) ** 2).sum(axis=-1)
    exponents = np.diff(np.log(squared.mean(axis=0))) / math.log(2.0)
    assert (np.diff(exponents) > 0).all()
    assert 2.6 < exponents[-1] < 4.0


def test_result_does_not_depend_on_threads_or_other_disorders():
    grid = Grid(2, 1.0, sites=40)
    all_at_once = flood(grid.potential(2, np.arange(9)), threads=1)
    for walk in (flood(grid.potential(2, np.arange(9)), threads=3), flood_disorders(grid, 2, range(9), threads=2)):
        for name in ("gamma", "site", "first", "known_to", "reached_edge"):
            assert np.array_equal(getattr(walk, name), getattr(all_at_once, name))
    alone = flood_disorders(grid, 2, [6])
    assert np.array_equal(alone.site, all_at_once.site[all_at_once.first[6] : all_at_once.first[7]])


def test_a_lower_limit_of_the_water_keeps_what_came_before():
    potential = np.cumsum(np.random.default_rng(5).normal(size=(50, 801)), axis=1)
    whole, part = flood(potential), flood(potential, largest_gamma=6.0)
    gamma = np.linspace(0.0, 6.0, 13)
    np.testing.assert_array_equal(part.position(gamma), whole.position(gamma))
    np.testing.assert_array_equal(part.censored(gamma), whole.censored(gamma))
    assert (part.known_to[~part.reached_edge] == 6.0).all()
    with pytest.raises(UserError, match="between 0 and 6"):
        part.position([7.0])


def test_a_smaller_box_is_censored_before_it_differs():
    wide = np.cumsum(np.random.default_rng(6).normal(size=(200, 401)), axis=1)
    whole, cut = flood(wide), flood(np.ascontiguousarray(wide[:, 150:251]))
    gamma = np.linspace(0.0, 12.0, 49)
    known = ~cut.censored(gamma)
    np.testing.assert_allclose(cut.displacement(gamma)[known], whole.displacement(gamma)[known])
    assert 0.2 < known.mean() < 0.9
    assert not np.array_equal(cut.displacement(gamma), whole.displacement(gamma))
    cut.check_box(0.5, most_censored=0.05)
    with pytest.raises(
        UserError, match=r"box is smaller than the walk: at Gamma = 12 .* of 101 sites; take more sites"
    ):
        cut.check_box(12.0)


def test_gamma_named_for_a_box_too_small_is_one_that_passes():
    walk = flood(np.cumsum(np.random.default_rng(6).normal(size=(200, 101)), axis=1))
    with pytest.raises(UserError) as refused:
        walk.check_box(12.0, most_censored=0.25)
    walk.check_box(float(str(refused.value).rsplit("= ", 1)[1]), most_censored=0.25)


def test_dataset_has_the_names_that_checks_read():
    walk = flood(np.cumsum(np.random.default_rng(7).normal(size=(30, 401)), axis=1), spacing=0.5)
    data = walk.dataset([2.0, 5.0, 40.0], thermal_energy=0.5)
    assert data.squared_displacement.dims == data.censored.dims == ("disorder", "time")
    np.testing.assert_allclose(data.time, np.exp([2.0, 5.0, 40.0]))
    np.testing.assert_allclose(data.squared_displacement[:, 1], walk.displacement([2.5])[:, 0, 0] ** 2)
    assert data.censored[:, 2].mean() > 0.3
    assert not data.censored[:, 0].any()


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((1, 9), {"start": [0]}, "not inside a box of 9 sites"),
        ((1, 2, 2), {}, "not inside a box of 2 x 2 sites"),
        ((1, 9), {"start": [4, 4]}, "not inside a box"),
        ((9,), {}, "potentials are floats"),
        ((1, 9), {"largest_gamma": -1.0}, "largest_gamma must be positive"),
    ],
)
def test_walks_that_cannot_start_are_refused_in_one_line(shape, arguments, message):
    with pytest.raises(UserError, match=message) as refused:
        flood(np.zeros(shape), **arguments)
    assert "\n" not in str(refused.value)


def test_potentials_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        flood(np.array([[0.0, np.nan, 0.0]]))
