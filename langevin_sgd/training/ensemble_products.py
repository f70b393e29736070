"""Products of matrices at many weight vectors with a vector each, all at once: Hessians and others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.training import chunks
from langevin_sgd.training.batched import batched
from langevin_sgd.training.intermediate_results import widest
from langevin_sgd.training.losses import functions
from langevin_sgd.training.tracing import TensorFunction
from langevin_sgd.training.view import Instruments

Array = NDArray[np.float64]
Make = Callable[..., functions.Traceable]
"""Of a network and a loss the sum over samples (*parameters w, *direction v, inputs, targets, weights) -> M v."""

ROWS = 16
"""The most rows that are multiplied together: blocks of so many, and a last one of fewer."""

_FEWEST = 2  # one matrix product takes another kernel, with other rounding, than two


class EnsembleProducts:
    """M_r v_r at weights w_r, of matrices M that are means over the training set, without weight decay, in float64.

    `make` gives the sums over samples, as `losses.functions.hessian_product` does: that is the default. One recorded
    function serves all rows, sixteen at a time (another the fewer that are left), and blocks are shared out to threads.
    A row has the same bits whatever the others are and however many, but not at every place: matrices of odd size lie
    at another alignment in every second row, and their products round otherwise. Raises `UserError`, as
    `Instruments.loss` does, if the loss of the network is no sum over samples.
    """

    def __init__(self, instruments: Instruments, make: Make = functions.hessian_product) -> None:
        instruments.loss.refuse_mixed()
        self._network, self._loss, self._workers = instruments.network, instruments.of_samples, instruments.workers
        self._samples = len(instruments.samples)
        size = chunks.samples_at_a_time(widest(instruments.network, instruments.samples.inputs))
        self._chunks = instruments.samples.chunks(size, torch.float64)
        self._device = instruments.samples.labels.device
        self._make = make
        self._traced: dict[int, TensorFunction] = {}

    def __call__(self, weights: Array, vectors: Array) -> Array:
        """The products (row, d) for rows of `weights` and `vectors` (row, d); of a `make` that gives several sums, all
        of them one behind the other.
        """
        starts = range(0, len(weights), ROWS)
        blocks = [self._block(weights[start : start + ROWS], vectors[start : start + ROWS]) for start in starts]
        if not blocks:
            return np.empty_like(weights)
        for block in (blocks[0], blocks[-1]):
            self._trace(*block)
        found = self._workers.map(lambda block: self._product(*block), blocks)
        product: Array = torch.cat(found)[: len(weights)].cpu().numpy()
        return product

    def _block(self, weights: Array, vectors: Array) -> tuple[Tensor, Tensor]:
        """The rows, and the first ones again up to a power of two, so that few functions serve all numbers of rows."""
        filled = np.resize(np.arange(len(weights)), max(_FEWEST, 1 << (len(weights) - 1).bit_length()))
        made = (torch.from_numpy(np.ascontiguousarray(each[filled])).to(self._device) for each in (weights, vectors))
        at, along = made
        return at, along

    def _arguments(self, at: Tensor, along: Tensor, chunk: tuple[Tensor, ...]) -> list[Tensor]:
        rows = (part.expand(len(at), *part.shape) for part in chunk)
        return [*self._network.parameters(at), *self._network.parameters(along), *rows]

    def _trace(self, at: Tensor, along: Tensor) -> None:
        """Now: threads must not trace."""
        if len(at) not in self._traced:
            self._traced[len(at)] = batched(
                partial(self._make, loss=self._loss),
                self._network,
                *self._arguments(at, along, self._chunks[0]),
                purpose="differentiated as products with matrices of an ensemble need it",
            )

    def _product(self, at: Tensor, along: Tensor) -> Tensor:
        total: Tensor | None = None
        for chunk in self._chunks:
            found = self._network.flatten(self._traced[len(at)](*self._arguments(at, along, chunk)), leading=1)
            total = found if total is None else total + found
        assert total is not None
        return total / self._samples


class SampleProducts(EnsembleProducts):
    """g_n . v and v . H_n v of every sample at weights w_r and directions v_r, without weight decay, in float64."""

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments, functions.slope_and_curvature)

    def _product(self, at: Tensor, along: Tensor) -> Tensor:
        """(row, sample, 2), which calling it gives for all rows."""
        found = [
            torch.stack(self._traced[len(at)](*self._arguments(at, along, chunk)), dim=-1) for chunk in self._chunks
        ]
        return torch.cat(found, dim=1)[:, : self._samples]
