"""The noise that the integrator uses: independent of its neighbours, Gaussian to high moments and far tails.

Tolerances are 5 standard errors: a false alarm in one of about 100 comparisons once in 17,000 seeds.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from scipy import stats

from langevin_sgd.random_numbers.increments import KINDS, increments
from langevin_sgd.random_numbers.philox_numba import normal_pair, normals_of_words, philox
from langevin_sgd.random_numbers.streams import Stream, normals, words

SEED = (3 << 32) + 11
STEPS, TRAJECTORIES, COMPONENTS = 256, 2000, 4


def neighbours(z):
    """Pairs of increments (steps, trajectories, components) next to each other in every direction, by name."""
    for lag in (1, 2, 3, 4):
        yield f"step {lag}", z[:-lag], z[lag:]
        yield f"trajectory {lag}", z[:, :-lag], z[:, lag:]
    for lag in (1, 2, 3):
        yield f"component {lag}", z[:, :, :-lag], z[:, :, lag:]
    yield "diagonal", z[:-1, :-1], z[1:, 1:]


def correlations(a, b):
    """Correlations of the values and of their squares, in standard errors under independence."""
    out = [np.sum(a * b) / math.sqrt(np.sum(a * a * b * b))]
    p, q = a * a - 1.0, b * b - 1.0
    if p.any():  # the squares of two_point are all 1
        out.append(np.sum(p * q) / math.sqrt(np.sum(p * p * q * q)))
    return np.abs(out)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbouring_steps_trajectories_and_components_do_not_correlate(kind):
    z = increments(kind, SEED, trajectories=range(TRAJECTORIES), first=0, steps=STEPS, count=COMPONENTS)
    for name, a, b in neighbours(z):
        assert correlations(a, b).max() < 5.0, name


@pytest.mark.parametrize("direction", [0, 1, 2])
def test_one_per_cent_of_a_neighbours_noise_would_be_seen(direction):
    z = increments("gaussian", SEED, trajectories=range(TRAJECTORIES), first=0, steps=STEPS, count=COMPONENTS)
    mixed = z + 0.01 * np.roll(z, 1, axis=direction)
    assert max(correlations(a, b).max() for _, a, b in neighbours(mixed)) > 5.0


def test_streams_and_far_apart_seeds_trajectories_and_steps_do_not_correlate():
    """All pairs among the streams, and among places that differ in one high bit of the counter or the key alone."""
    size = 200_000
    rows = [normals(SEED, trajectories=[0], steps=[0], components=size, stream=stream) for stream in Stream]
    rows += [
        normals(seed, trajectories=[number], steps=[step], components=size, stream=Stream.LANGEVIN_NOISE)
        for seed, number, step in (
            (SEED + 1, 0, 0), (SEED ^ 1 << 63, 0, 0), (SEED, 1, 0), (SEED, 1 << 31, 0), (SEED, 0, 1),
            (SEED, 0, 1 << 55),
        )
    ]  # fmt: skip
    flat = [row.ravel() for row in rows]
    pairs = [(a, b) for i, a in enumerate(flat) for b in flat[:i]]
    assert max(correlations(a, b).max() for a, b in pairs) < 5.0


# E z^k for a Gaussian, and the variances of z^k
MOMENTS = np.array([0.0, 1.0, 0.0, 3.0, 0.0, 15.0])
VARIANCES = np.array([1.0, 2.0, 15.0, 96.0, 945.0, 10170.0])


@pytest.mark.validate
def test_compiled_normals_have_gaussian_moments_to_order_six():
    w = words(SEED, trajectories=range(1000), steps=range(500), components=4, stream=Stream.LANGEVIN_NOISE).ravel()
    z = np.empty(w.size, np.float32)
    normals_of_words(w, z)

    def deviations(values):
        found = np.array([np.mean(values**k) for k in range(1, 7)])
        return np.abs(found - MOMENTS) / np.sqrt(VARIANCES / values.size)

    z = z.astype(np.float64)
    assert deviations(z).max() < 5.0
    assert deviations(z * math.sqrt(1.03))[1:6:2].min() > 5.0  # each even moment sees a temperature wrong by 3%
    assert deviations(np.clip(z, -3.5, 3.5))[5] > 5.0  # the sixth sees a tail cut off at 3.5


@pytest.mark.parametrize(("threshold", "tolerance"), [(4.0, 1e-4), (5.0, 1e-3), (6.0, 0.02)])
def test_a_radius_of_32_bits_keeps_the_tail(threshold, tolerance):
    """Exact, without draws: the sum over all radii of the probability of the angles that reach the threshold."""
    word = np.arange(1 << 22, dtype=np.float64)
    radius = np.sqrt(-2.0 * np.log((word + 0.5) * 2.0**-32))
    assert radius[-1] < threshold
    probability = np.sum(np.arccos(np.minimum(threshold / radius, 1.0))) / np.pi * 2.0**-32
    assert probability == pytest.approx(stats.norm.sf(threshold), rel=tolerance)


@njit(nogil=True, error_model="numpy")
def tails(first, last, trajectory, low, high, stream, counts):
    """Counts of normals of steps first, ..., last - 1 above 5, below -5, above 6 and below -6."""
    p5 = m5 = p6 = m6 = 0
    top = np.uint64(stream) << np.uint64(24)
    zero = np.uint64(0)
    for step in range(first, last):
        a, b, c, d = philox(zero, np.uint64(step), np.uint64(trajectory), top, low, high)
        z0, z1 = normal_pair(a, b)
        z2, z3 = normal_pair(c, d)
        p5 += (z0 > 5) + (z1 > 5) + (z2 > 5) + (z3 > 5)
        m5 += (z0 < -5) + (z1 < -5) + (z2 < -5) + (z3 < -5)
        p6 += (z0 > 6) + (z1 > 6) + (z2 > 6) + (z3 > 6)
        m6 += (z0 < -6) + (z1 < -6) + (z2 < -6) + (z3 < -6)
    counts[0], counts[1], counts[2], counts[3] = p5, m5, p6, m6


def tail_counts(draws, trajectories, threads=2):
    """Counts over `draws` normals of the kernels, drawn as the integrator draws them for one coordinate."""
    groups = draws // (4 * trajectories)
    counts = np.zeros((trajectories, 4), np.int64)
    key = np.uint64(SEED & 0xFFFFFFFF), np.uint64(SEED >> 32)
    stream = int(Stream.LANGEVIN_NOISE)
    tails(0, 1, 0, *key, stream, counts[0])  # compiled before the threads start
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda n: tails(0, groups, n, *key, stream, counts[n]), range(trajectories)))
    return counts.sum(axis=0)


def assert_tails(counts, draws):
    for found, threshold in zip(counts, (5.0, 5.0, 6.0, 6.0), strict=True):
        expected = draws * stats.norm.sf(threshold)
        # both tails of a Poisson law, 2.9e-7 each
        assert stats.poisson.ppf(2.9e-7, expected) <= found <= stats.poisson.isf(2.9e-7, expected), threshold


@pytest.mark.validate
def test_the_counting_kernel_draws_what_the_integrator_draws():
    counts = np.zeros(4, np.int64)
    drawn = increments("gaussian", SEED, trajectories=[5], first=0, steps=4_000_000, count=1).ravel()
    tails(0, 1_000_000, 5, np.uint64(SEED & 0xFFFFFFFF), np.uint64(SEED >> 32), int(Stream.LANGEVIN_NOISE), counts)
    assert counts.tolist() == [np.sum(drawn > 5), np.sum(drawn < -5), np.sum(drawn > 6), np.sum(drawn < -6)]
    assert counts[:2].sum() > 0


@pytest.mark.validate
def test_tails_over_ten_billion_draws():
    """P(z > 5) to 2% and P(z > 6) to 30%: 2,900 and 10 expected on each side."""
    draws = 4 * 128 * 20_000_000
    assert draws >= 1e10
    counts = tail_counts(draws, 128)
    print(f"{draws:.3g} draws: {counts.tolist()}")
    assert_tails(counts, draws)
    with pytest.raises(AssertionError):  # a spread wrong by 1%, a temperature by 2%
        assert_tails((draws * stats.norm.sf(np.array([5.0, 5.0, 6.0, 6.0]) / 1.01)).astype(int), draws)
