"""The `two_time` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Steps
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

SeveralSteps = Annotated[tuple[Steps, ...], Field(min_length=1)]

SHORTEST = 8
"""Steps of a training in which times that are not given find their place."""


class TwoTimeProbe(ProbeSection):
    """How far weights move between two times, by how much they have in common and how much they spread."""

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.two_time.measure:TwoTime"
    DECLARES: ClassVar[Declarations] = {
        "waiting_step": Coordinate(("waiting",), "the earlier of two times", "step"),
        "separation_step": Coordinate(("separation",), "time between two times", "step"),
        "squared_increment": Variable(
            ("replica", "waiting", "separation"), "squared distance between the weights at two times"
        ),
        "squared_increment_predicted": Variable(
            ("waiting", "separation"),
            "squared distance between the weights at two times, predicted by the process's own law",
        ),
        "increment_drift_squared": Variable(
            ("waiting", "separation"), "squared mean increment over replicas, noise removed"
        ),
        "increment_drift_squared_stderr": Variable(
            ("waiting", "separation"), "standard error of the squared mean increment, over replicas"
        ),
        "increment_spread": Variable(("waiting", "separation"), "variance of the increment over replicas, summed"),
        "increment_spread_stderr": Variable(
            ("waiting", "separation"), "standard error of the variance of the increment, over replicas"
        ),
    }
    kind: Literal["two_time"]
    """Always `two_time`."""
    waiting: SeveralSteps | None = None
    """Earlier times. null: four from a thousandth to half of the training, evenly spaced in their logarithm."""
    separations: SeveralSteps | None = None
    """Times between the two. null: the same four."""

    def emits(self) -> frozenset[str]:
        """All but what a law says."""
        return super().emits() - {"squared_increment_predicted"}

    def kept(self) -> int:
        """The weights at the earlier times."""
        return 4 if self.waiting is None else len(self.waiting)

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Times that are not in order, or beyond the training."""
        yield from super().problems(watched, model=model, probe=probe)
        for key in ("waiting", "separations"):
            yield from out_of_order(getattr(self, key), (*probe, key))
        if watched.steps is not None and (fault := self.unfit(watched.steps)) is not None:
            at, told = fault
            yield (*probe, *at), told

    def unfit(self, steps: int) -> tuple[KeyPath, str] | None:
        """The key that does not go with a training of so many steps, and why; None if all times are within it."""
        if steps < SHORTEST and not (self.waiting and self.separations):
            return (), f"a training of {steps} steps is too short to choose times in; give waiting and separations"
        longest = max(self.waiting or (steps // 2,)) + max(self.separations or (steps // 2,))
        if longest <= steps:
            return None
        mend = "give less" if self.waiting and self.separations else "give both, and less"
        told = f"waiting and separations reach step {longest}, but the training ends at {steps}; {mend}"
        return ("separations" if self.separations else "waiting",), told

    def shorter(self, steps: int) -> TwoTimeProbe | None:
        """Two times in the piece."""
        half = steps // 2
        return None if half < 1 else self.model_copy(update={"waiting": (half,), "separations": (half,)})


def out_of_order(given: tuple[int, ...] | None, at: KeyPath) -> Faults:
    """Steps that do not grow."""
    if given is not None and list(given) != sorted(set(given)):
        mend = ", ".join(map(str, sorted(set(given))))
        yield at, f"must grow from one to the next, got {', '.join(map(str, given))}; give [{mend}]"
