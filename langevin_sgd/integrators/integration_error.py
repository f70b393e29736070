"""The one exception for arguments of a run that do not fit."""

from __future__ import annotations

from langevin_sgd.errors import UserError


class IntegrationError(UserError, ValueError):
    """An argument of a run that does not fit, or an equation that cannot be run; the text says how to mend it."""
