"""Linear response to minibatch noise about the noise-free path, on the very minibatches that SGD sees.

With c_n the full-batch descent from the common start and b the minibatch of a replica at step n, SGD's displacement
from c_n obeys, to first order in itself,

    v <- v - learning_rate [H_b(c) v + g_b(c) - g(c)],

g_b and H_b being gradient and Hessian of the loss over the minibatch and g that over all samples; weight decay adds its
own linear term. A heavy ball, and any other linear rule, moves v by the same gradients. Where SGD's spread about c is
the variance of v, noise does no more than linear theory says: no barrier need be crossed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.batched import batched
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.losses import functions
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import shares
from langevin_sgd.training.tracing import TensorFunction
from langevin_sgd.training.update_rules.rule import Numbers, Replicas, UpdateRule
from langevin_sgd.training.update_rules.sgd.config import SgdRule

_STEPS_AT_A_TIME = 64  # of the control, whose points and gradients are kept meanwhile


@dataclass(frozen=True)
class _Path:
    """Parameters c of the control (step, d) before each of a few steps, and the mean gradients there, a parameter."""

    first: int
    parameters: list[list[Tensor]]
    gradients: list[list[Tensor]]


class TangentEnsemble:
    """The displacements v (replica, d) of linear response, and the control (d,) about which they are taken.

    The rule of the training moves both. It must be linear, and the replicas begin at one point. Row r follows the same
    bits whatever the rows beside it and the number of threads. Raises `UserError` where minibatches are not drawn among
    the training samples, so that no descent on these is without noise.
    """

    def __init__(self, beside: Beside) -> None:
        if beside.supply is not None:
            raise UserError(
                "the tangent ensemble needs minibatches of the training samples, whose full-batch descent is without "
                "noise; these are made anew (augmented or fresh samples): remove one of the two"
            )
        self._beside = beside
        rule, slots = beside.rule, beside.slots
        if rule is None:
            heavy_ball = SgdRule(kind="sgd")
            rule, slots = heavy_ball.build(beside.sgd), heavy_ball.slots(beside.sgd)
        self._minibatches = beside.minibatches()
        whole = beside.sgd.model_copy(update={"batch_size": len(beside.samples)})
        self._control = _Moved(beside, rule, slots, beside.start[:1].clone(), whole)
        self._tangent = _Moved(beside, rule, slots, torch.zeros_like(beside.start), beside.sgd)
        samples = beside.samples
        self._whole = samples.inputs[None], samples.labels[None]
        self._pieces = shares(len(beside.start), beside.workers.count)
        at, on = self._control.parameters, "evaluated on all samples at once"
        self._gradient = self._traced("gradient of all samples", functions.gradient, on, *at, *self._whole)
        self._responses: dict[int, TensorFunction] = {}
        for rows in {piece.stop - piece.start for piece in self._pieces}:  # now: threads must not trace
            index = torch.zeros(rows * beside.sgd.batch_size, dtype=torch.int64, device=samples.labels.device)
            parameters = [each.expand(rows, *each.shape[1:]) for each in at]
            directions = [each.clone() for each in parameters]  # else a trace takes the two for one
            examples = (*parameters, *directions, *self._minibatch(index, rows))
            key = ("response", rows, beside.sgd.batch_size)
            self._responses[rows] = self._traced(key, functions.response, "linearised along the control", *examples)

    @property
    def control(self) -> Tensor:
        """Where the full-batch descent is, (1, d), in place."""
        return self._control.weights

    @property
    def displacements(self) -> Tensor:
        """v (replica, d), in place."""
        return self._tangent.weights

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1."""
        step = first
        while step < last:
            indices = self._minibatches.block(step, min(last - step, _STEPS_AT_A_TIME))
            (path,) = self._beside.workers.map(self._descend, [(step, len(indices))])
            jobs = [(path, indices[:, piece], piece) for piece in self._pieces]
            self._beside.workers.map(lambda job: self._follow(*job), jobs)
            step += len(indices)

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that the next steps depend on."""
        parts = {"control": self._control, "tangent": self._tangent}
        return {f"{name}/{key}": value for name, part in parts.items() for key, value in part.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._control.restore("control", state)
        self._tangent.restore("tangent", state)

    def _descend(self, steps: tuple[int, int]) -> _Path:
        """So many steps of the control from a step on: where it is before each, and the gradients there."""
        first, count = steps
        control, samples = self._control, len(self._beside.samples)
        path = _Path(first, [], [])
        moved = control.replicas(slice(0, 1))
        for step in range(first, first + count):
            summed = list(self._gradient(*control.parameters, *self._whole))
            path.parameters.append([each.clone() for each in control.parameters])
            path.gradients.append([each / samples for each in summed])
            control.step(moved, step, summed)
        return path

    def _follow(self, path: _Path, indices: NDArray[np.int64], piece: slice) -> None:
        """The steps of some rows along the path, on their minibatches (step, row, B)."""
        tangent = self._tangent
        moved = tangent.replicas(piece)
        rows, size = indices.shape[1:]
        response = self._responses[rows]
        for step, (point, mean) in enumerate(zip(path.parameters, path.gradients, strict=True)):
            minibatch = self._minibatch(torch.from_numpy(np.ascontiguousarray(indices[step]).reshape(-1)), rows)
            at = [each.expand(rows, *each.shape[1:]) for each in point]
            summed = response(*at, *moved.parameters, *minibatch)
            tangent.step(moved, path.first + step, [part - size * g for part, g in zip(summed, mean, strict=True)])

    def _minibatch(self, index: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels (row, B, ...) of samples (row * B,)."""
        samples = self._beside.samples
        index = index.to(samples.labels.device)
        inputs, labels = (each.index_select(0, index) for each in (samples.inputs, samples.labels))
        return inputs.view(rows, -1, *inputs.shape[1:]), labels.view(rows, -1, *labels.shape[1:])

    def _traced(
        self, key: Hashable, make: Callable[..., TensorFunction], what: str, *examples: Tensor
    ) -> TensorFunction:
        traced, network, loss = self._beside.traced, self._beside.network, self._beside.loss
        if key not in traced:
            traced[key] = batched(partial(make, loss=loss), network, *examples, purpose=what)
        return traced[key]


