"""The master equation against multiprecision, closed forms and its own laws."""

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad, simpson

from langevin_sgd.errors import UserError
from langevin_sgd.integrators import master_equation
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import Line

# barriers of 60 to 95 theta in both directions, single slopes of 60, a plateau, and a smooth small one
STEEP = [
    [0.0, 12.0, 30.0, -5.0, 25.0, 55.0, 20.0, -40.0, 5.0, -10.0],
    [3.0, 63.0, 0.0, 0.0, -60.0, 0.0, 30.0, 1.0, 61.0, 2.0],
    [0.0, 0.3, -0.2, 1.0, 0.4, -0.9, 0.2, 1.3, 0.1, -0.3],
]
ARRAYS = [
    "mean_displacement", "mean_squared_displacement", "total_probability", "boundary_probability", "positions",
    "distribution", "returned",
]  # fmt: skip


def exact(potential, start, times, theta=1.0, h=1.0, digits=150):
    """P(t) = exp(t W) e_start, as float64 (time, site); the norm of t W reaches 1e30."""
    with mpmath.workdps(digits):
        v = [mpmath.mpf(value) for value in potential]
        rate, size = mpmath.mpf(theta) / mpmath.mpf(h) ** 2, len(v)
        w = mpmath.zeros(size)
        for i in range(size):
            for j in {i - 1, i + 1} & set(range(size)):
                z = (v[j] - v[i]) / mpmath.mpf(theta)
                w[j, i] = rate * (z / mpmath.expm1(z) if z else 1)
        for i in range(size):
            w[i, i] = -sum(w[j, i] for j in range(size) if j != i)
        return np.array([[float(p) for p in mpmath.expm(w * mpmath.mpf(t))[:, start]] for t in times])


def averages(distribution, start, h=1.0):
    x = h * (np.arange(distribution.shape[-1]) - start)
    return distribution @ x, distribution @ x**2


def slopes_of(errors):
    return -np.diff(np.log(np.abs(errors)), axis=0) / np.log(2)


@pytest.mark.by_default("potential0")
@pytest.mark.parametrize("potential", STEEP)
def test_agrees_with_multiprecision_out_to_the_tiniest_entries(potential):
    theta, h, start = 0.8, 0.5, 3
    v = theta * np.array(potential)
    times = h**2 / theta * np.exp([-1.0, 1.5, 40.0, 80.0])
    run = evolve(
        v[None], times=times, thermal_energy=theta, spacing=h, start_site=start, steps_per_e_fold=16384,
        linear_time=0.02 * h**2 / theta, distributions=True,
    )  # fmt: skip
    reference = exact(v, start, times, theta, h)
    assert reference.min() < (1e-5 if max(potential) < 2 else 1e-40)
    np.testing.assert_allclose(run.distribution[0], reference, rtol=1e-8)
    mean, square = averages(reference, start, h)
    np.testing.assert_allclose(run.mean_squared_displacement[0], square, rtol=1e-8)
    np.testing.assert_allclose(run.mean_displacement[0], mean, rtol=1e-8)


def test_second_order_in_the_step_growth():
    v, times = np.array(STEEP), np.exp([-1.0, 0.0])
    reference = np.array([exact(row, 3, times) for row in v])
    square = averages(reference, 3)[1]
    errors = []
    for density in (16, 32, 64, 128, 256):
        run = evolve(v, times=times, start_site=3, steps_per_e_fold=density, linear_time=0.02, distributions=True)
        entries = np.abs(run.distribution / reference - 1).max(axis=2)
        errors.append([entries, run.mean_squared_displacement / square - 1])
    np.testing.assert_allclose(slopes_of(errors), 2.0, atol=0.1)


def test_second_order_while_a_deep_well_empties_over_sixty_theta():
    times = np.exp([60.0])
    reference = exact(STEEP[0], 3, times)
    errors = []
    for density in (32, 64, 128, 256):
        run = evolve(
            [STEEP[0]], times=times, start_site=3, steps_per_e_fold=density, linear_time=0.02, distributions=True
        )
        errors.append(np.abs(run.distribution[0] / reference - 1).max())
    np.testing.assert_allclose(slopes_of(errors), 2.0, atol=0.1)


