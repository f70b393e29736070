"""What tables of measurements have in common: columns of units of their own, which are standardised."""

from __future__ import annotations

from pydantic import Field

from langevin_sgd.config.fields import Flag
from langevin_sgd.training.data.section import DataSection


class Measurements(DataSection):
    """The base of the tables that scikit-learn comes with.

    Their columns are in units of their own, from thousandths to thousands, in which curvatures would spread over ten
    decades and more; so inputs are standardised unless a config says otherwise.
    """

    standardise: Flag = Field(default_factory=lambda earlier: not earlier["whiten"])
    """Shift and scale each input to mean 0 and variance 1 over the training set. Default: true unless whiten is, since
    the columns are in units of their own."""

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else f"{self.name} comes with scikit-learn and reads no folder; remove it"
