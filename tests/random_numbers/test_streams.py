"""The generator against its published vectors, and its numbers against the laws that they are drawn from.

Statistical tolerances are 5 standard errors: a false alarm in one of about 40 comparisons once in 40,000 seeds.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream, integers, normals, permutations, philox4x32, words

ONES = 0xFFFFFFFF
# Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
EVERY_KIND = {
    "words": lambda **where: words(5, components=11, **where),
    "integers": lambda **where: integers(5, components=11, upper=1437, **where),
    "normals": lambda **where: normals(5, components=11, **where),
    "permutations": lambda **where: permutations(5, size=11, **where),
}


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_known_answers(counter, key, expected):
    assert tuple(int(word) for word in philox4x32(counter, key)) == expected


def test_philox_broadcasts_over_counters_longer_than_a_block():
    first = np.arange(20_000, dtype=np.uint32)
    together = philox4x32((first, 1, 2, 3), (4, 5))
    for index in (0, 8191, 8192, 19_999):
        alone = philox4x32((index, 1, 2, 3), (4, 5))
        assert [word[index] for word in together] == list(alone)


@pytest.mark.parametrize("step", [0, 7, 2**32 + 7, 2**56 - 1])
def test_counter_layout(step):
    seed = (0xDEADBEEF << 32) | 0x12345678
    drawn = words(seed, trajectories=[3, 2**32 - 1], steps=[step], components=10, stream=Stream.INITIAL_WEIGHTS)
    assert drawn.shape == (1, 2, 10)
    assert drawn.dtype == np.uint32
    for row, trajectory in enumerate([3, 2**32 - 1]):
        for component in range(10):
            counter = (component // 4, step % 2**32, trajectory, 3 * 2**24 + step // 2**32)
            expected = philox4x32(counter, (0x12345678, 0xDEADBEEF))[component % 4]
            assert drawn[0, row, component] == expected


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_more_trajectories_and_steps_never_change_old_numbers(kind):
    draw = EVERY_KIND[kind]
    many = draw(trajectories=range(301), steps=range(13), stream=Stream.MINIBATCH)
    few = draw(trajectories=range(7), steps=range(13), stream=Stream.MINIBATCH)
    one = draw(trajectories=[300], steps=[12], stream=Stream.MINIBATCH)
    assert np.array_equal(many[:, :7], few)
    assert np.array_equal(many[12:, 300:], one)


@pytest.mark.parametrize("components", [1, 2, 3, 4, 5, 33, 5000])
def test_more_components_never_change_old_numbers(components):
    where = {"trajectories": [4, 9], "steps": [2, 10**10], "stream": Stream.LANGEVIN_NOISE}
    long = normals(1, components=20_001, **where)
    assert np.array_equal(normals(1, components=components, **where), long[:, :, :components])
    longer_words = words(1, components=20_001, **where)
    assert np.array_equal(words(1, components=components, **where), longer_words[:, :, :components])


def test_seeds_streams_trajectories_and_steps_differ_and_do_not_correlate():
    base = {"trajectories": [0], "steps": [0], "stream": Stream.MINIBATCH}
    variants = [base | change for change in ({}, {"trajectories": [1]}, {"steps": [1]}, {"steps": [2**32]})]
    variants += [base | {"stream": stream} for stream in Stream if stream != Stream.MINIBATCH]
    size = 40_000
    rows = [normals(0, components=size, **where).ravel() for where in variants]
    rows += [normals(seed, components=size, **base).ravel() for seed in (1, 2**32, 2**63)]
    correlation = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert np.abs(correlation).max() < 5 / math.sqrt(size)


def test_streams_have_distinct_numbers_below_256():
    assert len({int(stream) for stream in Stream}) == len(Stream)
    assert all(0 < int(stream) < 256 for stream in Stream)


def test_bits_of_words_are_fair_and_independent_of_each_other():
    drawn = words(3, trajectories=range(50), steps=range(50), components=40, stream=Stream.MINIBATCH).ravel()
    bits = (drawn[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(float)
    deviation = (bits.mean(axis=0) - 0.5) / (0.5 / math.sqrt(len(bits)))
    assert np.abs(deviation).max() < 5
    correlation = np.corrcoef(bits.T)[np.triu_indices(32, 1)]
    assert np.abs(correlation).max() * math.sqrt(len(bits)) < 5


@pytest.mark.parametrize("upper", [1, 2, 10, 1437])
def test_integers_are_uniform(upper):
    drawn = integers(2, trajectories=range(64), steps=range(100), components=16, upper=upper, stream=Stream.MINIBATCH)
    assert drawn.dtype == np.int64
    assert drawn.min() >= 0
    assert drawn.max() < upper
    counts = np.bincount(drawn.ravel(), minlength=upper)
    if upper > 1:
        assert stats.chisquare(counts).pvalue > 1e-6


def test_integers_scale_the_word():
    where = {"trajectories": [0], "steps": [5], "components": 1000, "stream": Stream.MINIBATCH}
    raw = words(9, **where).astype(object)
    assert np.array_equal(integers(9, upper=1437, **where), raw * 1437 // 2**32)
    assert np.array_equal(integers(9, upper=2**32, **where), raw)


def _standardised_moments(z: np.ndarray) -> np.ndarray:
    """First four moments of normals, the fourth about 3, each divided by its standard error."""
    errors = np.sqrt(np.array([1.0, 2.0, 15.0, 96.0]) / z.size)
    return np.array([z.mean(), (z**2).mean() - 1.0, (z**3).mean(), (z**4).mean() - 3.0]) / errors


def test_normals_have_the_moments_and_tails_of_a_gaussian():
    z = normals(11, trajectories=range(64), steps=range(200), components=300, stream=Stream.LANGEVIN_NOISE).ravel()
    assert np.abs(_standardised_moments(z)).max() < 5
    assert np.abs(_standardised_moments(z * math.sqrt(1.03))).max() > 5  # T off by 3% is caught
    for threshold in (2.0, 3.0, 4.0, 4.5):
        expected = z.size * stats.norm.sf(threshold)
        for count in (np.sum(z > threshold), np.sum(z < -threshold)):
            assert abs(count - expected) < 5 * math.sqrt(expected)
    distance = stats.kstest(z[:500_000], "norm").statistic
    assert distance < math.sqrt(math.log(2 / 1e-6) / 2 / 500_000)  # Dvoretzky, Kiefer, Wolfowitz


def test_both_members_of_a_box_muller_pair_are_independent_and_gaussian():
    z = normals(12, trajectories=range(64), steps=range(100), components=40, stream=Stream.LANGEVIN_NOISE)
    cosine, sine = z[..., 0::2].ravel(), z[..., 1::2].ravel()
    for part in (cosine, sine):
        assert np.abs(_standardised_moments(part)).max() < 5
    assert abs(np.mean(cosine * sine)) < 5 / math.sqrt(cosine.size)
    # the squares of a pair would correlate if the radius were not exponential
    assert abs(np.mean((cosine**2 - 1) * (sine**2 - 1))) < 5 * 2 / math.sqrt(cosine.size)


def test_the_radius_uses_all_32_bits(monkeypatch):
    def drawn_with(word: int) -> np.ndarray:
        monkeypatch.setattr(random_numbers, "words", lambda *_, **__: np.array([[[word, 0]]], dtype=np.uint32))
        return normals(0, trajectories=[0], steps=[0], components=2, stream=Stream.LANGEVIN_NOISE).ravel()

    assert drawn_with(0)[0] == pytest.approx(math.sqrt(66 * math.log(2)))  # 6.76; 24 bits would end at 5.9
    assert drawn_with(1)[0] == pytest.approx(math.sqrt(-2 * math.log(1.5 * 2.0**-32)))
    smallest = drawn_with(2**32 - 1)[0]
    assert 0 < smallest < 1e-4


@pytest.mark.parametrize("size", [0, 1, 2, 3, 50, 1437])
def test_permutations_are_permutations(size):
    drawn = permutations(1, trajectories=range(5), steps=[0, 3], size=size, stream=Stream.EPOCH_ORDER)
    assert drawn.shape == (2, 5, size)
    assert drawn.dtype == np.int64
    assert np.array_equal(np.sort(drawn, axis=-1), np.broadcast_to(np.arange(size), drawn.shape))


def test_all_orders_are_equally_likely():
    drawn = permutations(4, trajectories=range(200), steps=range(240), size=4, stream=Stream.EPOCH_ORDER).reshape(-1, 4)
    number = {order: index for index, order in enumerate(itertools.permutations(range(4)))}
    counts = np.bincount([number[tuple(order)] for order in drawn.tolist()], minlength=24)
    assert stats.chisquare(counts).pvalue > 1e-6


def test_a_permutation_sorts_its_keys():
    drawn = permutations(8, trajectories=[2], steps=[6], size=1000, stream=Stream.EPOCH_ORDER)[0, 0]
    raw = words(8, trajectories=[2], steps=[6], components=2000, stream=Stream.EPOCH_ORDER)[0, 0].astype(np.uint64)
    keys = raw[0::2] + (raw[1::2] << np.uint64(32))
    assert np.array_equal(drawn, np.argsort(keys >> np.uint64(10), kind="stable"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 2**64},
        {"trajectories": [-1]},
        {"trajectories": [2**32]},
        {"trajectories": [0.5]},
        {"trajectories": 3},
        {"steps": [2**56]},
        {"components": -1},
    ],
)
def test_numbers_that_would_collide_are_refused(wrong):
    given = {"seed": 0, "trajectories": [0], "steps": [0], "components": 4, "stream": Stream.MINIBATCH} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        words(given.pop("seed"), **given)


@pytest.mark.parametrize("upper", [0, 2**32 + 1])
def test_integers_refuse_an_impossible_range(upper):
    with pytest.raises(ValueError, match="upper"):
        integers(0, trajectories=[0], steps=[0], components=1, upper=upper, stream=Stream.MINIBATCH)


def test_no_trajectories_or_steps_give_empty_arrays():
    assert words(0, trajectories=[], steps=[0], components=4, stream=Stream.MINIBATCH).shape == (1, 0, 4)
    assert normals(0, trajectories=[0], steps=[], components=3, stream=Stream.MINIBATCH).shape == (0, 1, 3)
