"""The learning rates that a loop had: read off the optimizer as it makes each step, whatever comes between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from langevin_sgd.errors import UserError


class LearningRates:
    """Those of all groups of an optimizer at every step of its loop, over `base`, the learning rate of the sgd.

    It stands where the schedule of an update rule does, known when the loop has ended. A group's learning rate at a
    step is that with which `optimizer.step()` begins: where the scheduler is called, before or after the watch, does
    not matter.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, base: float) -> None:
        self._optimizer, self._base = optimizer, base
        self._now = _read(optimizer)
        self._rates: list[tuple[float, ...]] = []  # one entry a step; all of them one object while they stay
        self._made = 0
        self._hook = optimizer.register_step_pre_hook(self._begun)

    def made(self, step: int) -> float:
        """The loop says that it has made a step, counted from 1: the learning rate of the first group that it had.

        Raises `UserError` if the optimizer has made several since the one before.
        """
        if self._made > 1:
            raise UserError(
                f"step {step}: the optimizer has made {self._made} steps since the one before; call watch.step() after "
                "each of them"
            )
        if not self._made:  # the weights were moved in another way
            self._see()
        self._made = 0
        self._rates.append(self._now)
        return self._now[0]

    def close(self) -> None:
        """Let go of the optimizer."""
        self._hook.remove()

    def constant(self) -> bool:
        """Whether the first group, by which time is counted, had one learning rate all along, that of the sgd."""
        return all(rates[0] == self._base for rates in self._rates)

    def alike(self) -> bool:
        """Whether all groups had the same learning rate at every step."""
        return all(len(set(rates)) == 1 for rates in self._rates)

    def factors(self) -> Callable[[int, int], float]:
        """What the learning rate was at step n, from 0, over that of the sgd; after the last step that of the last."""
        return lambda step, steps: self._rates[min(step, steps - 1)][0] / self._base

    def summed(self, counts: Iterable[int], steps: int) -> list[float]:
        """Sum of these factors over the first n steps, for every n of `counts`."""
        sums = list(accumulate((rates[0] / self._base for rates in self._rates), initial=0.0))
        return [sums[int(count)] for count in counts]

    def of_groups(self, record: NDArray[np.int64]) -> NDArray[np.float64]:
        """The learning rates (group, time) of the steps after `record`, of the last one that of the last step."""
        last = len(self._rates) - 1
        return np.array([self._rates[min(int(step), last)] for step in record]).T

    def _begun(self, *_: Any) -> None:
        self._see()
        self._made += 1

    def _see(self) -> None:
        now = _read(self._optimizer)
        if now != self._now:
            self._now = now


def _read(optimizer: torch.optim.Optimizer) -> tuple[float, ...]:
    return tuple(float(group["lr"]) for group in optimizer.param_groups)
