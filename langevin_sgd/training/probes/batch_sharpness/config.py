"""The `batch_sharpness` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_AT = ("batch_sharpness_look", "replica")


class BatchSharpnessProbe(ProbeSection):
    """Mean over minibatches B of g_B^T H_B g_B/|g_B|^2, gradient and Hessian of B's own loss with weight decay.

    Said to hover at 2/learning_rate in training by SGD, as the largest eigenvalue of H does by full-batch descent
    (Andreyev and Beneventano 2024). Minibatches are those that the replica would see next, which its weights do not
    depend on.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.batch_sharpness.measure:BatchSharpness"
    DECLARES: ClassVar[Declarations] = {
        "batch_sharpness": Variable(_AT, "mean curvature of a minibatch's loss along its own gradient"),
        "batch_sharpness_stderr": Variable(_AT, "standard error of it, over minibatches"),
        "batch_sharpness_step": Coordinate(("batch_sharpness_look",), "step at which it is measured", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["batch_sharpness"]
    """Always `batch_sharpness`."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 24."""
    minibatches: Annotated[WholeNumber, Field(ge=2, le=10_000)] = 16
    """Over how many minibatches of each replica the mean is taken."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Minibatches are chosen among the training samples."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.anew:
            yield (
                probe,
                "takes minibatches of the training samples, and samples are made anew at every step; remove it, or "
                "augment or fresh of data",
            )
