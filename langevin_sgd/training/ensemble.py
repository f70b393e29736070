"""SGD of many replicas of one network at once, on minibatches of their own."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training.batched import Batched, OneByOne, batched
from langevin_sgd.training.data.section import Supply
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.minibatches import IndexSource
from langevin_sgd.training.network import Network
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.step_sums import StepSums
from langevin_sgd.training.threads import Workers, shares
from langevin_sgd.training.update_rules.rule import Numbers, Replicas, UpdateRule
from langevin_sgd.training.update_rules.sgd.config import SgdRule

_SECONDS_WORTH_A_THREAD = 0.5e-3  # less work a step than this is done sooner on one core than shared out

# Threads wait for one another at every operation: whether they gain anything is tried, for so many steps as one core
# takes this long for, the best of a few times; of blocks that take ten times what is worth a thread it is certain.
_SECONDS_TRIED, _TRIALS = 10e-3, 3
_CERTAINLY_WORTH = 10
_LOSS = 1.15  # in a trial so short less may be chance, and what waits for another program now need not later

# A step whose minibatches are this large pushes the training set out of a core's cache; it is then read for a few steps
# in one go.
_BYTES_THAT_EVICT = 1 << 17
_STEPS_GATHERED = 4
_CACHE_LINE = 64

_BYTES_OF_A_BLOCK = 1 << 20  # weights and minibatches of the replicas that a core moves at once stay in its cache


class Ensemble:
    """Weights of R replicas and one rule that moves them: SGD with momentum (`SgdStep`) unless `rule` is another.

    The gradient is that of the loss, summed over minibatches of `sgd.batch_size` samples; what the rule remembers are
    its `slots`. `weights` (replica, d) are where they start. `own` gives every replica an sgd of its own, with other
    numbers where the rule can tell them apart (its section's FUSED). With a `supply` minibatches are what that draws,
    and the source of indices tells which replica a row is (`minibatches.NoIndices`). Replica r follows the same bits
    whatever the replicas beside it and the number of threads, on one machine's CPU: two or more share one kernel, and a
    lone one gets a `companion`, a copy. What is `traced` serves other ensembles of the same network and loss. With
    `squares` the squares of all steps are summed (`StepSums`), which takes heavy-ball SGD.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        sgd: Sgd,
        *,
        weights: Tensor,
        dtype: torch.dtype,
        workers: Workers,
        loss: Loss = CROSS_ENTROPY,
        rule: UpdateRule | None = None,
        slots: Sequence[str] = (),
        own: Sequence[Sgd] | None = None,
        companion: bool = True,
        traced: dict[Hashable, Batched] | None = None,
        supply: Supply | None = None,
        squares: bool = False,
    ) -> None:
        self._replicas = len(weights)
        self._alone = self._replicas == 1 and companion
        moved = weights.to(dtype=dtype, device=samples.labels.device)
        self._weights = (moved.expand(2, -1) if self._alone else moved).contiguous().clone()
        if rule is None:
            heavy_ball = SgdRule(kind="sgd")
            rule, slots = heavy_ball.build(sgd), heavy_ball.slots(sgd)
        rows = len(self._weights)
        numbers = Numbers.of([sgd] * rows if own is None else [*own, *own] if self._alone else own, moved.device)
        self._slots = {name: torch.zeros_like(self._weights) for name in slots}
        self._squares = moved.new_zeros((rows, len(network.shapes)), dtype=torch.float64) if squares else None
        self._workers = workers

        traces: dict[Hashable, Batched] = {} if traced is None else traced

        def blocks(pieces: list[slice]) -> list[_Block]:
            found = []
            for piece in pieces:
                remembered = {name: slot[piece] for name, slot in self._slots.items()}
                moved = (rule, self._weights[piece], remembered, numbers.part(piece))
                block = _Block(network, loss, samples, sgd.batch_size, *moved, traces, supply)
                if self._squares is not None:
                    block.sum_squares(self._squares[piece])
                found.append(block)
            return found

        fitting = fitting_replicas(samples, network.size, sgd.batch_size, dtype, self._weights.device) or rows
        self._blocks, self._threads = blocks(shares(rows, -(-rows // fitting))), 1
        if workers.count == 1:
            return
        seconds = self._blocks[0].seconds_per_step()
        most = min(workers.count, int(seconds * len(self._blocks) / _SECONDS_WORTH_A_THREAD))
        if most > 1:
            pieces = shares(rows, max(most, len(self._blocks)))
            many = blocks(pieces) if len(pieces) > len(self._blocks) else self._blocks
            if seconds > _CERTAINLY_WORTH * _SECONDS_WORTH_A_THREAD or _gain(workers, many, most, self._blocks):
                self._blocks, self._threads = many, most

    @property
    def weights(self) -> Tensor:
        """Weights (replica, d), in place: they change with every step."""
        return self._weights[: self._replicas]

    @property
    def one_by_one(self) -> UserError | None:
        """Why replicas are evaluated one after the other, which is slower, and not at once; None if they are."""
        return self._blocks[0].one_by_one

    @property
    def optimiser_state(self) -> dict[str, Tensor]:
        """What the rule remembers, tensors (replica, d) by name, in place as the weights are."""
        return {name: slot[: self._replicas] for name, slot in self._slots.items()}

    @property
    def squares(self) -> Tensor | None:
        """Sums over all steps so far of the squared steps over eta^2, (replica, parameter), if they are summed."""
        return None if self._squares is None else self._squares[: self._replicas]

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that the next steps depend on."""
        kept = {f"slots/{name}": snapshot(slot) for name, slot in self.optimiser_state.items()}
        if self.squares is not None:
            kept["squares"] = snapshot(self.squares)
        return {"weights": snapshot(self.weights), **kept}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._weights.copy_(torch.from_numpy(state["weights"]))  # a lone replica's row fills both
        for name, slot in self._slots.items():
            slot.copy_(torch.from_numpy(state[f"slots/{name}"]))
        if self._squares is not None:
            self._squares.copy_(torch.from_numpy(state["squares"]))

    def advance(self, minibatches: IndexSource, first: int, last: int) -> None:
        """Make the steps first, first + 1, ..., last - 1."""
        step = first
        while step < last:
            indices, at_step = minibatches.block(step, last - step), step
            step += len(indices)
            if self._alone:
                indices = np.repeat(indices, 2, axis=1)
            jobs, at = [], 0
            for block in self._blocks:
                jobs.append((block, indices[:, at : at + len(block.weights)], at_step))
                at += len(block.weights)
            self._workers.map(lambda job: job[0].advance(*job[1:]), jobs, at_most=self._threads)


def fitting_replicas(
    samples: Samples, dimension: int, batch_size: int, dtype: torch.dtype, device: torch.device
) -> int | None:
    """How many replicas a core of a CPU moves soonest at once; None on another device, where that is all."""
    if device.type != "cpu":
        return None
    one = samples.inputs[0].nbytes * batch_size + 2 * dimension * dtype.itemsize
    return max(1, _BYTES_OF_A_BLOCK // one)


def _gain(workers: Workers, many: Sequence[_Block], threads: int, few: Sequence[_Block]) -> bool:
    """Whether so many threads make the gradients of the blocks `many` no later than one those of `few`."""

    def seconds(blocks: Sequence[_Block], threads: int, steps: int) -> float:
        began = time.perf_counter()
        workers.map(lambda block: block.gradients(steps), blocks, at_most=threads)
        return time.perf_counter() - began

    seconds(many, threads, 1)  # warms up
    steps = max(1, round(_SECONDS_TRIED / seconds(few, 1, 1)))
    tried = [(seconds(many, threads, steps), seconds(few, 1, steps)) for _ in range(_TRIALS)]
    return min(shared for shared, _ in tried) < _LOSS * min(alone for _, alone in tried)


class _Block:
    """Replicas that one thread takes care of."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        samples: Samples,
        batch_size: int,
        rule: UpdateRule,
        weights: Tensor,
        slots: Mapping[str, Tensor],
        numbers: Numbers,
        traced: dict[Hashable, Batched],
        supply: Supply | None,
    ) -> None:
        self.weights, self._supply = weights, supply
        self._parameters = network.parameters(weights)
        self._samples, self._batch_size, self._rule = samples, batch_size, rule
        in_shape = {name: network.parameters(slot) for name, slot in slots.items()}
        self._replicas = Replicas(weights, self._parameters, slots, in_shape, batch_size=batch_size, numbers=numbers)
        self._sums: StepSums | None = None
        first = self._first_minibatch()
        aligned = first[0].nbytes % _CACHE_LINE == 0  # else rounding would depend on the place among the steps
        self._steps_gathered = _STEPS_GATHERED if aligned and first[0].nbytes >= _BYTES_THAT_EVICT else 1
        key = (len(weights), batch_size, weights.dtype)  # a trace depends on nothing else of a block
        if key not in traced:
            purpose = "trained as an ensemble (torch.func.vmap of its gradient fails)"
            of = partial(functions.gradient, loss=loss)
            traced[key] = batched(of, network, *self._parameters, *first, purpose=purpose)
        gradient = traced[key]
        self.one_by_one = gradient.refused if isinstance(gradient, OneByOne) else None
        self._gradient = gradient.holding(self._parameters)  # which change in place

    def sum_squares(self, sums: Tensor) -> None:
        """Add the squares of all steps to `sums` (replica, parameter) from now on."""
        self._sums = StepSums(self._replicas, sums)

    def advance(self, indices: NDArray[np.int64], first: int) -> None:
        """One step for every row of indices (steps, replica, B), the first of which is step `first`."""
        if self._supply is not None:
            for step, replicas in enumerate(indices[:, :, 0], first):
                self._step(step, *self._supplied(self._supply, step, replicas))
            return
        index = torch.from_numpy(np.ascontiguousarray(indices).reshape(-1)).to(self.weights.device)
        together = self._steps_gathered * len(self.weights) * self._batch_size
        step = first
        for few in torch.split(index, together):
            for inputs, labels in zip(*self._minibatches(few), strict=True):
                self._step(step, inputs, labels)
                step += 1

    def _step(self, step: int, inputs: Tensor, labels: Tensor) -> None:
        self._replicas.step = step
        # one tensor a parameter, summed over the minibatch: dividing by B is left to the update
        self._replicas.summed = list(self._gradient(inputs, labels))
        if self._sums is None:
            self._rule.update(self._replicas)
            return
        self._sums.before(self._replicas.summed)
        self._rule.update(self._replicas)
        self._sums.after()

    def _supplied(self, supply: Supply, step: int, replicas: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        inputs, labels = (torch.from_numpy(each) for each in supply.minibatch(step, replicas, self._batch_size))
        like = self._samples
        labels = labels.reshape(*labels.shape[:2], *like.labels.shape[1:])
        return inputs.to(like.inputs), labels.to(like.labels)

    def seconds_per_step(self) -> float:
        """How long the gradient takes on one core: the quickest of a few."""
        times = []
        with one_torch_thread(), torch.inference_mode():
            for _ in range(5):
                began = time.perf_counter()
                self.gradients(1)
                times.append(time.perf_counter() - began)
        return min(times)

    def gradients(self, times: int) -> None:
        """Work out the gradient of a first minibatch so many times, and forget it."""
        minibatch = self._first_minibatch()
        for _ in range(times):
            self._gradient(*minibatch)

    def _first_minibatch(self) -> tuple[Tensor, Tensor]:
        count = len(self.weights) * self._batch_size
        inputs, labels = self._minibatches(torch.zeros(count, dtype=torch.int64, device=self.weights.device))
        return inputs[0], labels[0]

    def _minibatches(self, index: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Inputs and labels of each of a few steps, from sample indices (steps * replica * B,)."""
        inputs, labels = self._samples.inputs, self._samples.labels
        shape = (-1, len(self.weights), self._batch_size)
        x = torch.index_select(inputs, 0, index).view(*shape, *inputs.shape[1:])
        return x.unbind(0), torch.index_select(labels, 0, index).view(*shape, *labels.shape[1:]).unbind(0)
