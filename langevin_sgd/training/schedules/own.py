"""A schedule of the user's own in a config: a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from langevin_sgd import import_path, user_code
from langevin_sgd.errors import UserError
from langevin_sgd.training.schedules.section import Factors, ScheduleSection


class OwnSchedule(ScheduleSection):
    """What a function of your own returns for the number of a step, counted from 0: a factor >= 0."""

    kind: str

    def factor(self, step: int, steps: int) -> float:
        """What the function returns. Raises `UserError` in one line if it fails, or that is no such factor."""
        return self.function()(step, steps)

    def function(self) -> Factors:
        """The function, imported. Raises `UserError` in one line if it cannot be."""
        function = import_path.load(self.kind)
        return lambda step, steps: self._checked(function, step)

    def _checked(self, function: Callable[..., Any], step: int) -> float:
        found: Any = user_code.call_at_every_step(f"schedule {self.kind}: failed at step {step}", function, step)
        try:
            factor = float(found)
        except (TypeError, ValueError):
            factor = math.nan
        if not 0.0 <= factor < math.inf:
            raise UserError(f"schedule {self.kind}: gave {found!r} at step {step}; a finite number >= 0 is needed")
        return factor

    def code(self) -> tuple[str, ...]:
        """The function."""
        return (self.kind,)
