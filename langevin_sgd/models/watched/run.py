"""A watched model is not run but handed over: what was recorded of a loop of the user's own, to be kept as a study is.

A study of it then takes the same way as any: laws, checks, run directory, report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from langevin_sgd.errors import UserError
    from langevin_sgd.integrators.divergence import Diverged
    from langevin_sgd.models.context import Context, Points

    Recorded = xr.Dataset | UserError | Diverged

_recorded: ContextVar[Recorded | None] = ContextVar("recorded", default=None)


@contextmanager
def handing_over(recorded: Recorded) -> Iterator[None]:
    """Around the run of a study whose model is what was recorded, or what the training failed of."""
    token = _recorded.set(recorded)
    try:
        yield
    finally:
        _recorded.reset(token)


def unrunnable() -> str | None:
    """Why a watched model cannot be run; None where one is handed over."""
    if _recorded.get() is not None:
        return None
    return (
        "is the record of a training loop of somebody's own, which no config can repeat; run that script again, "
        "or give kind: network"
    )


def run(points: Points, context: Context) -> Sequence[xr.Dataset]:
    """What was handed over. Raises what the training failed of."""
    recorded = _recorded.get()
    if recorded is None:
        raise LookupError(f"{context.name}: nothing was handed over")
    if isinstance(recorded, Exception):
        raise recorded
    return [recorded]
