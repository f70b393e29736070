"""The `cosine` schedule."""

from __future__ import annotations

import math
from typing import Literal

from langevin_sgd.config.fields import NonNegativeNumber, Steps
from langevin_sgd.training.schedules.section import ScheduleSection


class CosineSchedule(ScheduleSection):
    """Half a wave from 1 down to `last`, and `last` from then on, as torch's CosineAnnealingLR goes down.

    (Loshchilov and Hutter, ICLR 2017)
    """

    kind: Literal["cosine"]
    """Always `cosine`."""
    last: NonNegativeNumber = 0.0
    """Factor after `steps`."""
    steps: Steps | None = None
    """How many steps it takes. null: the whole training."""

    def factor(self, step: int, steps: int) -> float:
        """last + (1 - last)(1 + cos(pi min(n/steps, 1)))/2."""
        return self.last + (1.0 - self.last) * (1.0 + math.cos(math.pi * min(step / (self.steps or steps), 1.0))) / 2.0