class _Moved:
    """Rows that a rule moves by gradients which are none of its business, with what it remembers of them."""

    def __init__(self, beside: Beside, rule: UpdateRule, slots: Sequence[str], weights: Tensor, sgd: Sgd) -> None:
        self.weights = weights.to(dtype=beside.dtype, device=beside.samples.labels.device).contiguous()
        self.slots = {name: torch.zeros_like(self.weights) for name in slots}
        self._rule, self._network, self._sgd = rule, beside.network, sgd

    @property
    def parameters(self) -> list[Tensor]:
        """Views of the weights in the shapes of the parameters."""
        return self._network.parameters(self.weights)

    def replicas(self, piece: slice) -> Replicas:
        """Some of the rows as the rule sees them."""
        weights = self.weights[piece]
        slots = {name: slot[piece] for name, slot in self.slots.items()}
        shaped = {name: self._network.parameters(slot) for name, slot in slots.items()}
        numbers = Numbers.of([self._sgd] * len(weights), weights.device)
        parameters = self._network.parameters(weights)
        return Replicas(weights, parameters, slots, shaped, batch_size=self._sgd.batch_size, numbers=numbers)

    def step(self, replicas: Replicas, step: int, summed: list[Tensor]) -> None:
        """Move them by gradients, summed over the minibatch."""
        replicas.step, replicas.summed = step, summed
        self._rule.update(replicas)

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of all."""
        remembered = {f"slots/{name}": snapshot(slot) for name, slot in self.slots.items()}
        return {"weights": snapshot(self.weights), **remembered}

    def restore(self, name: str, state: Mapping[str, NDArray[Any]]) -> None:
        """The numbers of a state saved before under a name."""
        self.weights.copy_(torch.from_numpy(state[f"{name}/weights"]))
        for key, slot in self.slots.items():
            slot.copy_(torch.from_numpy(state[f"{name}/slots/{key}"]))
