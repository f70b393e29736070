"""What is common to all rules: the schedule of the learning rate, and the clipping of gradients and of weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection

_ADDED = 1e-6  # to the norm that clipping divides by, as torch.nn.utils.clip_grad_norm_ does


def around(rule: UpdateRule, section: UpdateRuleSection, steps: int) -> UpdateRule:
    """The rule with what its section asks for beside it, in a training of so many steps; itself if that is nothing."""
    return rule if section.schedule.constant() and not section.clips() else _Around(rule, section, steps)


class _Around(UpdateRule):
    """The learning rate of the step, g <- clip(g), the step of the rule, W <- clip(W)."""

    def __init__(self, rule: UpdateRule, section: UpdateRuleSection, steps: int) -> None:
        self._rule, self._section, self._steps = rule, section, steps
        self._factor = section.schedule.factors()

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        section = self._section
        replicas.at_rate(self._factor(replicas.step, self._steps))
        if section.clip_norm is not None or section.clip_value is not None:
            replicas.replace_gradient(_clipped(replicas.gradient(), section))
        self._rule.update(replicas)
        if (most := section.clip_weights) is not None:
            replicas.weights.clamp_(-most, most)

    def preconditioner(self, slots: Mapping[str, Tensor], steps: int) -> Tensor:
        """That of the rule."""
        return self._rule.preconditioner(slots, steps)


def _clipped(gradient: Tensor, section: UpdateRuleSection) -> Tensor:
    """The gradients (replica, d), each scaled to the norm and cut to the value that are the most."""
    if (longest := section.clip_norm) is not None:
        norm = (gradient * gradient).sum(dim=1, keepdim=True).sqrt_()
        gradient = gradient * (longest / (norm + _ADDED)).clamp_(max=1.0)
    if (largest := section.clip_value) is not None:
        gradient = gradient.clamp(-largest, largest)
    return gradient
