"""Heavy-ball SGD: the step."""

from __future__ import annotations

import torch

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class HeavyBall(UpdateRule):
    """m <- momentum m + g + weight_decay w, w <- w - learning_rate m; without momentum the step alone."""

    def __init__(self, section: UpdateRuleSection, sgd: Sgd) -> None:
        self._sgd = sgd

    def update(self, replicas: Replicas) -> None:
        """Make one step; the mean over the minibatch is taken in it."""
        eta, decay, momentum = self._sgd.learning_rate, self._sgd.weight_decay, self._sgd.momentum
        if not momentum:
            if decay:
                # not w (1 - eta decay): in float32 that factor is rounded once and for all, to 1 if the decay is weak
                replicas.weights.add_(replicas.weights, alpha=-eta * decay)
            torch._foreach_add_(replicas.parameters, replicas.summed, alpha=-eta / replicas.batch_size)
            return
        velocity = replicas.slots["velocity"]
        velocity.mul_(replicas.number(momentum))
        torch._foreach_add_(replicas.slot_parameters["velocity"], replicas.summed, alpha=1.0 / replicas.batch_size)
        if decay:
            velocity.add_(replicas.weights, alpha=decay)
        replicas.weights.add_(velocity, alpha=-eta)
