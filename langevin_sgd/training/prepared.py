"""A function of samples at fixed arguments, such as weights: what does not change from call to call is made once."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from langevin_sgd.training.batched import Batched

MOST = 1 << 30
"""Bytes that may be held at a time: beyond, what is fixed is made anew at every call. The bits are the same."""


class Prepared:
    """`function`, recorded or made with places of varying arguments, at the `fixed` ones of each chunk of samples.

    What follows from these alone is made when a chunk is first asked for, in the thread that asks, and held if that of
    all chunks, which have one shape, takes no more than so many bytes.
    """

    def __init__(self, function: Batched, fixed: Sequence[Sequence[Tensor]], *, most: int) -> None:
        self._function, self._fixed, self._most = function, fixed, most
        self._held: dict[int, tuple[Tensor, ...]] = {}

    def __len__(self) -> int:
        return len(self._fixed)

    def __call__(self, chunk: int, *varying: Tensor) -> tuple[Tensor, ...]:
        """The function's results at one chunk's fixed arguments and these."""
        return self._function.rest(self._made(chunk), varying, self._fixed[chunk])

    def _made(self, chunk: int) -> tuple[Tensor, ...]:
        held = self._held.get(chunk)
        if held is None:
            held = self._function.first(self._fixed[chunk])
            if len(self._fixed) * _bytes_beside(held, self._fixed[chunk]) <= self._most:
                self._held[chunk] = held
        return held


def _bytes_beside(made: Sequence[Tensor], given: Sequence[Tensor]) -> int:
    """What the memory of tensors takes that is not that of those given."""
    own = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in made}
    return sum(own[at] for at in own.keys() - {each.untyped_storage().data_ptr() for each in given})
