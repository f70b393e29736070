"""Increments: layout, laws, and that compiled code, numpy and torch make the same of the same words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit
from scipy import stats

from langevin_sgd.random_numbers import increments as inc
from langevin_sgd.random_numbers.increments import KINDS, Layout
from langevin_sgd.random_numbers.philox_numba import normal_pair, normals_of_words, philox
from langevin_sgd.random_numbers.philox_torch import Increments, philox_words
from langevin_sgd.random_numbers.streams import Stream, normals, words

SEED = (5 << 32) + 7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 16, 33])
def test_no_two_increments_share_bits(kind, count):
    layout = Layout(kind, count)
    seen = set()
    for inside in range(layout.steps_per_group):
        for j in range(count):
            place = (
                (inside % layout.steps_per_word * count + j % layout.per_word)
                if layout.steps_per_word > 1
                else (j % layout.per_word)
            )
            assert place < layout.per_word
            seen.add((layout.word(inside) + j // layout.per_word, place))
    assert len(seen) == layout.steps_per_group * count
    assert max(word for word, _ in seen) < 4 * layout.quads


def test_gaussian_increments_of_few_components_use_every_word():
    """One component: step n is component n mod 4 of group n div 4."""
    drawn = inc.increments("gaussian", SEED, trajectories=[3, 9], first=2, steps=9, count=1)[:, :, 0]
    by_group = normals(SEED, trajectories=[3, 9], steps=range(3), components=4, stream=Stream.LANGEVIN_NOISE)
    flat = np.moveaxis(by_group, 1, 2).reshape(12, 2)
    assert np.array_equal(drawn, flat[2:11])


@pytest.mark.parametrize("kind", KINDS)
def test_increments_do_not_depend_on_how_a_run_is_cut(kind):
    whole = inc.increments(kind, SEED, trajectories=range(5), first=0, steps=70, count=3)
    pieces = [
        inc.increments(kind, SEED, trajectories=range(5), first=a, steps=b - a, count=3)
        for a, b in ((0, 1), (1, 33), (33, 70))
    ]
    assert np.array_equal(whole, np.concatenate(pieces))
    assert inc.increments(kind, SEED, trajectories=[2], first=0, steps=0, count=3).shape == (0, 1, 3)


def test_simplified_increments_have_the_moments_of_kloeden_and_platen():
    n = 400_000
    three = inc.increments("three_point", SEED, trajectories=range(n // 40), first=0, steps=40, count=1).ravel()
    two = inc.increments("two_point", SEED, trajectories=range(n // 40), first=0, steps=40, count=1).ravel()
    # 4.5 standard errors each: false alarm below 1e-4 in all
    for sign in (-1, 1):
        assert abs(np.mean(three == sign * np.sqrt(3.0)) - 1 / 6) < 4.5 * np.sqrt(5 / 36 / n)
    assert set(np.unique(np.abs(three)).round(12)) == {0.0, round(np.sqrt(3.0), 12)}
    assert abs(two.mean()) < 4.5 / np.sqrt(n)
    assert set(np.unique(two)) == {-1.0, 1.0}


def test_every_digit_of_a_word_is_one_sixth_and_symmetric():
    """Exact by counting: after k digits the fractions are all odd multiples of 2^k."""
    for k in range(inc.PER_WORD["three_point"]):
        n = 29 - k
        odd_below = (1 << n) // 6 // 2 + ((1 << n) // 6) % 2  # odd numbers j with 6 j < 2^n
        assert abs(odd_below / 2 ** (n - 1) - 1 / 6) < 3e-7
    word = np.arange(0, 1 << 32, 65537, dtype=np.uint64).astype(np.uint32)
    for digit in range(8):
        one = np.full(word.size, digit)
        mirrored = inc.thirds(~word, one)  # the fraction f becomes 1 - f
        assert np.array_equal(mirrored, -inc.thirds(word, one))


def test_compiled_normals_agree_with_double_precision():
    w = words(SEED, trajectories=range(4096), steps=range(4), components=4, stream=Stream.LANGEVIN_NOISE).ravel()
    # every octave of the radius at both ends of the logarithm, and angles at the edges of the octants
    rng = np.random.default_rng(1)
    small = (rng.integers(0, 1 << 32, 4096, dtype=np.uint64) >> rng.integers(0, 32, 4096).astype(np.uint64)).astype(
        np.uint32
    )
    edges = np.array([0, 1, (1 << 29) - 1, 1 << 29, (1 << 31) - 1, 1 << 31, (1 << 32) - 1], np.uint32)
    radii = np.concatenate([small, ~small, edges, ~edges])
    angles = np.resize(np.concatenate([edges, rng.integers(0, 1 << 32, 4096, dtype=np.uint32)]), radii.size)
    w = np.concatenate([w, np.stack([radii, angles], axis=1).ravel()])
    out = np.empty(w.size, np.float32)
    normals_of_words(w, out)
    a, b = w[0::2].astype(float), w[1::2].astype(float)
    r, phi = np.sqrt(-2 * np.log((a + 0.5) / 2.0**32)), 2 * np.pi * b / 2.0**32
    # relative to the radius, which itself is good to 1e-7 down to radii of 1e-5
    assert (np.abs(out[0::2] - r * np.cos(phi)) / r).max() < 4e-7
    assert (np.abs(out[1::2] - r * np.sin(phi)) / r).max() < 4e-7
    assert out.max() > 6.75


def test_torch_draws_the_same_words_and_increments():
    numbers = np.array([0, 1, 77, (1 << 32) - 1])
    group = (3 << 32) + 11
    expected = words(SEED, trajectories=numbers, steps=[group], components=12, stream=Stream.LANGEVIN_NOISE)[0].T
    drawn = philox_words(torch.as_tensor(numbers), group, 3, SEED, int(Stream.LANGEVIN_NOISE))
    assert np.array_equal(drawn.numpy(), expected.astype(np.int64))
    for kind in KINDS:
        for count in (1, 3, 9):
            source = Increments(
                Layout(kind, count), torch.as_tensor(numbers), SEED, int(Stream.LANGEVIN_NOISE), torch.float64
            )
            first = (7 << 32) + 5
            ours = inc.increments(kind, SEED, trajectories=numbers, first=first, steps=40, count=count)
            theirs = np.stack([source.at(first + n).numpy().T for n in range(40)])
            assert np.allclose(ours, theirs, rtol=0, atol=1e-13)


def compiled_normals(count: int, seed: int) -> np.ndarray:
    """Normals as the kernels make them."""
    w = words(seed, trajectories=range(count // 64), steps=[0], components=64, stream=Stream.LANGEVIN_NOISE).ravel()
    out = np.empty(w.size, np.float32)
    normals_of_words(w, out)
    return out.astype(np.float64)


def moments_of_normals(count: int, seeds: range) -> None:
    """Moments to order 6 within 4 standard errors (false alarm 4e-4), tail counts within 4 Poisson deviations."""
    totals, tails, n = np.zeros(6), np.zeros(3), 0
    for seed in seeds:
        z = compiled_normals(count, seed)
        totals += [np.sum(z**p) for p in range(1, 7)]
        tails += [np.count_nonzero(np.abs(z) > edge) for edge in (3.0, 5.0, 6.0)]
        n += z.size
    exact = np.array([0, 1, 0, 3, 0, 15.0])
    variance = np.array([1, 2, 15, 96, 945, 10170.0])
    assert np.all(np.abs(totals / n - exact) < 4 * np.sqrt(variance / n))
    expected = n * 2 * stats.norm.sf([3.0, 5.0, 6.0])
    assert np.all(np.abs(tails - expected) < 4 * np.sqrt(expected) + 1)


def test_moments_and_tails():
    moments_of_normals(1 << 21, range(2))


@njit
def power_sums_and_tails(seed, trajectories, groups):  # type: ignore[no-untyped-def]
    """Sums of z^1 ... z^6 and counts of |z| > 3, 5, 6 over every normal of `trajectories` x `groups` counters."""
    totals, tails = np.zeros(6), np.zeros(3, np.int64)
    for trajectory in range(trajectories):
        part = np.zeros(6)
        for group in range(groups):
            w0, w1, w2, w3 = philox(
                np.uint64(0), np.uint64(group), np.uint64(trajectory), np.uint64(4 << 24), np.uint64(seed), np.uint64(0)
            )
            for z in (*normal_pair(w0, w1), *normal_pair(w2, w3)):
                x = np.float64(z)
                power = 1.0
                for p in range(6):
                    power *= x
                    part[p] += power
                if abs(x) > 3.0:
                    tails[0] += 1
                    tails[1] += abs(x) > 5.0
                    tails[2] += abs(x) > 6.0
        totals += part
    return totals, tails


@pytest.mark.validate
def test_moments_and_tails_over_ten_billion_draws():
    """4 standard errors for each of nine numbers: false alarm below 6e-4."""
    trajectories, groups = 25_000, 100_000
    totals, tails = power_sums_and_tails(7, trajectories, groups)
    n = 4 * trajectories * groups
    assert n >= 1e10
    exact, variance = np.array([0, 1, 0, 3, 0, 15.0]), np.array([1, 2, 15, 96, 945, 10170.0])
    assert np.all(np.abs(totals / n - exact) < 4 * np.sqrt(variance / n))
    expected = n * 2 * stats.norm.sf([3.0, 5.0, 6.0])
    assert np.all(np.abs(tails - expected) < 4 * np.sqrt(expected))


def test_neighbours_are_uncorrelated():
    z = inc.increments("gaussian", SEED, trajectories=range(2000), first=0, steps=100, count=4)
    n = z.size
    for axis in range(3):
        pair = np.moveaxis(z, axis, 0)
        assert abs(np.mean(pair[1:] * pair[:-1])) < 4.5 / np.sqrt(n)
        assert abs(np.mean(pair[1:] ** 2 * pair[:-1] ** 2) - 1) < 4.5 * np.sqrt(8 / n) * 2
    other = normals(SEED, trajectories=range(2000), steps=range(100), components=4, stream=Stream.INITIAL_STATE)
    assert abs(np.mean(z * other)) < 4.5 / np.sqrt(n)
