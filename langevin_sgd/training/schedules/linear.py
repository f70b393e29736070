"""The `linear` schedule."""

from __future__ import annotations

from typing import Literal

from langevin_sgd.config.fields import NonNegativeNumber, Steps
from langevin_sgd.training.schedules.section import ScheduleSection


class LinearSchedule(ScheduleSection):
    """From `first` to `last` in equal steps, and `last` from then on, as torch's LinearLR."""

    kind: Literal["linear"]
    """Always `linear`."""
    first: NonNegativeNumber = 1.0
    """Factor at the first step."""
    last: NonNegativeNumber = 0.0
    """Factor after `steps`."""
    steps: Steps | None = None
    """How many steps it takes. null: the whole training."""

    def factor(self, step: int, steps: int) -> float:
        """first + (last - first) min(n/steps, 1)."""
        return self.first + (self.last - self.first) * min(step / (self.steps or steps), 1.0)
