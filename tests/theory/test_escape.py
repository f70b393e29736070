"""Mean first-passage times by hand, by asymptotics with the known correction, and on a line against the plane."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.theory import escape as theory


def slope(x):
    return 4.0 * x * (x**2 - 1.0)


def flat(x):
    return 0.0 * x


def grid(reach, cells):
    return np.linspace(-reach, reach, cells + 1)


def test_free_diffusion_and_constant_force_by_hand():
    """(L^2 - x^2)/(2 D); with a force f: (L - x)/f - (D/f^2) (exp(-f x/D) - exp(-f L/D))."""
    assert theory.mean_first_passage_time_1d(flat, 0.3, 0.5, 2.0, 0.0) == pytest.approx((4 - 0.25) / 0.6, rel=1e-12)
    f, d = -1.7, 0.4
    exact = (2.0 - 0.5) / f - d / f**2 * (np.exp(-f * 0.5 / d) - np.exp(-f * 2.0 / d))
    found = theory.mean_first_passage_time_1d(lambda x: -f + 0 * x, d, 0.5, 2.0, 0.0)
    assert found == pytest.approx(exact, rel=1e-10)
    assert theory.mean_first_passage_time_1d(lambda x: f + 0 * x, d, -0.5, -2.0, 0.0) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("interpretation", "exact"),
    [
        ("ito", lambda x, b: b - x - np.log((1 + b) / (1 + x))),
        ("stratonovich", lambda x, b: (np.log(1 + b) ** 2 - np.log(1 + x) ** 2) / 2),
    ],
)
def test_noise_that_grows_by_hand(interpretation, exact):
    """E' = 0, D = (1 + x)^2, a wall at 0."""
    found = theory.mean_first_passage_time_1d(
        flat, lambda x: (1 + x) ** 2, 0.5, 3.0, 0.0, interpretation=interpretation
    )
    assert found == pytest.approx(exact(0.5, 3.0), rel=1e-10)


@pytest.mark.parametrize(("barrier", "ratio"), [(5, 1.107), (10, 1.043), (20, 1.020)])
def test_kramers_on_the_quartic_double_well(barrier, ratio):
    exact = theory.mean_first_passage_time_1d(slope, 1 / barrier, -1.0, 1.0, -4.0)
    assert exact / theory.kramers_time(8.0, -4.0, 1.0, 1 / barrier) == pytest.approx(ratio, abs=0.0006)


def test_deviation_from_kramers_falls_as_theta():
    deviations = [
        theory.mean_first_passage_time_1d(slope, theta, -1.0, 1.0, -4.0) / theory.kramers_time(8.0, -4.0, 1.0, theta)
        - 1
        for theta in (0.04, 0.02, 0.01)
    ]
    np.testing.assert_allclose(np.divide(deviations[:-1], deviations[1:]), 2.0, atol=0.1)


def test_first_entry_takes_twice_the_time_to_the_saddle():
    saddle, core = (theory.mean_first_passage_time_1d(slope, 0.04, -1.0, end, -4.0) for end in (0.0, 1.0))
    assert core / saddle == pytest.approx(2.0, abs=0.02)


def test_finite_volumes_on_a_line_to_fourth_order():
    """With position-dependent noise; the target begins at the midpoint of a cell, where the volumes have it."""

    def noise(x):
        return 0.15 * (1.0 + 0.5 * x**2)

    exact = theory.mean_first_passage_time_1d(slope, noise, -1.0, 0.7, -2.6)
    errors = []
    for width in (0.1, 0.05):
        edges = 0.7 + width * (np.arange(-3.3 / width, 1.2 / width) + 0.5)
        times = theory.mean_first_passage_time(
            lambda x: -slope(x), lambda x: noise(x[0]), [edges], lambda x: x[0] > 0.7 - 1e-9
        )
        errors.append(times.at(-1.0) / exact - 1.0)
    assert abs(errors[1]) < 1e-5
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.4)


def double_well(w):
    return -np.stack([slope(w[0]), 6.0 * w[1]])


@pytest.mark.parametrize("noise", [np.diag([0.2, 0.2]), np.diag([0.3, 0.1]), np.diag([0.1, 0.3])])
def test_a_plane_that_separates_is_a_line(noise):
    """E = (x^2 - 1)^2 + 3 y^2: with diagonal noise the time to the target is the line's, whatever y does."""
    edges = [np.linspace(-2.4, 2.4, 121), np.linspace(-2.0, 2.0, 41)]
    found = theory.mean_first_passage_time(double_well, noise, edges, lambda w: w[0] > 0.67).at([-1.0, 0.1])
    exact = theory.mean_first_passage_time_1d(slope, noise[0, 0], -1.0, edges[0][77:79].mean(), -2.4)
    assert found == pytest.approx(exact, rel=2e-4)


