"""The `constant` schedule: none, but for a warm-up."""

from __future__ import annotations

from typing import Literal

from langevin_sgd.training.schedules.section import ScheduleSection


class ConstantSchedule(ScheduleSection):
    """The learning rate of the sgd at all steps after the warm-up."""

    kind: Literal["constant"] = "constant"
    """Always `constant`; a schedule that says no kind is."""

    def factor(self, step: int, steps: int) -> float:
        """1."""
        return 1.0

    def constant(self) -> bool:
        """Whether there is no warm-up."""
        return self.warm_up == 0

    def settled(self) -> int:
        """When the warm-up ends."""
        return self.warm_up
