"""What a kind of update rule tells the config: its keys, what it remembers, and whether a law is known for it.

Three keys are common to all rules, whatever their step: `schedule`, the clipping of gradients, and that of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveNumber, Section
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.families import imported
from langevin_sgd.training.schedules import ScheduleKind
from langevin_sgd.training.schedules.constant import ConstantSchedule

if TYPE_CHECKING:
    from langevin_sgd.training.update_rules.rule import UpdateRule


class UpdateRuleSection(Section):
    """The base of all kinds of rule; a kind overrides what is different with it, and nothing else names the kind."""

    RULE: ClassVar[str]
    """The class that makes the steps, "module:Class" of (section, sgd), an `UpdateRule`, imported when the training
    begins; see `build`."""
    SLOTS: ClassVar[tuple[str, ...]] = ()
    """What it remembers from step to step, by name: each like the weights, and 0 at the start."""
    PRECONDITIONER: ClassVar[bool] = False
    """Whether it multiplies gradients by a preconditioner that its slots give; see `held`."""
    FUSED: ClassVar[tuple[str, ...]] = ()
    """Numbers of the sgd, of "learning_rate", "momentum" and "weight_decay", that may differ between replicas which it
    moves at once: it reads them from the replicas, `replicas.learning_rate`, and not from the sgd that it is built
    with. Points of a scan that differ in others are trained one after the other."""
    LINEAR: ClassVar[bool] = False
    """Whether its step is linear in weight, slots and gradient, in each coordinate alone and alike, and the same at
    every step but the first. That is tried before a training begins; where it is stable and how far it fluctuates about
    a minimum follow from the step (`langevin_sgd.theory.companion`). Of another rule nothing is claimed."""
    MOMENTUM: ClassVar[bool] = False
    """Whether it reads the momentum of the sgd."""
    kind: str
    schedule: ScheduleKind = ConstantSchedule()
    """What the learning rate is multiplied by at each step: a name, a mapping with its settings, or the path of a
    function of your own of the step."""
    clip_norm: PositiveNumber | None = None
    """Longest gradient of a minibatch, without weight decay: a longer one is scaled down. null: none is."""
    clip_value: PositiveNumber | None = None
    """Largest component of it in size, to which others are cut, after clip_norm. null: none is."""
    clip_weights: PositiveNumber | None = None
    """K: after every step weights beyond -K and K are put back to there. null: none is."""

    def slots(self, sgd: Sgd) -> tuple[str, ...]:
        """What it remembers where it steps with this `sgd`."""
        return self.SLOTS

    def alike(self, sgd: Sgd) -> Hashable:
        """What must be equal of replicas that it moves at once, beside the numbers that are not in FUSED."""
        return self.slots(sgd)

    def build(self, sgd: Sgd) -> UpdateRule:
        """What makes the steps with this `sgd`."""
        made: Callable[[UpdateRuleSection, Sgd], UpdateRule] = imported(self.RULE)
        return made(self, sgd)

    def clips(self) -> bool:
        """Whether gradients or weights are cut: then no step is linear."""
        return any(bound is not None for bound in (self.clip_norm, self.clip_value, self.clip_weights))

    def heavy_ball(self, sgd: Sgd) -> bool:
        """Whether every step with this `sgd` is m <- momentum m + g, w <- w - learning_rate m, at one learning rate.

        m is then the only slot, and none is there without momentum. g is the gradient with weight decay, uncut.
        """
        return False

    def has_law(self) -> bool:
        """Whether a law is claimed for it: its step is linear."""
        return self.LINEAR and not self.clips()

    def held(self, sgd: Sgd) -> tuple[UpdateRuleSection, Sgd] | None:
        """The linear rule that is left of one with a preconditioner D if that is held, and its sgd; None without one.

        It moves u, where w = D^(1/2) u, by the gradients D^(1/2) g, weight decay included; D is what
        `UpdateRule.preconditioner` gives.
        """
        return None

    def uncompared(self, modes: int | None) -> str | None:
        """Why fluctuations along so many modes, or along all, are compared with no law, its own or another; None if so.

        Of one whose code is not imported while a run is read there may be a law; what the run holds says so.
        """
        if type(self) is UpdateRuleSection or self.has_law():
            return None
        if self.clips():
            return f"is trained by {self.kind} with clipping, which is no linear step, and no law is known of it"
        if not self.PRECONDITIONER:
            return f"is trained by {self.kind}, whose step is not linear, and no law is known of it"
        if modes is None:
            return None
        return (
            f"has curvature: {{modes: {modes}}}, but the preconditioner of {self.kind} mixes all modes, and its law "
            "takes H and C in full; leave curvature out"
        )

    def problems(self, sgd: Sgd, *, rule: KeyPath, momentum: KeyPath) -> Faults:
        """Why it cannot step with this `sgd`; `rule` and `momentum` are where they are written."""
        if sgd.momentum != 0 and not self.MOMENTUM:
            yield momentum, f"must be 0 for the update rule {self.kind}, which does not read it, got {sgd.momentum:g}"
        if not self.schedule.constant() and "learning_rate" not in self.FUSED:
            yield (
                (*rule, "schedule"),
                f"{self.schedule.kind} changes the learning rate, which {self.kind} does not read from the replicas; "
                "let it read replicas.learning_rate and name learning_rate in FUSED",
            )

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (*((self.kind,) if ":" in self.kind else ()), *self.schedule.code())
