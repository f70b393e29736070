"""The `generalisation` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_LOOK = ("generalisation_look",)
_AT = (*_LOOK, "replica")


class GeneralisationProbe(ProbeSection):
    """What replicas get wrong on the training set and on the test set, and the gap between these, with its error.

    Of classes an error is the share of samples that are told wrong, of real targets it is the loss. On all samples and
    in float64, whatever the recording is; the gap is the mean over replicas of the test error less the training error.
    The standard errors are over replicas, of one split into training and test set: they hold no part of that choice.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.generalisation.measure:Generalisation"
    DECLARES: ClassVar[Declarations] = {
        "train_error": Variable(_AT, "error on the training set: share told wrong, of real targets the loss"),
        "test_error": Variable(_AT, "error on the test set: share told wrong, of real targets the loss"),
        "generalisation_gap": Variable(_LOOK, "test error less training error, mean over replicas"),
        "generalisation_gap_stderr": Variable(_LOOK, "standard error of test error less training error, over replicas"),
        "loss_gap": Variable(_LOOK, "test loss less training loss, mean over replicas"),
        "loss_gap_stderr": Variable(_LOOK, "standard error of test loss less training loss, over replicas"),
        "generalisation_step": Coordinate(_LOOK, "step at which errors on all samples are measured", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["generalisation"]
    """Always `generalisation`."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 24."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """An error over replicas takes two."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.replicas < 2:
            yield (*model, "replicas"), "generalisation has its error from replicas; give 2 or more"
