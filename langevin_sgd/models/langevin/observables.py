"""What walkers in a landscape given by a formula emit beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.variable import Coordinate, Variable, declare

PASSAGE = declare(
    escape_time=Variable(("replica",), "time of first passage, NaN if none before the end"),
    escape_step=Variable(("replica",), "step of first passage, -1 if none before the end", "step"),
)
"""Of the first passage."""

COORDINATE = declare(
    coordinate=Coordinate(("coordinate",), "coordinate of the position"),
)

DECLARES = declare(
    **PASSAGE,
    **COORDINATE,
    **{name: BASINS[name] for name in ("basin", "occupancy", "occupancy_stderr")},
    side=Coordinate(("side",), "side of the bins"),
    histogram=Variable(("coordinate", "bin", "time"), "number of replicas in the bin"),
    histogram_outside=Variable(("coordinate", "side", "time"), "number of replicas below and above all bins"),
    bin_edge=Variable(("coordinate", "edge"), "edges of the bins, ascending"),
)
