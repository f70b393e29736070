"""The keys that say how loss, energy and accuracy are evaluated along training. Light to import."""

from __future__ import annotations

from typing import Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveWholeNumber, Section

Precision = Literal["float32", "float64"]


class Recording(Section):
    """How loss, energy and accuracy are evaluated along training.

    Displacements cost next to nothing, and are recorded at all of the recorded times whatever is said here; where loss,
    energy and accuracy are not evaluated they are nan.
    """

    precision: Precision | None = None
    """Arithmetic of the loss of a sample; sums over samples are made in float64. null: float64 if the evaluations then
    take no more than a fifth of the training, counted in passes of samples through the network, else that of the
    training."""
    samples: PositiveWholeNumber | None = None
    """On how many training samples, and as many test samples, drawn once: the same at all times and points, for all
    replicas and for the control. `train_loss_stderr` then says how far from theirs the loss of all may be. null: all.
    """
    evaluations: PositiveWholeNumber | None = None
    """At how many of the recorded times after the start, the last among them. null: as many as take no more than a
    fifth of the training, one at least; all of them where energies of a stationary window are evaluated too."""
    window: Literal["loss", "modes"] = "loss"
    """Energies in a stationary window. loss: of all samples in float64, whatever the keys above say; in short runs they
    take longer than the steps. modes: along the modes in the quadratic approximation, sum of k x^2/2, at no cost:
    `mode_energy`, as where some modes alone are measured."""

    def problems(self, at: KeyPath, *, record_times: int, samples: int | None, window: bool) -> Faults:
        """What does not go with the recorded times, with the training samples if their number is known, and without a
        stationary window.
        """
        if self.window == "modes" and not window:
            yield (*at, "window"), "there is no stationary window without start: minimum and curvature; remove it"
        if self.evaluations is not None and self.evaluations > record_times:
            mend = f"give at most {record_times}, or raise record_times"
            yield (*at, "evaluations"), f"{self.evaluations} is more than the {record_times} recorded times; {mend}"
        if self.samples is not None and samples is not None and self.samples > samples:
            yield (*at, "samples"), too_many(self.samples, samples)


def too_many(asked: int, samples: int) -> str:
    """What is said of a subset larger than the training set."""
    return f"{asked} is more than the {samples} training samples; give at most {samples}, or null for all"
