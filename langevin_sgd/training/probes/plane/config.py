"""The `plane` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Entries, Number, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

Replica = Annotated[WholeNumber, Field(ge=0)]
_GRID = ("plane_row", "plane_column")
_CORNER = ("plane_corner",)


class PlaneProbe(ProbeSection):
    """Energy, training and test loss on the plane through the weights of three replicas after the last step.

    Coordinates are those of Garipov et al. (2018), by Gram and Schmidt: the first replica is the origin, the second
    lies on the axis of x, the third above it, and distances are those between weights. With `quench` the three are
    first taken to the minima below them by full-batch descent; minima nearer than a thousandth of their length are one.
    Where the three lie on one line, as when two of them are one minimum, there is no plane, and all but the losses at
    the corners is NaN.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.plane.measure:OnPlane"
    DECLARES: ClassVar[Declarations] = {
        "plane_energy": Variable(_GRID, "energy on the plane through three replicas, training loss and weight decay"),
        "plane_train_loss": Variable(_GRID, "training loss on the plane through three replicas"),
        "plane_test_loss": Variable(_GRID, "test loss on the plane through three replicas"),
        "plane_corner_x": Variable(_CORNER, "x of a replica on the plane"),
        "plane_corner_y": Variable(_CORNER, "y of a replica on the plane"),
        "plane_corner_energy": Variable(_CORNER, "energy at a replica on the plane"),
        "plane_corner_train_loss": Variable(_CORNER, "training loss at a replica on the plane"),
        "plane_corner_test_loss": Variable(_CORNER, "test loss at a replica on the plane"),
        "plane_corner": Coordinate(_CORNER, "replica on the plane"),
        "plane_x": Coordinate(("plane_column",), "distance along the direction from the first replica to the second"),
        "plane_y": Coordinate(("plane_row",), "distance from the line through the first two replicas"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["plane"]
    """Always `plane`."""
    replicas: Annotated[tuple[Replica, Replica, Replica], Entries("[FIRST, SECOND, THIRD]")] = (0, 1, 2)
    """The three replicas."""
    quench: bool = False
    """Whether each is taken to the minimum of the energy below it, which needs weight decay."""
    points: Annotated[WholeNumber, Field(ge=2, le=1000)] = 31
    """Points along each side of the grid; every one takes the loss of all samples."""
    margin: Annotated[Number, Field(gt=0, le=10)] = 0.3
    """How far the grid reaches beyond the three, as a part of their extent along each axis."""

    def emits(self) -> frozenset[str]:
        """All but what takes a test set."""
        return super().emits() - {"plane_test_loss", "plane_corner_test_loss"}

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Three replicas that there are, in two dimensions or more, and minima only where there are any."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.replicas < 3:
            yield (*model, "replicas"), f"{watched.replicas} make no plane, which goes through three; give 3 or more"
        elif max(self.replicas) >= watched.replicas:
            most = watched.replicas - 1
            yield (*probe, "replicas"), f"{max(self.replicas)} is none of the replicas, 0 to {most}; give one of these"
        elif len(set(self.replicas)) < 3:
            yield (*probe, "replicas"), f"{list(self.replicas)} names one twice; give three different ones"
        if watched.parameters == 1:
            yield probe, "plane takes two weights or more, and there is one; remove it"
        if self.quench and watched.sgd.weight_decay == 0:
            yield (
                (*probe, "quench"),
                "without weight decay the loss has no minima; give sgd.weight_decay > 0, or quench: false",
            )
