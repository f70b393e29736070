"""A schedule: the learning rate falls as 1/(1 + n/100)."""

from langevin_sgd.training.schedules.section import ScheduleSection


def fading(step: int) -> float:
    """A function of the step is enough."""
    return 1.0 / (1.0 + step / 100.0)


class Fading(ScheduleSection):
    """As a section it can have keys of its own, and know how long the training is."""

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by."""
        return fading(step)
