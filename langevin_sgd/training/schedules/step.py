"""The `step` schedule."""

from __future__ import annotations

from typing import Literal

from langevin_sgd.config.fields import OpenFraction, Steps
from langevin_sgd.training.schedules.section import ScheduleSection


class StepSchedule(ScheduleSection):
    """by^(n div every): the learning rate falls by a factor every so many steps, as torch's StepLR."""

    kind: Literal["step"]
    """Always `step`."""
    every: Steps
    """Steps between falls."""
    by: OpenFraction = 0.1
    """Factor of each; torch calls it gamma."""

    def beyond(self, steps: int) -> tuple[str, str] | None:
        """Falls that never come, too."""
        left = steps - self.warm_up
        if (fault := super().beyond(steps)) is None and self.every >= left:
            return "every", f"{self.every} steps, and the training has {left}, so that nothing ever falls; give less"
        return fault

    def factor(self, step: int, steps: int) -> float:
        """by^(n div every)."""
        return float(self.by ** (step // self.every))
