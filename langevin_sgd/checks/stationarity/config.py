"""The config of the check of stationarity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import OpenFraction, Text, WholeNumber
from langevin_sgd.families import imported

if TYPE_CHECKING:
    import xarray as xr


class StationarityCheck(CheckSection):
    """Whether |w|^2 of every layer stands still in the last windows of a training, wherever that is.

    Necessary, not sufficient: weights of one size may still drift, and a replica need not have seen all that it will.
    """

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"norm_balance"})
    NOTHING: ClassVar[str] = (
        "no network has probes: [stationarity], which this check reads; add it, or remove the check"
    )
    UNFIT: ClassVar[str] = "has no probes: [stationarity], which this check reads; add it"
    ROWS: ClassVar[str] = "langevin_sgd.checks.stationarity.rows:rows"
    kind: Literal["stationarity"]
    """Always `stationarity`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every network that the probe watches."""
    tolerance: OpenFraction = 0.02
    """How far from 1 the balance of a layer may lie: its growth over that by noise alone."""
    windows: Annotated[WholeNumber, Field(ge=1, le=40)] = 2
    """How many windows in a row, the last ones, must pass."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""

    def remark(self, point: xr.Dataset) -> str:
        """Whether it stands still, for the rows of other checks."""
        function: Callable[[xr.Dataset, StationarityCheck], str] = imported(
            "langevin_sgd.checks.stationarity.rows:remark"
        )
        return function(point, self)
