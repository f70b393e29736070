"""What a schedule of the learning rate tells: its factor at every step, and the time that goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import Field

from langevin_sgd.config.fields import STEP_LIMIT, Section, WholeNumber

Factors = Callable[[int, int], float]


class ScheduleSection(Section):
    """The base of all schedules. At step n, from 0, the learning rate is eta_n = `factors()(n, steps)` learning_rate.

    `steps` is the length of the training. The time after n steps is the sum of their learning rates. A kind gives
    `factor`; while the learning rate rises at the start it is (n + 1)/(warm_up + 1) of the first one.
    """

    kind: str
    warm_up: Annotated[WholeNumber, Field(ge=0, le=STEP_LIMIT)] = 0
    """Steps in which the learning rate rises to where the schedule begins, which then does."""

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by at a step after the warm-up, counted from there; a number >= 0."""
        raise NotImplementedError

    def function(self) -> Factors:
        """`factor` for all steps of a training: what has to be found first is found once."""
        return self.factor

    def factors(self) -> Factors:
        """What the learning rate is multiplied by at each step, (n, steps)."""
        after, rise = self.function(), self.warm_up
        if not rise:
            return after

        def factor(step: int, steps: int) -> float:
            left = max(steps - rise, 1)
            return after(step - rise, left) if step >= rise else (step + 1) / (rise + 1) * after(0, left)

        return factor

    def constant(self) -> bool:
        """Whether it never changes anything."""
        return False

    def settled(self) -> int | None:
        """The step from which the factor is 1 to the end of any training; None if it may be another up to then."""
        return None

    def beyond(self, steps: int) -> tuple[str, str] | None:
        """The key that a training of so many steps ends before it does anything, or all that it is to, and why."""
        if self.warm_up and self.warm_up >= steps:
            return "warm_up", f"of {self.warm_up} steps does not end within the training of {steps}; give less"
        return None

    def summed(self, counts: Iterable[int], steps: int) -> list[float]:
        """Sum of the factors of the first n steps, for every n of `counts`, which do not decrease."""
        factor = self.factors()
        found, total, step = [], 0.0, 0
        for count in counts:
            for each in range(step, int(count)):
                total += factor(each, steps)
            step = max(step, int(count))
            found.append(total)
        return found

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return ()
