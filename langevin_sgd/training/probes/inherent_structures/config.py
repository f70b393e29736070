"""The `inherent_structures` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Number, OpenFraction, WholeNumber
from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched


class InherentStructuresProbe(ProbeSection):
    """Minima below snapshots of the training, which of them are the same, and how often each was found."""

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.inherent_structures.measure:InherentStructures"
    DECLARES: ClassVar[Declarations] = {
        "basin": BASINS["basin"],
        "structure": Variable(
            ("replica", "snapshot"), "place in the list of structures of the minimum below the snapshot"
        ),
        "structure_energy": Variable(("basin",), "energy of the structure"),
        "structure_log_det": Variable(("basin",), "ln det of the energy's Hessian there, NaN if it is no minimum"),
        "structure_occupancy": Variable(("basin",), "fraction of the snapshots above the structure"),
        "structure_occupancy_stderr": Variable(("basin",), "standard error of it, over replicas"),
        "structure_noise_scale": Variable(("basin",), "noise scale sigma at the structure, sigma^2 = tr C/d"),
        "structure_effective_thermal_energy": Variable(
            ("basin",), "effective thermal energy eta sigma^2/(2B (1 - momentum)) by the noise scale at the structure"
        ),
        "snapshot_step": Coordinate(("snapshot",), "step of the snapshot", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"hessian"})
    kind: Literal["inherent_structures"]
    """Always `inherent_structures`."""
    snapshots: Annotated[WholeNumber, Field(ge=2, le=100_000)] = 20
    """Snapshots of every replica, equally spaced in steps."""
    discard: Annotated[Number, Field(ge=0, lt=1)] = 0.25
    """Fraction of the training before the first snapshot."""
    same_within: OpenFraction = 0.02
    """Relative difference of the outputs on the training inputs up to which two minima are one structure."""

    def kept(self) -> int:
        """The snapshots."""
        return self.snapshots

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Minima need weight decay."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.sgd.weight_decay == 0:
            yield (
                probe,
                "inherent_structures are minima, and without weight decay the loss has none; give sgd.weight_decay > 0",
            )

    def unscannable(self) -> str | None:
        """Structures are others at every point."""
        return "whose inherent structures are others at every point; remove that probe"
