"""What walkers in basins emit beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.models.langevin.observables import COORDINATE, PASSAGE
from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.variable import Declarations, Variable, declare


def _moment(name: str, long_name: str) -> Declarations:
    """What is measured of one well: a moment, what it changes within the window, and what the laws say."""
    change = f"the same in the second half of the window {'less' if name == 'position_mean' else 'over'} the first"
    return declare(
        **{
            name: Variable(("coordinate",), f"{long_name} over the window"),
            f"{name}_stderr": Variable(("coordinate",), "standard error of it, over replicas"),
            f"{name}_law": Variable(("law", "coordinate"), f"{long_name} in the stationary state, by law"),
            f"{name}_change": Variable(("coordinate",), change),
            f"{name}_change_stderr": Variable(("coordinate",), "standard error of it, over replicas"),
        }
    )


DECLARES = declare(
    **BASINS,
    **PASSAGE,
    **COORDINATE,
    **_moment("position_mean", "mean position"),
    **_moment("position_variance", "variance of the position"),
    escape_time_law=Variable(("law",), "mean time of first passage, by law"),
    current=Variable(("coordinate", "x_cell", "y_cell"), "stationary probability current on the grid"),
    current_law=Variable(("law", "coordinate", "x_cell", "y_cell"), "stationary probability current, by law"),
    circulation=Variable((), "mean of x dy - y dx in unit time, about the centre of the density"),
    circulation_stderr=Variable((), "standard error of it, over replicas"),
    circulation_law=Variable(("law",), "the same, by law"),
)
