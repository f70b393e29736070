"""Products of matrices at many weight vectors with a vector each, all at once: Hessians and others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.training import chunks, prepared
from langevin_sgd.training.batched import Batched, batched
from langevin_sgd.training.intermediate_results import widest
from langevin_sgd.training.losses import functions
from langevin_sgd.training.network import Network
from langevin_sgd.training.prepared import Prepared
from langevin_sgd.training.view import Instruments

Array = NDArray[np.float64]
Products = Callable[[Array], Array]
"""Of vectors (row, d) the products (row, d), with the matrix of each row's weights."""
Result = TypeVar("Result")
Make = Callable[..., functions.Traceable]
"""Of a network and a loss the sum over samples (*parameters w, *direction v, inputs, targets, weights) -> M v."""

ROWS = 8
"""The most rows that are multiplied together: blocks of so many, and a last one of fewer."""

_NUMBERS_OF_A_BLOCK, _NUMBERS_AT_A_TIME = 1 << 25, 1 << 27  # float64 ones that are held: 256 MiB and 1 GiB
_FEWEST = 2  # one matrix product takes another kernel, with other rounding, than two


class EnsembleProducts:
    """M_r v_r at weights w_r, of matrices M that are means over the training set, without weight decay, in float64.

    With another `dtype` a chunk of samples is worked out in that, and chunks are added up in float64.
    `make` gives the sums over samples, as `losses.functions.hessian_product` does: that is the default. One recorded
    function serves all rows, eight at a time (another the fewer that are left), and blocks are shared out to threads.
    A row has the same bits whatever the others are and however many, but not at every place: matrices of odd size lie
    at another alignment in every second row, and their products round otherwise. Raises `UserError`, as
    `Instruments.loss` does, if the loss of the network is no sum over samples.
    """

    def __init__(
        self,
        instruments: Instruments,
        make: Make = functions.hessian_product,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        instruments.loss.refuse_mixed()
        samples, network = instruments.samples, instruments.network
        self._device, self._dtype = samples.labels.device, dtype
        self._network = (
            network if dtype == torch.float64 else Network.of(network.module, dtype=dtype, device=self._device)
        )
        self._loss, self._workers, self._samples = instruments.of_samples, instruments.workers, len(samples)
        self._chunks = samples.to(dtype).chunks(chunks.even(len(samples), widest(network, samples.inputs)), dtype)
        self._make = make
        self._traced: dict[int, Batched] = {}

    def __call__(self, weights: Array, vectors: Array) -> Array:
        """The products (row, d) for rows of `weights` and `vectors` (row, d); of a `make` that gives several sums, all
        of them one behind the other.
        """
        blocks = [slice(start, start + ROWS) for start in range(0, len(weights), ROWS)]
        if not blocks:
            return np.empty_like(weights)
        self._trace(weights[block] for block in (blocks[0], blocks[-1]))
        lone = len(blocks) == 1
        found = self._workers.map(lambda block: self._at(weights[block], most=0, lone=lone)(vectors[block]), blocks)
        return np.concatenate(found)

    def in_blocks(self, weights: Array, of: Callable[[slice, Products], list[Result]], *, numbers: int) -> list[Result]:
        """`of` some rows, and the products at their weights as a function of vectors, for all rows, blocks of them
        shared out to threads: what is done with the products of a block waits for no other.

        The products have the same bits as all at once; what depends on the weights alone is made once, as far as memory
        allows. Of a row `of` holds so many float64 `numbers`: if these are many, fewer rows are taken at a time.
        """
        size = _FEWEST
        while size < ROWS and 2 * size * numbers <= _NUMBERS_OF_A_BLOCK:
            size *= 2
        starts = range(0, len(weights), size)
        blocks = [slice(start, min(start + size, len(weights))) for start in starts]
        if not blocks:
            return []
        self._trace(weights[block] for block in (blocks[0], blocks[-1]))
        together = max(1, _NUMBERS_AT_A_TIME // (size * numbers))
        most, lone = prepared.MOST // self._workers.count, min(len(blocks), together) == 1
        found: list[Result] = []
        for start in range(0, len(blocks), together):
            each = self._workers.map(
                lambda block: of(block, self._at(weights[block], most=most, lone=lone)),
                blocks[start : start + together],
            )
            found += [result for block in each for result in block]
        return found

    def _at(self, weights: Array, *, most: int, lone: bool) -> Products:
        """A `lone` block leaves the threads to the chunks, which are added up in the same order either way."""
        at = self._block(weights)
        made = Prepared(self._traced[len(at)], [self._fixed(at, chunk) for chunk in self._chunks], most=most)
        order = range(len(self._chunks))

        def products(vectors: Array) -> Array:
            direction = self._network.parameters(self._block(vectors))

            def part(chunk: int) -> tuple[Tensor, ...]:
                return made(chunk, *direction)

            with torch.inference_mode():
                found = self._sum(self._workers.map(part, order) if lone else map(part, order))
                product: Array = found[: len(vectors)].cpu().numpy()
            return product

        return products

    def _block(self, rows: Array) -> Tensor:
        """The rows, and the first ones again up to a power of two, so that few functions serve all numbers of rows."""
        filled = np.resize(np.arange(len(rows)), max(_FEWEST, 1 << (len(rows) - 1).bit_length()))
        return torch.from_numpy(np.ascontiguousarray(rows[filled])).to(device=self._device, dtype=self._dtype)

    def _fixed(self, at: Tensor, chunk: tuple[Tensor, ...]) -> list[Tensor]:
        return [*self._network.parameters(at), *(part.expand(len(at), *part.shape) for part in chunk)]

    def _trace(self, blocks: Iterable[Array]) -> None:
        """Now: threads must not trace."""
        for block in blocks:
            at, along = self._block(block), self._block(block)
            if len(at) in self._traced:
                continue
            count = len(self._network.shapes)
            fixed = self._fixed(at, self._chunks[0])
            self._traced[len(at)] = batched(
                partial(self._make, loss=self._loss),
                self._network,
                *fixed[:count],
                *self._network.parameters(along),
                *fixed[count:],
                purpose="differentiated as products with matrices of an ensemble need it",
                varying=range(count, 2 * count),
            )

    def _sum(self, parts: Iterable[tuple[Tensor, ...]]) -> Tensor:
        total: Tensor | None = None
        for part in parts:
            found = self._network.flatten(part, leading=1).double()
            total = found if total is None else total.add_(found)
        assert total is not None
        return total.div_(self._samples)


class SampleProducts(EnsembleProducts):
    """g_n . v and v . H_n v of every sample at weights w_r and directions v_r, without weight decay, in float64.

    Calling it gives them for all rows: (row, sample, 2).
    """

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments, functions.slope_and_curvature)

    def _sum(self, parts: Iterable[tuple[Tensor, ...]]) -> Tensor:
        found = [torch.stack(part, dim=-1).double() for part in parts]
        return torch.cat(found, dim=1)[:, : self._samples]
