"""Adam: the step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adam.config import Adaptive
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule


class Adam(UpdateRule):
    """w <- w - learning_rate M/(sqrt(V) + epsilon) with the corrected means M of g + weight_decay w, V of its square.

    Each replica has numbers of its own, but either all have decay or none.
    """

    def __init__(self, section: Adaptive, sgd: Sgd) -> None:
        self._betas, self._epsilon = (section.beta_1, section.beta_2), section.epsilon
        self._decays = sgd.weight_decay > 0

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        gradient = replicas.gradient()
        if self._decays:
            gradient.addcmul_(replicas.weights, replicas.weight_decay)
        self._shrink(replicas)
        first, second = self._betas
        mean = replicas.slots["mean"].mul_(first).add_(gradient, alpha=1.0 - first)
        replicas.slots["mean_square"].mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        reach = replicas.numbers.learning_rate / (1.0 - first ** (replicas.step + 1))
        step = mean / self._root(replicas.slots, replicas.step + 1)
        replicas.weights.addcmul_(step, reach.to(step.dtype), value=-1.0)

    def _shrink(self, replicas: Replicas) -> None:
        """What happens to the weights beside the step."""

    def preconditioner(self, slots: Mapping[str, Tensor], steps: int) -> Tensor:
        """1/(sqrt(V) + epsilon)."""
        return self._root(slots, steps).reciprocal_()

    def _root(self, slots: Mapping[str, Tensor], steps: int) -> Tensor:
        corrected = slots["mean_square"] / (1.0 - self._betas[1] ** steps)
        return corrected.sqrt_().add_(self._epsilon)
