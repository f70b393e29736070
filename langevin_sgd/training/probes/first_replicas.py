"""The keys of probes that look at the first replicas of an ensemble."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.training.probes.section import ProbeSection, Watched


class FirstReplicasSection(ProbeSection):
    """The base of the sections of such probes."""

    replicas: Annotated[WholeNumber, Field(ge=1)] | None = None
    """The first so many replicas. null: one, or as many as take no more than a fifth of the training at these times."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many replicas."""
        yield from super().problems(watched, model=model, probe=probe)
        if self.replicas is not None and self.replicas > watched.replicas:
            yield (
                (*probe, "replicas"),
                f"{self.replicas} is more than the {watched.replicas} of the network; give at most so many",
            )
