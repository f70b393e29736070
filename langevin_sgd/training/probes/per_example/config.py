"""The `per_example` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched


class PerExampleProbe(ProbeSection):
    """For each training sample the share of replicas that tell its label after some steps, by default one epoch.

    Of R replicas the share q_n of a sample whose probability is p_n has E q_n^2 = p_n^2 + p_n (1 - p_n)/R: that part of
    chance is taken out of the spread over samples.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.per_example.measure:PerExample"
    DECLARES: ClassVar[Declarations] = {
        "example_accuracy": Variable(
            ("example_step", "example"), "share of replicas that tell a training sample's label"
        ),
        "example_spread": Variable(
            ("example_step",), "standard deviation over samples of their probability to be told, without chance's part"
        ),
        "example_step": Coordinate(("example_step",), "step at which training samples are told", "step"),
        "example": Coordinate(("example",), "training sample"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["per_example"]
    """Always `per_example`."""
    steps: Annotated[tuple[Annotated[WholeNumber, Field(ge=1)], ...], Field(min_length=1)] | None = None
    """When, growing. null: after one epoch, N div B steps, or at the end of a shorter training."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Times must be those of the training, and chance's part takes two replicas."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.replicas < 2:
            yield (*model, "replicas"), "per_example tells samples from chance by replicas; give 2 or more"
        if self.steps is not None and list(self.steps) != sorted(set(self.steps)):
            mend = ", ".join(map(str, sorted(set(self.steps))))
            yield (*probe, "steps"), f"must grow from one to the next; give [{mend}]"
        elif self.steps is not None and watched.steps is not None and self.steps[-1] > watched.steps:
            yield (*probe, "steps"), f"reach step {self.steps[-1]}, but the training ends at {watched.steps}; give less"

    def shorter(self, steps: int) -> PerExampleProbe:
        """At the end of the piece."""
        return self.model_copy(update={"steps": (steps,)})
