"""The `final_weights` probe in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

MOST_NUMBERS = 1 << 26
"""Weights of all replicas of one point together: half a gigabyte of float64."""


class FinalWeightsProbe(ProbeSection):
    """The weights of every replica after the last step, in the precision of the training.

    Along `parameter` they stand in the order of the module's own `parameters()`, each flattened by rows, so that
    `torch.nn.utils.vector_to_parameters(torch.from_numpy(w), module.parameters())` puts those of a replica into a
    module.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.final_weights.measure:FinalWeights"
    DECLARES: ClassVar[Declarations] = {
        "final_weights": Variable(("replica", "parameter"), "weights after the last step"),
    }
    kind: Literal["final_weights"]
    """Always `final_weights`."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Too many weights to be kept."""
        yield from super().problems(watched, model=model, probe=probe)
        if (fault := too_many(watched)) is not None:
            yield probe, fault


def too_many(watched: Watched) -> str | None:
    """Why the weights are too many; None if they are not, or if their number is not known yet."""
    if watched.parameters is None or watched.replicas * watched.parameters <= MOST_NUMBERS:
        return None
    most = MOST_NUMBERS // watched.parameters
    mend = f"give at most {most} replicas, or remove the probe" if most else "remove the probe"
    return (
        f"keeps {watched.replicas} x {watched.parameters} weights, and {MOST_NUMBERS} are the most for a run to "
        f"hold them; {mend}"
    )
