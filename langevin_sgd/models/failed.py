"""A point of a scan that cannot be run, in the place of its observables: the other points are not lost by it."""

from __future__ import annotations

from dataclasses import dataclass

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged


@dataclass(frozen=True)
class PointFailed:
    """What a kind gives instead of a Dataset at a point whose numbers grew without bound, or that cannot be run."""

    error: UserError | Diverged

    def told(self, model: str) -> str:
        """What went wrong, as it is stored: one line or a few, with the name of the model that diverged."""
        if isinstance(self.error, UserError):
            return self.error.render()
        self.error.model = model
        return str(self.error)