def test_turning_the_plane_changes_nothing():
    """The same landscape and noise by 30 degrees: full noise, wide jumps, a target with a ragged edge."""
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    noise = np.diag([0.3, 0.05])
    found = theory.mean_first_passage_time(
        lambda w: turn @ double_well(turn.T @ w),
        turn @ noise @ turn.T,
        [grid(2.4, 96)] * 2,
        lambda w: (turn.T @ w)[0] > 0.9,
    ).at(turn @ [-1.0, 0.0])
    assert found == pytest.approx(theory.mean_first_passage_time_1d(slope, 0.3, -1.0, 0.9, -2.4), rel=0.01)


def test_noise_along_the_escape_shortens_it_at_equal_trace():
    """Noise proportional to the Hessian of the minimum, against isotropic noise: faster if the way out is sharp."""
    edges = [np.linspace(-2.2, 2.2, 67), np.linspace(-3.5, 3.5, 56)]
    times = {}
    for name, curvature in (("sharp", 2.0), ("flat", 16.0)):

        def drift(w, k=curvature):
            return -np.stack([slope(w[0]), k * w[1]])

        hessian = np.diag([8.0, curvature])
        for noise in (np.eye(2), 2.0 * hessian / np.trace(hessian)):
            found = theory.mean_first_passage_time(drift, 0.25 * noise, edges, lambda w: w[0] > 0.8)
            times[name, noise[0, 0]] = found.at([-1.0, 0.0])
    assert times["sharp", 1.6] < 0.4 * times["sharp", 1.0]
    assert times["flat", 2.0 / 3.0] > 2.0 * times["flat", 1.0]


@pytest.mark.parametrize("barrier", [6.0, 12.0])
def test_eyring_kramers_in_the_plane(barrier):
    """Coupled coordinates, E = (x^2 - 1)^2 + (3/2) (y + x)^2: the deviation is of order theta/dE."""
    theta = 1.0 / barrier

    def drift(w):
        pull = 3.0 * (w[0] + w[1])
        return -np.stack([slope(w[0]) + pull, pull])

    found = theory.mean_first_passage_time(
        drift, theta, [grid(2.2, 110), grid(2.6, 130)], lambda w: (w[0] - 1) ** 2 + (w[1] + 1) ** 2 < 0.15
    ).at([-1.0, 1.0])
    law = theory.eyring_kramers_time([[11.0, 3.0], [3.0, 3.0]], [[-1.0, 3.0], [3.0, 3.0]], 1.0, theta)
    assert 0.0 < found / law - 1.0 < 1.0 / barrier


def test_eyring_kramers_by_hand():
    """2 pi/2 sqrt(2 x 3/(4 x 5)) e^2; in one dimension it is Kramers' law."""
    law = theory.eyring_kramers_time(np.diag([4.0, 5.0]), np.diag([3.0, -2.0]), 1.0, 0.5)
    assert law == pytest.approx(np.pi * np.sqrt(6.0 / 20.0) * np.exp(2.0))
    assert theory.kramers_time(4.0, -2.0, 1.0, 0.5) == pytest.approx(2 * np.pi / np.sqrt(8.0) * np.exp(2.0))


def test_what_is_refused():
    with pytest.raises(UserError, match="must lie between the reflecting wall"):
        theory.mean_first_passage_time_1d(slope, 0.1, -1.0, 1.0, 0.0)
    with pytest.raises(UserError, match="noise vanishes"):
        theory.mean_first_passage_time_1d(slope, lambda x: x, -1.0, 1.0, -2.0)
    with pytest.raises(UserError, match="exceeds 1e300"):
        theory.mean_first_passage_time_1d(slope, 0.001, -1.0, 1.0, -2.0)
    with pytest.raises(UserError, match="no cell of the grid"):
        theory.mean_first_passage_time(double_well, 0.1, [grid(2, 20)] * 2, lambda w: w[0] > 3)
    with pytest.raises(UserError, match="outside the grid"):
        theory.mean_first_passage_time(double_well, 0.1, [grid(2, 20)] * 2, lambda w: w[0] > 1).at([3.0, 0.0])
    with pytest.raises(UserError, match="must be positive definite"):
        theory.kramers_time(-8.0, -4.0, 1.0, 0.1)
    with pytest.raises(UserError, match="one negative eigenvalue"):
        theory.eyring_kramers_time(np.eye(2), -np.eye(2), 1.0, 0.1)
