"""Measures the curvature of minibatches along their own gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.training.batched import batched
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.ensemble_products import ROWS
from langevin_sgd.training.losses import functions
from langevin_sgd.training.minibatches import many_from
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.batch_sharpness.config import BatchSharpnessProbe
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.tracing import TensorFunction

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = 24
_PASSES_OF_ONE = 3.5  # gradient and Hessian product, in gradients


def quotients(beside: Beside, weights: Array, indices: NDArray[np.int64]) -> Array:
    """g_B^T H_B g_B/|g_B|^2 (row, minibatch) at weights (row, d), of minibatches (row, minibatch, B) of samples.

    The loss of a minibatch is the mean over its samples, with the weight decay of the training.
    """
    exact = beside.exact()
    rows, many, size = indices.shape
    at = np.repeat(np.arange(rows), many)
    chosen = torch.from_numpy(np.ascontiguousarray(indices.reshape(rows * many, size)))
    points = torch.from_numpy(weights)
    count = -(-len(at) // ROWS) * ROWS
    filled = np.resize(np.arange(len(at)), count)  # whole blocks, so that a row's bits do not hang on the others
    blocks = [filled[start : start + ROWS] for start in range(0, count, ROWS)]
    function = _product(exact, points[at[blocks[0]]], chosen[blocks[0]])

    def of(block: NDArray[np.int64]) -> Tensor:
        own, batch = points[at[block]], chosen[block]
        return function(*_arguments(exact, own, own, batch))[0]

    found = torch.cat(beside.workers.map(of, blocks))[: len(at)]
    result: Array = found.cpu().numpy().reshape(rows, many)
    return result


def _arguments(exact: Beside, at: Tensor, along: Tensor, batch: Tensor) -> list[Tensor]:
    device = exact.samples.labels.device
    index = batch.reshape(-1).to(device)
    inputs, labels = (
        each.index_select(0, index).view(*batch.shape, *each.shape[1:])
        for each in (exact.samples.inputs, exact.samples.labels)
    )
    return [*exact.network.parameters(at.to(device)), inputs, labels]


def _product(exact: Beside, at: Tensor, batch: Tensor) -> TensorFunction:
    loss, decay = exact.loss, exact.sgd.weight_decay

    def make(network: Network) -> TensorFunction:
        slope, product = functions.gradient(network, loss), functions.hessian_product(network, loss)

        def function(*arguments: Tensor) -> tuple[Tensor, ...]:
            *parameters, inputs, labels = arguments
            size = labels.shape[0]
            ones = torch.ones(size, dtype=inputs.dtype, device=inputs.device)
            gradient = [
                g / size + decay * p for g, p in zip(slope(*parameters, inputs, labels), parameters, strict=True)
            ]
            curved = product(*parameters, *gradient, inputs, labels, ones)
            terms = [((h / size + decay * g) * g).sum() for h, g in zip(curved, gradient, strict=True)]
            squares = [(g * g).sum() for g in gradient]
            return (torch.stack(terms).sum() / torch.stack(squares).sum(),)

        return function

    return batched(make, exact.network, *_arguments(exact, at, at, batch), purpose="differentiated twice")


class BatchSharpness(Probe):
    """The probe: every replica at some of the recorded steps, on the minibatches that follow."""

    def __init__(self, section: BatchSharpnessProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        if beside.supply is not None:
            raise UserError(
                "batch_sharpness takes minibatches of the training samples, and these are made anew (augmented or "
                "fresh samples): remove one of the two"
            )
        beside.instruments.loss.refuse_mixed()
        self._beside, self._minibatches, self._many = beside, beside.minibatches(), section.minibatches
        passes = _PASSES_OF_ONE * section.minibatches * watched.replicas * watched.sgd.batch_size / len(beside.samples)
        calls = section.minibatches * watched.replicas / ROWS
        looks = min(affordable(watched, passes, calls=calls), _LOOKS) if section.looks is None else section.looks
        self._steps = spread_over(beside.record, looks)
        self._mean: Array = np.full((self._steps.size, watched.replicas), np.nan)
        self._error: Array = np.full((self._steps.size, watched.replicas), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Measure it where the replicas are, on the minibatches of the steps to come."""
        place = int(np.searchsorted(self._steps, view.step))
        following = many_from(self._minibatches, view.step, self._many).swapaxes(0, 1)
        found = quotients(self._beside, view.positions, following)
        self._mean[place] = found.mean(axis=1)
        self._error[place] = found.std(axis=1, ddof=1) / np.sqrt(self._many)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {"batch_sharpness": self._mean, "batch_sharpness_stderr": self._error}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps."""
        return {"batch_sharpness_step": self._steps}

    def state(self) -> State:
        """What was measured so far."""
        return {"mean": self._mean, "error": self._error}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._mean[...] = state["mean"]
        self._error[...] = state["error"]
