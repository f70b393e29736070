"""What walkers in basins emit beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.models.langevin.observables import COORDINATE, PASSAGE
from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.variable import Variable, declare

DECLARES = declare(
    **BASINS,
    **PASSAGE,
    **COORDINATE,
    escape_time_law=Variable(("law",), "mean time of first passage, by law"),
    current=Variable(("coordinate", "x_cell", "y_cell"), "stationary probability current on the grid"),
    current_law=Variable(("law", "coordinate", "x_cell", "y_cell"), "stationary probability current, by law"),
    circulation=Variable((), "mean of x dy - y dx in unit time, about the centre of the density"),
    circulation_stderr=Variable((), "standard error of it, over replicas"),
    circulation_law=Variable(("law",), "the same, by law"),
)
