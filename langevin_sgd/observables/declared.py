"""The one set of observables: what every model and every network emits, under the same names, dimensions and units.

A check or a figure reads these variables and never knows where its data came from. Quantities are dimensionless (units
"1"), since the loss is a number and the coordinates are weights; durations are counted in steps (units "step").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

_T = TypeVar("_T")


@dataclass(frozen=True)
class Variable:
    """Declared dimensions and meaning of one observable."""

    dims: tuple[str, ...]
    long_name: str
    units: str = "1"


def joined(
    *parts: Mapping[str, _T], twice: str = "emitted twice; every name of a group must have one source"
) -> dict[str, _T]:
    """One mapping of several. Raises `ValueError` for a name that two of them have: nothing is overwritten."""
    whole: dict[str, _T] = {}
    for part in parts:
        repeated = sorted(whole.keys() & part.keys())
        if repeated:
            raise ValueError(f"{', '.join(repeated)}: {twice}")
        whole |= part
    return whole


def _declare(**variables: Variable) -> dict[str, Variable]:
    # keywords, unlike the keys of a literal, cannot be repeated: a name declared twice raises when this is imported
    return variables


def _with_errors(name: str, dims: tuple[str, ...], long_name: str) -> dict[str, Variable]:
    return {
        name: Variable(dims, long_name),
        f"{name}_stderr": Variable(dims, f"standard error of the {long_name}, over replicas"),
        f"{name}_predicted": Variable(dims, f"{long_name}, predicted by the process's own law"),
    }


COORDINATES = _declare(
    step=Variable(("time",), "number of SGD steps", "step"),
    time=Variable(("time",), "time"),
    effective_time=Variable(("time",), "time over 1 - momentum"),
    replica=Variable(("replica",), "replica"),
    mode=Variable(("mode",), "Hessian eigenvector, largest eigenvalue first"),
    law=Variable(("law",), "stationary law"),
    phase=Variable(("phase",), "minibatches of the epoch already used"),
    basin=Variable(("basin",), "basin"),
    start_basin=Variable(("start",), "basin in which the replicas began"),
    coordinate=Variable(("coordinate",), "coordinate of the position"),
    side=Variable(("side",), "side of the bins"),
    disorder=Variable(("disorder",), "number of the disorder"),
    ln_time=Variable(("time",), "ln t"),
    ln_waiting_time=Variable(("waiting_time",), "ln t_w"),
    ratio=Variable(("ratio",), "h = ln t / ln t_w"),
    distance=Variable(("distance",), "distance between two points"),
    snapshot_step=Variable(("snapshot",), "step of the snapshot", "step"),
    sample_step=Variable(("sample",), "step at which the stationary window was sampled", "step"),
)

VARIABLES = _declare(
    # along the run, at logarithmically spaced steps
    energy=Variable(("replica", "time"), "energy: full training loss with weight decay"),
    squared_displacement=Variable(("replica", "time"), "squared distance from the start"),
    **_with_errors("drift_squared", ("time",), "squared mean displacement over replicas, noise removed"),
    **_with_errors("spread", ("time",), "variance of the displacement from the start over replicas, summed"),
    spread_dimension=Variable(("time",), "number of directions that share the spread, (tr S)^2/tr(S^2)"),
    spread_along_drift=Variable(("time",), "variance over replicas of the displacement along its mean"),
    control_squared_displacement=Variable(("time",), "squared distance from the start of the zero-temperature control"),
    control_energy=Variable(("time",), "energy of the zero-temperature control"),
    train_loss=Variable(("replica", "time"), "training loss without weight decay"),
    test_loss=Variable(("replica", "time"), "test loss without weight decay"),
    train_accuracy=Variable(("replica", "time"), "training accuracy"),
    test_accuracy=Variable(("replica", "time"), "test accuracy"),
    # of where training ended, by the Hessian H of the training loss without weight decay
    sharpness_top=Variable(("replica",), "largest eigenvalue of the loss's Hessian at the end"),
    sharpness_trace=Variable(("replica",), "trace of the loss's Hessian at the end"),
    sharpness_invariant=Variable(("replica",), "sum of w^2 times the diagonal of the loss's Hessian at the end"),
    # of the minima below snapshots of the training, lowest first
    structure=Variable(("replica", "snapshot"), "place in the list of structures of the minimum below the snapshot"),
    structure_energy=Variable(("basin",), "energy of the structure"),
    structure_log_det=Variable(("basin",), "ln det of the energy's Hessian there, NaN if it is no minimum"),
    structure_occupancy=Variable(("basin",), "fraction of the snapshots above the structure"),
    structure_occupancy_stderr=Variable(("basin",), "standard error of it, over replicas"),
    structure_noise_scale=Variable(("basin",), "noise scale sigma at the structure, sigma^2 = tr C/d"),
    structure_effective_thermal_energy=Variable(
        ("basin",), "effective thermal energy eta sigma^2/(2B (1 - momentum)) by the noise scale at the structure"
    ),
    # of the position
    occupancy=Variable(("basin", "time"), "fraction of replicas in the basin"),
    occupancy_stderr=Variable(("basin", "time"), "standard error of the fraction, replicas independent"),
    occupancy_from=Variable(("start", "basin", "time"), "fraction of the replicas of one start in the basin"),
    occupancy_from_stderr=Variable(("start", "basin", "time"), "standard error of it, replicas independent"),
    mean_occupancy=Variable(("start", "basin"), "fraction of the time of the window spent in the basin"),
    mean_occupancy_stderr=Variable(("start", "basin"), "standard error of it, over replicas"),
    mean_occupancy_law=Variable(("law", "basin"), "stationary occupancy, by law"),
    occupancy_window=Variable(("bound",), "first and last time of the window of the mean occupancy"),
    law_is_exact=Variable(("law",), "whether the law is claimed for this very process"),
    law_note=Variable(("law",), "what the law takes for granted, or why it does not apply"),
    relaxation_time=Variable((), "predicted relaxation time between basins, from the second eigenvalue"),
    relaxation_time_law=Variable(("law",), "relaxation time between basins, from the second eigenvalue, by law"),
    relaxation_time_kramers=Variable((), "relaxation time between basins by the formula of Kramers"),
    transitions=Variable(("basin", "basin_2"), "number of moves between basins seen in the window"),
    **_with_errors("hopping_rate", ("basin", "basin_2"), "moves to the other basin in unit time spent in the first"),
    escape_time_law=Variable(("law",), "mean time of first passage, by law"),
    landscape=Variable(("x_cell", "y_cell"), "energy at the centres of the cells of the density"),
    density=Variable(("x_cell", "y_cell"), "stationary density on a grid; one y_cell in one dimension"),
    density_law=Variable(("law", "x_cell", "y_cell"), "stationary density, by law"),
    current=Variable(("coordinate", "x_cell", "y_cell"), "stationary probability current on the grid"),
    current_law=Variable(("law", "coordinate", "x_cell", "y_cell"), "stationary probability current, by law"),
    x_edge=Variable(("x_edge",), "edges of the cells along the first coordinate"),
    y_edge=Variable(("y_edge",), "edges of the cells along the second coordinate"),
    circulation=Variable((), "mean of x dy - y dx in unit time, about the centre of the density"),
    circulation_stderr=Variable((), "standard error of it, over replicas"),
    circulation_law=Variable(("law",), "the same, by law"),
    escape_time=Variable(("replica",), "time of first passage, NaN if none before the end"),
    escape_step=Variable(("replica",), "step of first passage, -1 if none before the end", "step"),
    # on the line through two trained minima
    line_position=Variable(("line_point",), "s along w(s) = w_a + s (w_b - w_a)"),
    line_energy=Variable(("line_point",), "energy: full training loss with weight decay, along the line"),
    line_gradient=Variable(("line_point",), "its derivative by s"),
    line_noise=Variable(("line_point",), "variance of one per-sample derivative by s"),
    minimum_on_line=Variable(("basin",), "s of the minima"),
    barrier_on_line=Variable((), "s of the top of the barrier, where the basins meet"),
    histogram=Variable(("coordinate", "bin", "time"), "number of replicas in the bin"),
    histogram_outside=Variable(("coordinate", "side", "time"), "number of replicas below and above all bins"),
    bin_edge=Variable(("coordinate", "edge"), "edges of the bins, ascending"),
    # of walkers in random potentials; the members are disorders
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
    **_with_errors(
        "return_probability", ("waiting_time", "ratio"), "probability to be within the distance of where it was at t_w"
    ),
    example_position=Variable(("example_point",), "positions of the potential shown of the first disorder"),
    example_potential=Variable(("example_point",), "its potential where the walker went"),
    example_bottom=Variable(("time",), "position of the valley's bottom by flooding in the first disorder"),
    example_draw=Variable(("time",), "position drawn in the first disorder, NaN where none was drawn"),
    return_distance=Variable((), "that distance over (theta ln t_w)^(2/alpha) / A^(1/alpha)"),
    alpha=Variable((), "exponent of the structure function"),
    amplitude=Variable((), "amplitude A of the structure function"),
    valid_range=Variable(("bound",), "shortest and longest distance at which the structure function holds"),
    **_with_errors("structure_function", ("distance",), "mean of (V(x) - V(y))^2 over pairs and disorders"),
    correlation_length=Variable((), "correlation length of the potential"),
    effective_diffusion_predicted=Variable((), "exact D of <x^2> = 2 D t at late times, for bounded barriers"),
    # in the stationary window, along the Hessian's eigenvectors
    mode_moment_1=Variable(("replica", "mode"), "time average of the displacement from the minimum"),
    mode_moment_2=Variable(("replica", "mode"), "time average of the squared displacement from the minimum"),
    **_with_errors("mode_mean", ("mode",), "mean displacement from the minimum"),
    **_with_errors("mode_variance", ("mode",), "stationary variance about the mean"),
    mode_variance_law=Variable(("law", "mode"), "stationary variance, by law"),
    energy_law_weight=Variable(("law", "mode"), "weights of the energy's chi-squared law, eig(H^1/2 S H^1/2)/2"),
    energy_law_phase_weight=Variable(
        ("phase", "mode"), "the same weights of the epoch law at equally spaced phases of an epoch"
    ),
    stationary_energy=Variable(("replica", "sample"), "energy above the minimum in the stationary window"),
    hessian_eigenvalue=Variable(("mode",), "eigenvalue of the Hessian at the minimum"),
    noise_in_mode=Variable(("mode",), "variance of one per-sample gradient along the eigenvector"),
    noisy=Variable(("mode",), "whether the gradient noise reaches the mode"),
    autocorrelation_time=Variable(("mode",), "predicted autocorrelation time of the mode, in steps", "step"),
    transient_deficit=Variable(
        (), "predicted relative deficit of the total variance in the window, from starting at the minimum"
    ),
    # at the minimum
    minimum=Variable(("parameter",), "position of the minimum"),
    hessian=Variable(("parameter", "parameter_2"), "Hessian of the energy at the minimum"),
    noise_covariance=Variable(("parameter", "parameter_2"), "covariance of one per-sample gradient at the minimum"),
    hessian_eigenvector=Variable(("parameter", "mode"), "eigenvectors of the Hessian"),
    energy_at_minimum=Variable((), "energy at the minimum"),
    gradient_norm_at_minimum=Variable((), "norm of the full gradient at the minimum"),
    alignment=Variable((), "alignment of Hessian and noise covariance, tr(HC)/(|H||C|)"),
    noise_scale=Variable((), "noise scale sigma, sigma^2 = tr C/d"),
    temperature=Variable((), "temperature T = learning rate x sigma^2 / batch size"),
    thermal_energy=Variable((), "thermal energy T/2"),
    effective_thermal_energy=Variable(
        (), "thermal energy of the positions, to leading order in the step: T/2 over 1 - momentum"
    ),
    # what the process was run with
    learning_rate=Variable((), "learning rate"),
    batch_size=Variable((), "batch size"),
    momentum=Variable((), "momentum"),
    time_step=Variable((), "step of the integration, in time"),
)

joined(COORDINATES, VARIABLES)  # a name is one or the other


def dataset(
    *parts: Mapping[str, ArrayLike],
    coords: Mapping[str, ArrayLike],
    declares: Mapping[str, Variable] | None = None,
    attrs: Mapping[str, Any] | None = None,
    members: Literal["replica", "disorder"] = "replica",
) -> xr.Dataset:
    """Build the Dataset of one model from named arrays, given in one mapping or in several that have no name in common.

    Dimensions, units and long names come from `VARIABLES` and `COORDINATES`, and from what the model `declares` beside
    them, observables and coordinates of its own. An undeclared name or a wrong number of dimensions raises `KeyError`
    or `ValueError`, so that no model can emit a quantity that the others lack by accident; so does a name that is
    declared twice, or emitted twice, by two parts or as an observable and a coordinate.
    `members` are what an ensemble consists of: where it is disorders, they stand for the replicas.
    """

    values = joined(*parts)
    joined(values, coords)  # xarray would take a coordinate for the observable of the same name
    own = {} if declares is None else declares
    joined(COORDINATES, VARIABLES, own, twice="declared twice; rename the one of your own")
    told = _as_it_ran(values, coords)

    def variable(name: str, value: ArrayLike, table: Mapping[str, Variable]) -> xr.Variable:
        if name not in table:
            raise KeyError(f"{name!r} is not a declared observable")
        declared = table[name]
        dims = tuple(members if dim == "replica" else dim for dim in declared.dims)
        attrs = {"units": declared.units, "long_name": told.get(name, declared.long_name)}
        return xr.Variable(dims, np.asarray(value), attrs)

    return xr.Dataset(
        {name: variable(name, value, {**VARIABLES, **own}) for name, value in values.items()},
        coords={name: variable(name, value, {**COORDINATES, **own}) for name, value in coords.items()},
        attrs=dict(attrs or {}),
    )


def _as_it_ran(values: Mapping[str, ArrayLike], coords: Mapping[str, ArrayLike]) -> dict[str, str]:
    """Long names that hang on the process: its steps are SGD's or its own, its temperature minibatches' or given."""
    given = {} if "batch_size" in values else {"temperature": "temperature T, twice the thermal energy"}
    if "step" not in coords:
        return given
    own = "time_step" in values and not np.array_equal(values["time_step"], values.get("learning_rate", np.nan))
    product = f"{'time step' if own else 'learning rate'} x step"
    momentum = "momentum" in values or not own
    effective = f"effective time, {product} / (1 - momentum)" if momentum else f"effective time, {product}"
    return {**given, "time": f"time, {product}", "effective_time": effective}
