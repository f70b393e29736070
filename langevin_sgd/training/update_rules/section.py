"""What a kind of update rule tells the config: its keys, what it remembers, and whether a law is known for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.fields import Section
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.families import imported

if TYPE_CHECKING:
    from langevin_sgd.training.update_rules.rule import UpdateRule


class UpdateRuleSection(Section):
    """The base of all kinds of rule; a kind overrides what is different with it, and nothing else names the kind."""

    RULE: ClassVar[str]
    """The class that makes the steps, "module:Class" of (section, sgd), an `UpdateRule`, imported when the training
    begins; see `build`."""
    SLOTS: ClassVar[tuple[str, ...]] = ()
    """What it remembers from step to step, by name: each like the weights, and 0 at the start."""
    OWN_LAW: ClassVar[bool] = False
    """Whether its steps are those of heavy-ball SGD, whose laws then are its own: of another nothing is claimed."""
    FUSED: ClassVar[tuple[str, ...]] = ()
    """Numbers of the sgd, of "learning_rate", "momentum" and "weight_decay", that may differ between replicas which it
    moves at once: it reads them from the replicas, `replicas.learning_rate`, and not from the sgd that it is built
    with. Points of a scan that differ in others are trained one after the other."""
    kind: str

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

    def problem(self, sgd: Sgd) -> str | None:
        """Why it cannot step with this momentum; None if it can."""
        if sgd.momentum == 0:
            return None
        return f"must be 0 for the update rule {self.kind}, which does not read it, got {sgd.momentum:g}"

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.kind,) if ":" in self.kind else ()