@pytest.mark.parametrize("ln_t", [40.0, 80.0])
def test_probability_is_conserved_over_the_whole_run(ln_t):
    v = Line(1.0, half_width=2000).potential(1, np.arange(18))
    times = np.exp(np.arange(1.0, ln_t + 1))
    run = evolve(v, times=times, steps_per_e_fold=16)
    np.testing.assert_allclose(run.total_probability, 1.0, rtol=0, atol=1e-12)
    # what was put back is rounding, 1e-14 a step, and no leak
    assert run.returned.max() < 1e-10
    assert run.steps == pytest.approx(16 * (ln_t + np.log(2)), abs=len(times))


@pytest.mark.parametrize("density", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("barrier", [60.0, 100.0, 250.0])
def test_entries_stay_positive_at_any_step(density, barrier):
    hill = np.array([0.0, 0.5, 1.0, 0.5, 0.2, 0.4, 0.0, 0.3, -0.2, -1.0])
    v = np.array([barrier * hill, -barrier * hill, *STEEP])
    times = np.exp(np.arange(-3.0, 2 * barrier, 1.0))
    run = evolve(v, times=times, start_site=2, steps_per_e_fold=density, distributions=True)
    assert np.isfinite(run.distribution).all()
    assert np.all(run.distribution > 0)
    np.testing.assert_allclose(run.total_probability, 1.0, rtol=0, atol=1e-12)


def test_limiter_acts_where_the_linear_scheme_goes_negative():
    v, times = np.array([0.0, 3.0, -60.0]), np.geomspace(1.0, 1e4, 37)
    run = evolve(v[None], times=times, start_site=0, steps_per_e_fold=1, linear_time=0.5, distributions=True)
    rates = np.array([3 / np.expm1(3), -3 / np.expm1(-3), 63.0])
    w = np.array([[-rates[0], rates[1], 0], [rates[0], -rates[1] - rates[2], 0], [0, rates[2], 0]])
    p, lowest, before, gamma = np.array([1.0, 0, 0]), 0.0, 0.0, 1 - np.sqrt(0.5)
    for t in times:  # plain SDIRK2 on the same grid, steps of a third of the time
        inverse = np.linalg.inv(np.eye(3) - gamma * (t - before) * w)
        p, before = inverse @ (p + (1 - gamma) * (t - before) * w @ (inverse @ p)), t
        lowest = min(lowest, p.min())
    assert lowest < -1e-8
    assert run.distribution.min() > 0
    assert run.returned[0] > 1e-8
    assert run.distribution[0, -1, 2] == pytest.approx(1.0, abs=1e-12)


def test_limiter_stays_out_of_a_random_potential_at_sixteen_steps():
    v = Line(1.5, half_width=300).potential(4, np.arange(32))
    times = np.exp(np.arange(0.0, 21.0))
    coarse, fine = (evolve(v, times=times, steps_per_e_fold=density) for density in (16, 128))
    assert coarse.returned.max() < 1e-11
    # measured: 3.0e-4 at worst
    np.testing.assert_allclose(coarse.mean_squared_displacement, fine.mean_squared_displacement, rtol=5e-4)


def test_free_diffusion_spreads_as_twice_theta_t():
    times = np.array([1e-3, 0.1, 0.5, 1.0, 7.0])
    run = evolve(np.zeros((1, 2001)), times=times, thermal_energy=0.7, spacing=0.05)
    np.testing.assert_allclose(run.mean_squared_displacement[0], 2 * 0.7 * times, rtol=1e-11)
    np.testing.assert_allclose(run.mean_displacement[0], 0.0, atol=1e-11)


@pytest.mark.parametrize("theta", [0.3, 2.0])
def test_relaxes_to_the_law_of_boltzmann_on_any_lattice(theta):
    x = np.linspace(-2, 2, 41)
    v = (x**2 - 1) ** 2 + 0.2 * x
    run = evolve(v[None], times=[1e9], thermal_energy=theta, spacing=x[1] - x[0], distributions=True)
    law = np.exp(-v / theta)
    np.testing.assert_allclose(run.distribution[0, 0], law / law.sum(), rtol=1e-11)


def test_converges_to_the_ornstein_uhlenbeck_process_at_second_order():
    theta, k, times, start = 0.5, 1.0, np.array([0.3, 1.0, 2.5]), 1.0
    mean = start * np.exp(-k * times)
    square = theta / k * (1 - np.exp(-2 * k * times)) + (mean - start) ** 2
    errors = []
    for cells in (4, 8, 16, 32):
        x = np.arange(-8 * cells, 8 * cells + 1) / cells
        run = evolve(
            k * x[None] ** 2 / 2, times=times, thermal_energy=theta, spacing=1 / cells, start_site=9 * cells,
            steps_per_e_fold=600, linear_time=0.05,
        )  # fmt: skip
        errors.append([run.mean_displacement[0] - (mean - start), run.mean_squared_displacement[0] - square])
    for error in np.array(errors).reshape(4, -1).T:
        np.testing.assert_allclose(slopes_of(error), 2.0, atol=0.1)


def test_mean_time_to_leave_a_well_converges_at_second_order():
    theta, edge = 0.5, 1.5
    inner = lambda y: quad(lambda z: np.exp(-(z**2) / theta), 0, y)[0]  # noqa: E731
    law = quad(lambda y: np.exp(y**2 / theta) * inner(y), 0, edge)[0] / theta
    errors = []
    for cells in (8, 16, 32):
        x = np.arange(-edge * cells, edge * cells + 1) / cells
        times = np.geomspace(1e-3, 20 * law, 3000)
        run = evolve(
            x[None] ** 2, times=times, thermal_energy=theta, spacing=1 / cells, ends="absorbing", linear_time=1e-3,
            steps_per_e_fold=200,
        )  # fmt: skip
        np.testing.assert_allclose(run.total_probability, 1.0, rtol=0, atol=1e-12)
        inside = 1 - run.boundary_probability[0]
        errors.append(times[0] + simpson(inside * times, x=np.log(times)) - law)
    np.testing.assert_allclose(slopes_of(errors), 2.0, atol=0.1)
    assert abs(errors[-1]) < 2e-3 * law


def test_restart_from_every_site_composes_to_the_longer_run():
    v, h = Line(1.0, half_width=6).potential(8, [0])[0], 0.5
    first, second = 2.0, 30.0
    whole = evolve(v[None], times=[first, first + second], spacing=h, steps_per_e_fold=2000, distributions=True)
    again = evolve(
        np.tile(v, (v.size, 1)), times=[second], spacing=h, start_site=np.arange(v.size), steps_per_e_fold=2000,
        distributions=True,
    )  # fmt: skip
    np.testing.assert_allclose(whole.distribution[0, 0] @ again.distribution[:, 0], whole.distribution[0, 1], rtol=1e-6)
    np.testing.assert_array_equal(again.start_site, np.arange(v.size))


def test_averages_are_those_of_the_distribution():
    v = Line(0.5, half_width=20).potential(1, np.arange(5))
    start = np.array([20, 3, 7, 0, 40])
    run = evolve(v, times=[1.0, 50.0], spacing=0.5, start_site=start, boundary_sites=3, distributions=True)
    for row in range(5):
        mean, square = averages(run.distribution[row], start[row], 0.5)
        np.testing.assert_allclose(run.mean_displacement[row], mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(run.mean_squared_displacement[row], square, rtol=1e-12)
    edges = run.distribution[..., :3].sum(-1) + run.distribution[..., -3:].sum(-1)
    np.testing.assert_allclose(run.boundary_probability, edges, rtol=1e-12)


def test_bits_depend_on_nothing_but_the_disorder(monkeypatch):
    v = Line(1.0, half_width=60).potential(1, np.arange(37))
    start = np.arange(37) + 40
    common = dict(times=np.exp([1.0, 4.0, 30.0]), draws=3, seed=5, distributions=True)
    whole = evolve(v, start_site=start, threads=2, **common)
    some = np.array([36, 3, 17])
    part = evolve(v[some], start_site=start[some], disorders=some, threads=1, **common)
    monkeypatch.setattr(master_equation, "lanes_for", lambda sites: 8)
    narrow = evolve(v, start_site=start, threads=1, **common)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[some])
        np.testing.assert_array_equal(getattr(narrow, name), getattr(whole, name))


def test_draws_follow_the_distribution():
    v = np.tile([0.0, 0.5, -1.0, 0.7, 0.2], (40_000, 1))
    run = evolve(v, times=[0.4, 3.0], draws=2, seed=2, distributions=True)
    assert run.positions.shape == (40_000, 2, 2)
    for time in range(2):
        law = run.distribution[0, time]
        drawn = run.positions[:, :, time].ravel()
        frequency = np.bincount(drawn, minlength=5) / drawn.size
        # ten values: a false alarm of one in 15,000 at 4.5 standard errors
        assert np.all(np.abs(frequency - law) < 4.5 * np.sqrt(law * (1 - law) / drawn.size))
    x = run.positions - run.positions.mean(0)
    for a, b in ((x[:, 0, 0], x[:, 1, 0]), (x[:, 0, 0], x[:, 0, 1]), (x[1:, 0, 0], x[:-1, 0, 0])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / np.sqrt(40_000)


def test_draws_of_another_run_number_are_new_and_the_old_ones_stay():
    v = np.zeros((200, 41))
    run = lambda **more: evolve(v, times=[30.0, 60.0], seed=2, **more).positions  # noqa: E731
    first = run(draws=1)
    np.testing.assert_array_equal(run(draws=5)[:, :1], first)
    second = run(draws=1, run_number=1)
    assert np.mean(first == second) < 0.2
    mixed = run(draws=1, run_number=np.arange(200) % 2)
    np.testing.assert_array_equal(mixed[::2], first[::2])
    np.testing.assert_array_equal(mixed[1::2], second[1::2])


def test_times_are_hit_exactly_however_close():
    # <x^2> = 2 theta t at every time, so a time that was missed by a step would show
    times = np.sort(np.concatenate([np.geomspace(1e-3, 20, 57), [3.0, 3.0 + 1e-9, 3.1]]))
    run = evolve(np.zeros((1, 401)), times=times, steps_per_e_fold=3)
    np.testing.assert_allclose(run.mean_squared_displacement[0], 2 * times, rtol=1e-12)


def test_lengths_of_the_steps_add_up_to_the_times():
    times = np.exp(np.array([-3.0, 1.0, 1.001, 33.3, 80.0]))
    steps, record = master_equation._steps(times, 0.5, 7.0)
    ends = np.flatnonzero(record >= 0)
    np.testing.assert_array_equal(record[ends], np.arange(5))
    np.testing.assert_allclose([math.fsum(steps[:end]) for end in ends], times, rtol=1e-15)
    assert np.all(steps > 0)
    clock = np.log1p(np.concatenate([[0.0], np.cumsum(steps)]) / 0.5)
    assert np.diff(clock).max() < 1 / 7 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(potential=[0.0, 1.0]), "shape"),
        (dict(potential=[[0.0]]), "two sites"),
        (dict(potential=[[0.0, np.nan, 1.0]]), "not finite"),
        (dict(times=[]), "times"),
        (dict(times=[0.0, 1.0]), "positive and ascending"),
        (dict(times=[2.0, 1.0]), "positive and ascending"),
        (dict(times=[1.0, np.inf]), "times"),
        (dict(thermal_energy=0.0), "thermal energy"),
        (dict(spacing=-1.0), "spacing"),
        (dict(steps_per_e_fold=0), "steps_per_e_fold"),
        (dict(linear_time=np.nan), "linear_time"),
        (dict(start_site=3), "start_site"),
        (dict(start_site=[0, 1]), "start_site"),
        (dict(start_site=0.5), "start_site"),
        (dict(ends="open"), "unknown ends"),
        (dict(boundary_sites=2), "boundary_sites"),
        (dict(draws=-1), "draws"),
        (dict(seed=-1), "seed"),
        (dict(disorders=[1, 2]), "disorders"),
        (dict(run_number=1 << 24), "run_number"),
        (dict(threads=0), "threads"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        evolve(**(dict(potential=[[0.0, 1.0, 0.0]], times=[1.0]) | arguments))
    assert "\n" not in str(caught.value)
