"""How strong a potential and its noise are: numbers that a config gives, or that are measured on a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from langevin_sgd.config.fields import Magnitude, Number
from langevin_sgd.errors import UserError
from langevin_sgd.models.quadratic.given import Measured

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike


def _tag(value: Any) -> str:
    return "from" if isinstance(value, Mapping) or hasattr(value, "from_") else "number"


GivenNumber = Annotated[Annotated[Number, Tag("number")] | Annotated[Measured, Tag("from")], Discriminator(_tag)]
GivenMagnitude = Annotated[Annotated[Magnitude, Tag("number")] | Annotated[Measured, Tag("from")], Discriminator(_tag)]

MEASURED = {
    "alpha": "trajectory_alpha",
    "amplitude": "trajectory_amplitude",
    "thermal_energy": "trajectory_thermal_energy",
}
"""Where a network holds each of the keys that may be measured on it."""
PROBE = "roughness"
"""The probe that measures them."""


def measured(given: Mapping[str, Any], lent: Mapping[str, xr.Dataset]) -> dict[str, float]:
    """The numbers of those keys that are measured; `lent` are the models on which they are.

    Raises `UserError` for one that the network could not tell, or that is zero.
    """
    found: dict[str, float] = {}
    for key, each in given.items():
        if not isinstance(each, float):
            found[key] = value = float(lent[each.from_][MEASURED[key]])
            if not 0.0 < value < math.inf:
                raise UserError(
                    f"{key}, as measured on {each.from_}, must be a number > 0, got {value:g}: its trajectories are "
                    "too short, or without noise"
                )
    return found


def errors(given: Mapping[str, Any], lent: Mapping[str, xr.Dataset]) -> dict[str, ArrayLike]:
    """Their standard errors over the replicas of the network, each called `KEY_stderr`."""
    return {
        f"{key}_stderr": float(lent[each.from_][f"{MEASURED[key]}_stderr"])
        for key, each in given.items()
        if not isinstance(each, float)
    }
