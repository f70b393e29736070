"""The `spectrum_of_error` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveNumber, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection


class SpectrumOfErrorProbe(ProbeSection):
    """Amplitude of every frequency f in the residual, and in the target, on the training samples.

    Residual and target are fitted by sum_f (a_f sin(f p) + b_f cos(f p)), least squares over all frequencies together;
    the amplitude is the root of a_f^2 + b_f^2, over all outputs. The phase p of a sample is its angle, of inputs (cos,
    sin), or 2 pi x of one input x.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.spectrum_of_error.measure:SpectrumOfError"
    DECLARES: ClassVar[Declarations] = {
        "error_amplitude": Variable(("error_look", "replica", "frequency"), "amplitude of a frequency in the residual"),
        "target_amplitude": Variable(("frequency",), "amplitude of a frequency in the target"),
        "error_step": Coordinate(("error_look",), "step at which the residual is seen", "step"),
        "frequency": Coordinate(("frequency",), "oscillations of a target"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["spectrum_of_error"]
    """Always `spectrum_of_error`."""
    frequencies: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)]
    """Those that are fitted: all that the target has, or they would show in others, and any more."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: one, or as many as take no more than a fifth of the training."""
