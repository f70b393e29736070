"""The `sharpness` probe in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection


class SharpnessProbe(ProbeSection):
    """Top eigenvalue, trace and a rescaling-invariant sum of the loss's Hessian where training ended, per replica."""

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.sharpness.measure:SharpnessAtEnd"
    DECLARES: ClassVar[Declarations] = {
        "sharpness_top": Variable(("replica",), "largest eigenvalue of the loss's Hessian at the end"),
        "sharpness_trace": Variable(("replica",), "trace of the loss's Hessian at the end"),
        "sharpness_invariant": Variable(("replica",), "sum of w^2 times the diagonal of the loss's Hessian at the end"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"hessian"})
    kind: Literal["sharpness"]
    """Always `sharpness`."""
