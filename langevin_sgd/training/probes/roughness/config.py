"""The `roughness` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import FirstLast, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_BIN = ("roughness_bin",)


class RoughnessProbe(ProbeSection):
    """Mean square difference of the energy against distance: along trajectories, along full-batch descent from their
    start, and along random directions from where that ends.

    What trajectories show beyond the descent is roughness; a random direction shows alpha = 2 of any smooth loss, with
    the value r^2 |g|^2/d of its gradient alone.

    Alpha itself is no property of the network. It is the slope of ln E(Delta E)^2 against ln r, over one window, of a
    curve that bends: 2 at short distances, less towards the distance over which the loss falls. And as the loss falls
    faster at the start than at the end, it depends on which places of the path make the pairs. `trajectory_alpha`
    counts every pair of recorded points once, so that with other recorded times it is another. `*_alpha_by_length`
    weights a point by the length of the descent that it stands for: the average over places, whatever the clock. Where
    the descent rests, and noise alone moves the weights, that sees nothing, so it stands beside the first and not in
    its place. What can be read is the difference between trajectories and descent, at the same times and distances.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.roughness.measure:Roughness"
    DECLARES: ClassVar[Declarations] = {
        "trajectory_structure": Variable(_BIN, "mean square difference of energy along trajectories"),
        "control_structure": Variable(_BIN, "mean square difference of energy along full-batch descent"),
        "roughness_distance": Coordinate(_BIN, "geometric mean of the ends of a bin of distance"),
        "trajectory_alpha": Variable((), "exponent of the structure function along trajectories"),
        "trajectory_alpha_stderr": Variable((), "standard error of it, over replicas"),
        "trajectory_amplitude": Variable((), "amplitude A of A r^alpha along trajectories"),
        "trajectory_amplitude_stderr": Variable((), "standard error of it, over replicas"),
        "trajectory_dimension": Variable((), "number of weights, in which trajectories go"),
        "trajectory_thermal_energy": Variable(
            (), "thermal energy eta sigma^2/(2B (1 - momentum)) along trajectories, averaged over time"
        ),
        "trajectory_thermal_energy_stderr": Variable((), "standard error of it, over the replicas that were looked at"),
        "control_alpha": Variable((), "exponent of the structure function along full-batch descent"),
        "trajectory_alpha_by_length": Variable(
            (), "exponent along trajectories, pairs weighted by the length of the descent that their points stand for"
        ),
        "trajectory_alpha_by_length_stderr": Variable((), "standard error of it, over replicas"),
        "control_alpha_by_length": Variable((), "exponent along full-batch descent, pairs weighted in the same way"),
        "direction_distance": Coordinate(("direction_distance",), "distance along random directions"),
        "direction_over_null": Variable(
            ("direction_distance",), "rms difference of energy along random directions over that of the gradient alone"
        ),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["roughness"]
    """Always `roughness`."""
    points: Annotated[WholeNumber, Field(ge=4, le=1000)] = 32
    """Recorded times at which the paths are kept."""
    distances: FirstLast | None = None
    """Shortest and longest distance of the fit. null: a tenth of the way that the descent has gone at the end, and all
    of it."""

    def kept(self) -> int:
        """The points of the paths."""
        return self.points

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Distances in order, and one start."""
        yield from super().problems(watched, model=model, probe=probe)
        if self.distances is not None and not 0.0 < self.distances[0] < self.distances[1]:
            got = " and ".join(f"{each:g}" for each in self.distances)
            yield (*probe, "distances"), f"needs 0 < SHORTEST < LONGEST, got {got}; give the shorter of two first"
        if not watched.one_start:
            yield probe, "roughness compares with descent from one start, but start is independent; give start: shared"
