"""What evaluates loss, energy and accuracy as they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.energy import Evaluation, Evaluator, Samples, decay_energy
from langevin_sgd.training.recording.config import too_many

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Meter:
    """Evaluates weights on the training set and, if there is one, on the test set, or on a part of each."""

    train: Evaluator
    test: Evaluator | None
    weight_decay: float = 0.0

    def with_decay(self, weight_decay: float) -> Meter:
        """The same with another weight decay."""
        return replace(self, weight_decay=weight_decay)

    @property
    def drawn(self) -> tuple[str, ...]:
        """Of which of the sets, train and test, it sees a part."""
        sets = (("train", self.train), ("test", self.test))
        return tuple(name for name, evaluator in sets if evaluator is not None and evaluator.drawn)

    def told(self, precision: str, energies: Sequence[str]) -> dict[str, str]:
        """What is to be said of losses, accuracies and `energies`, as far as they are not of all samples in float64."""
        arithmetic = "" if precision == "float64" else f", in {precision}"
        told: dict[str, str] = {}
        for part, evaluator in (("train", self.train), ("test", self.test)):
            if evaluator is None:
                continue
            samples = f", on {evaluator.samples:,} of {evaluator.of:,} samples" if evaluator.drawn else ""
            own = energies if part == "train" else ()
            told |= dict.fromkeys((f"{part}_loss", f"{part}_accuracy", *own), samples + arithmetic)
        return told

    def energies(self, weights: Tensor, evaluated: Evaluation | None = None) -> Array:
        """Energies (replica,) of weights (replica, d): loss and weight decay."""
        evaluated = self.train(weights) if evaluated is None else evaluated
        return evaluated.loss + decay_energy(weights, self.weight_decay)


def subset(samples: Samples, size: int, *, seed: int, test: bool) -> Samples:
    """`size` of the samples in their order, or all if there are no more; a larger subset holds a smaller one.

    The first of a random order of all: that of epoch 0 in the EVALUATION stream, trajectory 0 for the training set and
    1 for the `test` set. So they depend on the seed and on how many samples there are, and on nothing else.
    """
    if size >= len(samples):
        return samples
    order = streams.permutations(
        seed, trajectories=[int(test)], steps=[0], size=len(samples), stream=Stream.EVALUATION
    )[0, 0]
    chosen = torch.from_numpy(np.sort(order[:size])).to(samples.labels.device)
    return Samples(samples.inputs[chosen], samples.labels[chosen])


def on_subsets(
    make: Callable[[Samples, int], Evaluator], train: Samples, test: Samples | None, size: int | None, *, seed: int
) -> Meter:
    """The meter on `size` of the training samples and as many of the test samples, or on all of them.

    `make` makes an evaluator of samples that are drawn from so many. Raises `FaultWithin` for more than there are.
    """
    if size is not None and size > len(train):
        raise FaultWithin(("recording", "samples"), too_many(size, len(train)))

    def evaluator(samples: Samples, *, of_test: bool) -> Evaluator:
        drawn = samples if size is None else subset(samples, size, seed=seed, test=of_test)
        return make(drawn, len(samples))

    return Meter(evaluator(train, of_test=False), None if test is None else evaluator(test, of_test=True))
