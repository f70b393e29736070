"""The same random numbers in torch, on any device: Philox words in int64 tensors, and the increments made of them."""

from __future__ import annotations

import math

import torch

from langevin_sgd.random_numbers.increments import FRACTION_BITS, Layout

_LOW = 0xFFFFFFFF
_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85


def philox_words(numbers: torch.Tensor, group: int, quads: int, seed: int, stream: int) -> torch.Tensor:
    """Words of one group of steps, int64 in [0, 2^32), (4 quads, N); `numbers` (N,) int64 are the trajectories'."""
    quad = torch.arange(quads, dtype=torch.int64, device=numbers.device)[:, None]
    c0, c2 = quad.expand(-1, numbers.numel()), numbers.expand(quads, -1)
    c1 = torch.full_like(c0, group & _LOW)
    c3 = torch.full_like(c0, (stream << 24) | (group >> 32))
    low, high = seed & _LOW, seed >> 32
    for _ in range(10):
        # a product of two 32-bit numbers wraps in int64, which keeps all its bits
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c2 = ((p1 >> 32) & _LOW) ^ c1 ^ low, ((p0 >> 32) & _LOW) ^ c3 ^ high
        c1, c3 = p1 & _LOW, p0 & _LOW
        low, high = (low + _W0) & _LOW, (high + _W1) & _LOW
    return torch.stack([c0, c1, c2, c3], dim=1).reshape(4 * quads, -1)


class Increments:
    """Increments step by step; the words of a group of steps are computed once."""

    def __init__(self, layout: Layout, numbers: torch.Tensor, seed: int, stream: int, dtype: torch.dtype) -> None:
        self.layout = layout
        self.numbers = numbers
        self.seed = seed
        self.stream = stream
        self.dtype = dtype
        self._group = -1
        self._source = torch.empty(0)

    def at(self, step: int) -> torch.Tensor:
        """The increments of one step, (count, N)."""
        layout = self.layout
        group, inside = divmod(step, layout.steps_per_group)
        if group != self._group:
            words = philox_words(self.numbers, group, layout.quads, self.seed, self.stream)
            self._source = _normals(words).to(self.dtype) if layout.kind == "gaussian" else words
            self._group = group
        first = layout.word(inside)
        if layout.kind == "gaussian":
            return self._source[first : first + layout.count]
        j = torch.arange(layout.count, device=self.numbers.device)
        word = self._source[first + j // layout.per_word]
        place = (inside % layout.steps_per_word * layout.count + j % layout.per_word)[:, None]
        if layout.kind == "two_point":
            return (1 - 2 * ((word >> place) & 1)).to(self.dtype)
        mask = (1 << FRACTION_BITS) - 1
        fraction = (((word >> (32 - FRACTION_BITS)) | 1) * 6**place) & mask
        digit = (fraction * 6) >> FRACTION_BITS
        return math.sqrt(3.0) * ((digit == 5).to(self.dtype) - (digit == 0).to(self.dtype))


def _normals(words: torch.Tensor) -> torch.Tensor:
    """Standard normals of pairs of words, by Box and Muller, (4 quads, N) float64."""
    radius = torch.sqrt(-2.0 * torch.log((words[0::2].double() + 0.5) * 2.0**-32))
    angle = words[1::2].double() * (2.0 * math.pi * 2.0**-32)
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1).reshape(words.shape)
