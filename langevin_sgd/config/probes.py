"""Probes of a network: what is measured at the weights that its training visited."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from langevin_sgd.config.fields import Number, OpenFraction, Section, WholeNumber


class SharpnessProbe(Section):
    """Top eigenvalue, trace and a rescaling-invariant sum of the loss's Hessian where training ended, per replica."""

    EMITS: ClassVar[frozenset[str]] = frozenset({"sharpness_trace"})
    """Observables that decide which checks can be made."""
    kind: Literal["sharpness"]
    """Always `sharpness`."""


class InherentStructuresProbe(Section):
    """Minima below snapshots of the training, which of them are the same, and how often each was found."""

    EMITS: ClassVar[frozenset[str]] = frozenset({"structure"})
    kind: Literal["inherent_structures"]
    """Always `inherent_structures`."""
    snapshots: Annotated[WholeNumber, Field(ge=2, le=100_000)] = 20
    """Snapshots of every replica, equally spaced in steps."""
    discard: Annotated[Number, Field(ge=0, lt=1)] = 0.25
    """Fraction of the training before the first snapshot."""
    same_within: OpenFraction = 0.02
    """Relative difference of the outputs on the training inputs up to which two minima are one structure."""


def _by_name(value: Any) -> Any:
    # `probes: [sharpness]` is short for `probes: [{kind: sharpness}]`.
    return {"kind": value} if isinstance(value, str) else value


Probe = Annotated[SharpnessProbe | InherentStructuresProbe, Field(discriminator="kind"), BeforeValidator(_by_name)]
