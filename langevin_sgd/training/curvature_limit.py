"""How large a network may be for matrices of parameters x parameters. Light to import: config sections ask it."""

from __future__ import annotations

from langevin_sgd.config.fields import PositiveWholeNumber, Section
from langevin_sgd.errors import UserError

PARAMETER_LIMIT = 4000
"""Most parameters for which the full Hessian and noise covariance (d x d, float64) are measured."""


def too_many(parameters: int | None, what: str, mend: str) -> str | None:
    """Why a network of so many parameters is too large for `what`, and what else than a smaller one would mend it.

    None if it is not, or if the number is not known yet.
    """
    if parameters is None or parameters <= PARAMETER_LIMIT:
        return None
    return f"has {parameters} parameters, too many for {what} (at most {PARAMETER_LIMIT}); make it smaller, or {mend}"


def refuse_too_large(dimension: int, needed_by: str = "measure_curvature: true") -> None:
    """Raise `UserError` for more than a few thousand parameters, since dimension x dimension numbers are kept.

    `needed_by` is the key of the config that asks for them.
    """
    if dimension > PARAMETER_LIMIT:
        raise UserError(
            f"architecture: {dimension} parameters are too many for the full Hessian (at most "
            f"{PARAMETER_LIMIT}); make the network smaller, or remove {needed_by}"
        )


class MeasuredModes(Section):
    """Curvature of the sharpest directions alone, for networks of any size: no matrix of parameters x parameters."""

    modes: PositiveWholeNumber
    """How many eigenvectors of the Hessian, largest eigenvalue first. In its eigenbasis the law of each pair of modes
    stands for itself, so that the law of these is exact without the others."""
