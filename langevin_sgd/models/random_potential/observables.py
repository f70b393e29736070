"""What walkers in random potentials emit beside what every ensemble does; the members of the ensemble are disorders."""

from __future__ import annotations

from langevin_sgd.observables.variable import Coordinate, Variable, declare, with_errors

DECLARES = declare(
    disorder=Coordinate(("disorder",), "number of the disorder"),
    ln_time=Coordinate(("time",), "ln t"),
    ln_waiting_time=Coordinate(("waiting_time",), "ln t_w"),
    ratio=Coordinate(("ratio",), "h = ln t / ln t_w"),
    distance=Coordinate(("distance",), "distance between two points"),
    mean_displacement=Variable(("disorder", "time"), "thermal average of the displacement"),
    censored=Variable(("disorder", "time"), "whether the ends of the box were reached"),
    displaced_probability=Variable(
        ("disorder",), "probability that rounding and the limiter of the time steps displaced, summed over the run"
    ),
    position_draw=Variable(("disorder", "draw"), "displacement of a walker drawn at the last time"),
    two_time_displacement=Variable(("disorder", "waiting_time", "ratio"), "displacement between t_w and t_w^h"),
    two_time_squared_displacement=Variable(("disorder", "waiting_time", "ratio"), "its square"),
    two_time_censored=Variable(
        ("disorder", "waiting_time", "ratio"), "whether the ends of the box were reached between t_w and t_w^h"
    ),
    **with_errors(
        "return_probability", ("waiting_time", "ratio"), "probability to be within the distance of where it was at t_w"
    ),
    example_position=Variable(("example_point",), "positions of the potential shown of the first disorder"),
    example_potential=Variable(("example_point",), "its potential where the walker went"),
    example_bottom=Variable(("time",), "position of the valley's bottom by flooding in the first disorder"),
    example_draw=Variable(("time",), "position drawn in the first disorder, NaN where none was drawn"),
    return_distance=Variable((), "that distance over (theta ln t_w)^(2/alpha) / A^(1/alpha)"),
    alpha=Variable((), "exponent of the structure function"),
    alpha_stderr=Variable((), "standard error of alpha, where it was measured, over replicas"),
    amplitude=Variable((), "amplitude A of the structure function"),
    amplitude_stderr=Variable((), "standard error of A, where it was measured, over replicas"),
    thermal_energy_stderr=Variable((), "standard error of the thermal energy, where it was measured, over replicas"),
    valid_range=Variable(("bound",), "shortest and longest distance at which the structure function holds"),
    **with_errors("structure_function", ("distance",), "mean of (V(x) - V(y))^2 over pairs and disorders"),
    correlation_length=Variable((), "correlation length of the potential"),
    effective_diffusion_predicted=Variable((), "exact D of <x^2> = 2 D t at late times, for bounded barriers"),
)
