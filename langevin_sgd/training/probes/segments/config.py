"""The `segments` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_OF_PAIRS = ("segment_look", "pair")


class SegmentsProbe(ProbeSection):
    """Barriers of the energy on straight lines between replicas at one time, and what a smooth loss would differ by.

    The trapezoid null of a pair is (g + g') (w' - w)/2 with the gradients at both ends: the difference of energies
    itself where the loss is quadratic between them.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.segments.measure:Segments"
    DECLARES: ClassVar[Declarations] = {
        "segment_barrier": Variable(_OF_PAIRS, "highest energy between two replicas above that of the higher one"),
        "segment_distance": Variable(_OF_PAIRS, "distance between two replicas"),
        "segment_over_null": Variable(
            ("segment_look",), "rms difference of energy between replicas over that of the trapezoid of gradients"
        ),
        "segment_step": Coordinate(("segment_look",), "step at which replicas are joined by segments", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["segments"]
    """Always `segments`."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] = 6
    """Recorded times, the last among them, at which replicas are joined."""
    pairs: Annotated[WholeNumber, Field(ge=2, le=10_000)] = 16
    """Pairs of replicas, 0 and 1, 2 and 3 and so on: as many as there are, at most."""
    points: Annotated[WholeNumber, Field(ge=1, le=1000)] = 9
    """Points between the ends, equally spaced."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Two pairs at least, for an error."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.replicas < 4:
            yield (*model, "replicas"), f"{watched.replicas} are fewer than two pairs for segments; give 4 or more"
