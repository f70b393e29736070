"""What a probe sees of an ensemble in training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.training import curvature
from langevin_sgd.training.energy import Evaluation, Evaluator, Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.recording.meter import Meter
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers

Array = NDArray[np.float64]


class Instruments:
    """What can be evaluated of a training at any weights, in float64: made once, each when it is first used.

    `network` is in float64, and so are `train` and `test`; `apart` says whether the loss is a sum over samples. The
    `samples` are those of the training set, and `of_samples` is what each costs.
    """

    def __init__(
        self,
        network: Network,
        train: Samples,
        test: Samples | None,
        *,
        weight_decay: float,
        workers: Workers,
        loss: Loss = CROSS_ENTROPY,
        apart: bool = True,
    ) -> None:
        self.network, self.inputs, self.weight_decay = network, train.inputs, weight_decay
        self._apart = apart
        self.samples, self.workers, self.of_samples = train, workers, loss
        self._test = test

    @property
    def sees_shifts(self) -> bool:
        """Whether one number added to all outputs changes the loss."""
        return self.of_samples.sees_shifts

    @cached_property
    def train(self) -> Evaluator:
        """Loss and accuracy of many weight vectors on the training set."""
        return Evaluator(self.network, self.samples, self.workers, self.of_samples, apart=self._apart)

    @cached_property
    def test(self) -> Evaluator | None:
        """The same on the test set; None without one."""
        if self._test is None:
            return None
        return Evaluator(self.network, self._test, self.workers, self.of_samples, apart=self._apart)

    @cached_property
    def loss(self) -> FullBatch:
        """The mean loss over the training set and its derivatives at one weight vector, without weight decay."""
        return FullBatch(self.network, self.samples, 0.0, self.workers, self.of_samples, apart=self._apart)

    @cached_property
    def energy(self) -> FullBatch:
        """The same with weight decay, which is what the descent sees."""
        return self.loss.with_decay(self.weight_decay)

    def with_decay(self, weight_decay: float) -> Instruments:
        """The same with another weight decay; what is made of either serves both."""
        for shared in ("train", "test", "loss"):
            getattr(self, shared)  # made now, or each would make its own
        other = copy.copy(self)
        for own in ("energy", "meter"):
            vars(other).pop(own, None)
        other.weight_decay = weight_decay
        return other

    @cached_property
    def meter(self) -> Meter:
        """Loss, energy and accuracy of many weight vectors on all samples."""
        return Meter(self.train, self.test, self.weight_decay)

    def energies(self, weights: Tensor) -> Array:
        """Energies (replica,) of weights (replica, d): loss and weight decay."""
        return self.meter.energies(weights)


class Together:
    """Several points of a scan at one step: what the first asks of them is evaluated of all of them at once.

    `weights` (point * replica, d) are theirs, in order. Replicas are a multiple of sixteen, so that each is aligned in
    memory as it is alone (see `training.threads`).
    """

    def __init__(self, meter: Meter, weights: Tensor, replicas: int) -> None:
        self._meter, self._weights, self._replicas = meter, weights, replicas

    @cached_property
    def _train(self) -> Evaluation:
        return self._meter.train(self._weights)

    @cached_property
    def _test(self) -> Evaluation | None:
        test = self._meter.test
        return None if test is None else test(self._weights)

    def train(self, place: int) -> Evaluation:
        """Loss and accuracy of one of the points on the training set."""
        return self._train.part(self._own(place))

    def test(self, place: int) -> Evaluation | None:
        """The same on the test set; None without one."""
        return None if self._test is None else self._test.part(self._own(place))

    def _own(self, place: int) -> slice:
        return slice(place * self._replicas, (place + 1) * self._replicas)


class View:
    """The ensemble at one step. What is asked for is evaluated then, in float64, and kept for who asks next.

    `weights` (replica, d) are those of the training itself, in its precision, and so is what the update rule remembers,
    `optimiser_state`, tensors like the weights by name: they change with the next step, so keep copies, such as
    `positions`. What is `recorded` of loss and energy is as `meter` evaluates it, which may be on some samples or in
    less exact arithmetic; without one it is what is evaluated for all. Beside others at the same step, `beside` does
    that for all at once; the place is that among them. Replicas that are `alike` are one to be evaluated.
    """

    def __init__(
        self,
        step: int,
        weights: Tensor,
        instruments: Instruments,
        *,
        meter: Meter | None = None,
        alike: bool = False,
        optimiser_state: Mapping[str, Tensor] | None = None,
        squares: Tensor | None = None,
        beside: tuple[Together, int] | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
        save: Callable[[], None] = lambda: None,
    ) -> None:
        self.step, self.weights, self._instruments = step, weights, instruments
        self.optimiser_state: Mapping[str, Tensor] = {} if optimiser_state is None else optimiser_state
        self._meter = instruments.meter if meter is None else meter
        self._squares, self._alike, self._beside = squares, alike, beside
        self.progress, self.save = progress, save

    @cached_property
    def positions(self) -> Array:
        """The weights (replica, d), copied."""
        copied: NDArray[Any] = snapshot(self.weights, torch.float64)
        return copied

    @property
    def squares(self) -> Array:
        """Sums over all steps so far of |m|^2, heavy ball's w <- w - eta m, (replica, parameter), copied.

        They are there for probes that say so in NEEDS.
        """
        if self._squares is None:
            raise LookupError("the squares of all steps are not summed; a probe that needs them says so in NEEDS")
        copied: NDArray[Any] = snapshot(self._squares)
        return copied

    @cached_property
    def train(self) -> Evaluation:
        """Loss and accuracy of every replica on the training set."""
        if self._meter.train is self._instruments.train:
            return self.recorded_train
        return self._evaluated(self._instruments.train)

    @cached_property
    def test(self) -> Evaluation | None:
        """The same on the test set; None without one."""
        if self._meter.test is self._instruments.test:
            return self.recorded_test
        return None if self._instruments.test is None else self._evaluated(self._instruments.test)

    @cached_property
    def energies(self) -> Array:
        """Energy (replica,): training loss and weight decay."""
        return self._instruments.meter.energies(self.weights, self.train)

    @cached_property
    def recorded_train(self) -> Evaluation:
        """Loss and accuracy of every replica on the training set, as they are recorded."""
        if self._beside is not None and not self._alike:
            together, place = self._beside
            return together.train(place)
        return self._evaluated(self._meter.train)

    @cached_property
    def recorded_test(self) -> Evaluation | None:
        """The same on the test set; None without one."""
        if self._beside is not None and not self._alike:
            together, place = self._beside
            return together.test(place)
        return None if self._meter.test is None else self._evaluated(self._meter.test)

    @cached_property
    def recorded_energies(self) -> Array:
        """Energy (replica,) as it is recorded: that training loss and weight decay."""
        return self._meter.energies(self.weights, self.recorded_train)

    def _evaluated(self, evaluator: Evaluator) -> Evaluation:
        """By one evaluator; where all replicas are alike, of one of them."""
        if not self._alike:
            return evaluator(self.weights)
        return evaluator(self.weights[:1]).repeated(len(self.weights))

    @cached_property
    def gradients(self) -> Array:
        """Full-batch gradients (replica, d) of the energy."""
        return np.stack([self.energy.energy_and_gradient(w).gradient for w in self.positions])

    def sample_gradients(self, replica: int) -> Array:
        """Gradients (N, d) of the losses of the training samples at one replica's weights, without weight decay."""
        blocks: list[Array] = []
        self.loss.sample_gradients(self.positions[replica], lambda block: blocks.append(block.cpu().numpy().copy()))
        return np.concatenate(blocks)

    def hessian(self, replica: int) -> Array:
        """Hessian (d, d) of the energy at one replica's weights."""
        return curvature.hessian(self.energy, self.positions[replica])

    def outputs(self, w: Array) -> Array:
        """The network's outputs on all training inputs at weights w (d,), shape (N, outputs)."""
        network, inputs = self._instruments.network, self._instruments.inputs
        with torch.no_grad():
            found = network.outputs(network.parameters(torch.from_numpy(w).to(inputs.device)), inputs)
        result: Array = found.cpu().numpy()
        return result

    def seen_outputs(self, w: Array) -> Array:
        """The same as far as the loss sees them: without their mean over outputs where it does not see that."""
        found = self.outputs(w)
        return found if self._instruments.sees_shifts else found - found.mean(1, keepdims=True)

    @property
    def loss(self) -> FullBatch:
        """The training loss and its derivatives at any weights, without weight decay."""
        return self._instruments.loss

    @property
    def energy(self) -> FullBatch:
        """The energy, training loss and weight decay, and its derivatives at any weights."""
        return self._instruments.energy
