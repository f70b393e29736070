"""Noise increments from Philox words: which word and which bits feed step n, and what is made of them.

Every increment has mean 0 and variance 1. `gaussian`: one 32-bit word each, by Box and Muller in pairs. The simplified
increments of Kloeden and Platen (1992, section 14.1) keep the weak order at a fraction of the cost: `three_point` is
+-sqrt(3) with probability 1/6 each and 0 otherwise (moments to order 5 as a Gaussian's), `two_point` is +-1 (moments to
order 3). They serve bulk averages; a tail or an escape time sees their bounded step.

A group of `steps_per_group` consecutive steps shares the four words of one Philox counter when a step needs few, so
that no word is wasted:

    counter = (quad, group mod 2^32, trajectory, stream * 2^24 + group div 2^32),   group = step div steps_per_group
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.random_numbers.streams import Stream, normals, words

Kind = Literal["gaussian", "three_point", "two_point"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Increments that one word yields. Digits to base 6 come from the top 29 bits of the word, the last of them set, read as
# a fraction: six times the fraction is the digit, and what is left below the point the next fraction. With an odd
# fraction both signs are exactly as likely, and the probability of each is 1/6 to within 3e-7 up to the eighth digit.
PER_WORD: dict[str, int] = {"gaussian": 1, "three_point": 8, "two_point": 32}
FRACTION_BITS = 29


@dataclass(frozen=True)
class Layout:
    """Where the `count` increments of a step lie among the words.

    A word serves `steps_per_word` whole steps, or a step takes `words_per_step` whole words; a group takes `quads`
    Philox counters.
    """

    kind: Kind
    count: int

    @property
    def per_word(self) -> int:
        """Increments that one word yields."""
        return PER_WORD[self.kind]

    @property
    def steps_per_word(self) -> int:
        """Steps fed by one word, at least 1."""
        return max(1, self.per_word // self.count)

    @property
    def words_per_step(self) -> int:
        """Words that one step needs, at least 1."""
        return -(-self.count // self.per_word)

    @property
    def steps_per_group(self) -> int:
        """Consecutive steps that share their Philox counters."""
        return self.steps_per_word * max(1, 4 // self.words_per_step)

    @property
    def quads(self) -> int:
        """Philox counters of a group."""
        return -(-self.words_per_step // 4)

    def word(self, inside: int) -> int:
        """Number, within the group, of the first word of its step `inside`."""
        return inside // self.steps_per_word * self.words_per_step


def increments(
    kind: Kind, seed: int, *, trajectories: ArrayLike, first: int, steps: int, count: int
) -> NDArray[np.float64]:
    """The increments of steps first, ..., first + steps - 1: float64 (steps, trajectories, count).

    The same numbers as every backend uses; Gaussian ones agree to the rounding of float32. Raises `ValueError` for an
    unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown increments {kind!r}; use {', '.join(KINDS)}")
    numbers = np.asarray(trajectories)
    layout = Layout(kind, count)
    s = layout.steps_per_group
    groups = np.arange(first // s, -(-(first + steps) // s) if steps else first // s)
    inside = np.arange(first, first + steps) - (first // s) * s
    row, within = inside // s, inside % s
    draw = dict(trajectories=numbers, steps=groups, components=4 * layout.quads, stream=Stream.LANGEVIN_NOISE)
    # word and place within it of increment j of each step
    j = np.arange(count)
    word = (within // layout.steps_per_word * layout.words_per_step)[:, None] + j // layout.per_word
    place = (within % layout.steps_per_word * count)[:, None] + j % layout.per_word
    out = np.empty((steps, len(numbers), count))
    if kind == "gaussian":
        drawn = normals(seed, **draw)  # type: ignore[arg-type]
        for n in range(steps):
            out[n] = drawn[row[n]][:, word[n]]
        return out
    raw = words(seed, **draw)  # type: ignore[arg-type]
    for n in range(steps):
        bits = raw[row[n]][:, word[n]]
        out[n] = signs(bits, place[n]) if kind == "two_point" else thirds(bits, place[n])
    return out


def signs(word: NDArray[np.uint32], bit: NDArray[np.int64]) -> NDArray[np.float64]:
    """+1 where that bit of the word is 0, -1 where it is 1."""
    return 1.0 - 2.0 * ((word >> bit.astype(np.uint32)) & np.uint32(1)).astype(np.float64)


def thirds(word: NDArray[np.uint32], digit: NDArray[np.int64]) -> NDArray[np.float64]:
    """+sqrt(3) where that digit to base 6 is 5, -sqrt(3) where it is 0, else 0."""
    mask = np.uint64((1 << FRACTION_BITS) - 1)
    fraction = (word.astype(np.uint64) >> np.uint64(32 - FRACTION_BITS)) | np.uint64(1)
    fraction = (fraction * np.uint64(6) ** digit.astype(np.uint64)) & mask
    value = (fraction * np.uint64(6)) >> np.uint64(FRACTION_BITS)
    third: NDArray[np.float64] = np.sqrt(3.0) * ((value == 5).astype(np.float64) - (value == 0).astype(np.float64))
    return third
