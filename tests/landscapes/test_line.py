import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.line import Line, embedding_eigenvalues, refined

ALPHAS = [0.5, 1.0, 1.5]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_structure_function_is_the_power_law_at_every_distance(alpha):
    line = Line(alpha, half_width=64, amplitude=1.7, spacing=0.5)
    v = line.potential(11, np.arange(8000))
    low, high = line.valid_range
    assert (low, high) == (0.5, 64.0)
    for lag in (1, 2, 3, 7, 16, 40, 64, 100, 128):
        squared = np.mean((v[:, lag:] - v[:, :-lag]) ** 2, axis=1)  # over base points; disorders are independent
        law = line.structure_function(lag * 0.5)
        assert law == pytest.approx(1.7 * (lag * 0.5) ** alpha)
        error = squared.std() / np.sqrt(len(v))
        # 27 values: a false alarm of one in 5,000 at 4.5 standard errors; a law that is off by a tenth of alpha fails
        assert abs(squared.mean() - law) < 4.5 * error
        assert squared.mean() == pytest.approx(law, rel=0.03 if lag < 40 else 0.07)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_increments_are_gaussian_and_disorders_independent(alpha):
    v = Line(alpha, half_width=40).potential(3, np.arange(20_000))
    far = v[:, -1]
    z = (far**4).mean() / (far**2).mean() ** 2 - 3.0
    assert abs(z) < 4.5 * np.sqrt(24 / len(far))
    for other in (np.roll(far, 1), np.roll(far, 16)):
        assert abs(np.corrcoef(far, other)[0, 1]) < 4.5 / np.sqrt(len(far))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_potential_vanishes_in_the_middle(alpha):
    line = Line(alpha, half_width=7, spacing=0.25)
    v = line.potential(1, [5, 6])
    assert v.shape == (2, line.sites) == (2, 15)
    assert np.all(v[:, 7] == 0)
    assert np.count_nonzero(v) == 28
    np.testing.assert_array_equal(line.positions, 0.25 * np.arange(-7, 8))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_disorder_does_not_depend_on_the_others_or_on_threads(alpha):
    line = Line(alpha, half_width=500)
    v = line.potential(9, np.arange(20), threads=3)
    np.testing.assert_array_equal(line.potential(9, [19, 4], threads=1), v[[19, 4]])
    assert not np.array_equal(line.potential(10, [4])[0], v[4])


def test_wider_box_keeps_the_inner_sites_when_increments_are_independent():
    narrow, wide = (Line(1.0, half_width=n).potential(2, [0, 1]) for n in (5, 40))
    np.testing.assert_array_equal(wide[:, 35:46], narrow)


def test_narrowest_box():
    for alpha in ALPHAS:
        v = Line(alpha, half_width=1).potential(1, np.arange(4000))
        assert v[:, 2].var() == pytest.approx(1.0, abs=0.1)
        assert np.mean((v[:, 2] - v[:, 0]) ** 2) == pytest.approx(2.0**alpha, rel=0.1)


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 0.5, 0.9, 1.1, 1.5, 1.9, 1.99, 1.99999])
@pytest.mark.parametrize("size", [4, 60, 4096, 1 << 20])
def test_embedding_has_no_negative_eigenvalue(alpha, size):
    eigenvalues = embedding_eigenvalues(alpha, size)
    assert eigenvalues.min() > 0  # not even by rounding
    both = 2 * eigenvalues.sum() - eigenvalues[0] - eigenvalues[-1]
    assert both / size == pytest.approx(1.0, rel=1e-12)  # the variance of an increment


@pytest.mark.parametrize("alpha", ALPHAS)
def test_correlation_length_bounds_the_barriers(alpha):
    """The covariance of the potential, up to its value in the middle, at 3 distances: a false alarm in 3,000 runs."""
    line = Line(alpha, half_width=60, amplitude=0.8, spacing=0.5, correlation_length=4.0)
    v = line.potential(5, np.arange(8000))
    assert np.all(v[:, 60] == 0)
    assert line.variance == pytest.approx(0.8 * 4.0**alpha / 2)
    for lag in (1, 8, 110):
        squared = (v[:, lag:] - v[:, :-lag])[:, ::7] ** 2
        r = 0.5 * lag
        law = 0.8 * 4.0**alpha * (1.0 - np.exp(-((r / 4.0) ** alpha)))
        assert line.structure_function(r) == pytest.approx(law)
        each = squared.mean(axis=1)
        assert abs(each.mean() - law) < 4.0 * each.std() / np.sqrt(len(each))
    low, high = line.valid_range
    assert low == 0.5
    assert line.structure_function(high) == pytest.approx(0.97 * 0.8 * high**alpha, rel=1e-9)
    np.testing.assert_array_equal(line.potential(5, [70, 3], threads=1), v[[70, 3]])


def test_squared_increments_are_those_of_the_structure_function():
    line = Line(0.7, half_width=200, amplitude=1.3, spacing=2.0)
    v = line.potential(1, np.arange(2000))
    squared = line.squared_increments(v)
    assert line.distances[0] == 2.0
    assert line.distances[-1] == 800.0
    assert squared[3, 0] == pytest.approx(np.mean(np.diff(v[3])[np.linspace(0, 399, 256).astype(int)] ** 2))
    error = squared.std(axis=0) / np.sqrt(2000)
    # 27 correlated distances: a false alarm in 1,000 runs
    assert (abs(squared.mean(axis=0) - line.structure_function(line.distances)) < 4.2 * error).all()
    np.testing.assert_array_equal(line.squared_increments(v[5:6])[0], squared[5])


def test_refined_potential_is_linear_between_the_sites():
    v = Line(1.0, half_width=3).potential(1, np.arange(2))
    fine = refined(v, 4)
    assert fine.shape == (2, 25)
    np.testing.assert_array_equal(fine[:, ::4], v)
    x = np.arange(25) / 4
    np.testing.assert_allclose(fine[1], np.interp(x, np.arange(7), v[1]), atol=1e-15)
    np.testing.assert_array_equal(refined(v, 1), v)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(alpha=2.0), "ballistic"),
        (dict(alpha=2.5), "ballistic"),
        (dict(alpha=0.0), "alpha = 0"),
        (dict(alpha=-1.0), "alpha = -1"),
        (dict(alpha=float("nan")), "alpha = nan"),
        (dict(alpha="one"), "alpha must be"),
        (dict(amplitude=0.0), "amplitude"),
        (dict(spacing=-1.0), "spacing"),
        (dict(correlation_length=0.5), "the cutoffs are crossed: the correlation_length 0.5"),
        (dict(correlation_length=9.0), "between the spacing 1 and the box of 8"),
        (dict(half_width=0), "half_width must be at least 1"),
        (dict(half_width=2.5), "half_width must be a whole number"),
    ],
)
def test_potentials_that_do_not_exist_are_refused_in_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        Line(**(dict(alpha=1.0, half_width=4) | arguments))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("disorders", [[-1], [1 << 32], [0.5], 3, ["a"]])
def test_disorders_that_are_no_numbers_are_refused(disorders):
    with pytest.raises(UserError, match="disorders"):
        Line(1.0, half_width=4).potential(1, disorders)


def test_seed_out_of_range_is_refused():
    with pytest.raises(UserError, match="seed"):
        Line(1.0, half_width=4).potential(-1, [0])
