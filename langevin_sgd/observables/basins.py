"""What is emitted by kinds with basins that are left and entered: occupancy, moves, density, and their laws."""

from __future__ import annotations

from langevin_sgd.observables.variable import Coordinate, Variable, declare, with_errors

BASINS = declare(
    basin=Coordinate(("basin",), "basin"),
    start_basin=Coordinate(("start",), "basin in which the replicas began"),
    occupancy=Variable(("basin", "time"), "fraction of replicas in the basin"),
    occupancy_stderr=Variable(("basin", "time"), "standard error of the fraction, replicas independent"),
    occupancy_from=Variable(("start", "basin", "time"), "fraction of the replicas of one start in the basin"),
    occupancy_from_stderr=Variable(("start", "basin", "time"), "standard error of it, replicas independent"),
    mean_occupancy=Variable(("start", "basin"), "fraction of the time of the window spent in the basin"),
    mean_occupancy_stderr=Variable(("start", "basin"), "standard error of it, over replicas"),
    mean_occupancy_law=Variable(("law", "basin"), "stationary occupancy, by law"),
    occupancy_window=Variable(("bound",), "first and last time of the window of the mean occupancy"),
    relaxation_time=Variable(
        (), "predicted relaxation time, from the second eigenvalue: between basins, or in the only one"
    ),
    relaxation_time_law=Variable(
        ("law",), "relaxation time, from the second eigenvalue, by law: between basins, or in the only one"
    ),
    relaxation_time_kramers=Variable((), "relaxation time between basins by the formula of Kramers"),
    transitions=Variable(("basin", "basin_2"), "number of moves between basins seen in the window"),
    **with_errors("hopping_rate", ("basin", "basin_2"), "moves to the other basin in unit time spent in the first"),
    landscape=Variable(("x_cell", "y_cell"), "energy at the centres of the cells of the density"),
    density=Variable(("x_cell", "y_cell"), "stationary density on a grid; one y_cell in one dimension"),
    density_law=Variable(("law", "x_cell", "y_cell"), "stationary density, by law"),
    x_edge=Variable(("x_edge",), "edges of the cells along the first coordinate"),
    y_edge=Variable(("y_edge",), "edges of the cells along the second coordinate"),
)
