"""What a network in training emits beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.modes import MODES
from langevin_sgd.observables.variable import Coordinate, Variable, declare, merged

TRAINING = declare(
    minimum=Variable(("parameter",), "position of the minimum"),
    hessian=Variable(("parameter", "parameter_2"), "Hessian of the energy at the minimum"),
    noise_covariance=Variable(("parameter", "parameter_2"), "covariance of one per-sample gradient at the minimum"),
    energy_at_minimum=Variable((), "energy at the minimum"),
    gradient_norm_at_minimum=Variable((), "norm of the full gradient at the minimum"),
    control_squared_displacement=Variable(("time",), "squared distance from the start of the zero-temperature control"),
    control_energy=Variable(("time",), "energy of the zero-temperature control"),
    train_loss=Variable(("replica", "time"), "training loss without weight decay"),
    test_loss=Variable(("replica", "time"), "test loss without weight decay"),
    train_accuracy=Variable(("replica", "time"), "training accuracy"),
    test_accuracy=Variable(("replica", "time"), "test accuracy"),
)
"""Along the training, beside it, and at the minimum."""

SHARPNESS = declare(
    sharpness_top=Variable(("replica",), "largest eigenvalue of the loss's Hessian at the end"),
    sharpness_trace=Variable(("replica",), "trace of the loss's Hessian at the end"),
    sharpness_invariant=Variable(("replica",), "sum of w^2 times the diagonal of the loss's Hessian at the end"),
)
"""Of where training ended, by the Hessian H of the training loss without weight decay."""

STRUCTURES = declare(
    basin=BASINS["basin"],
    structure=Variable(("replica", "snapshot"), "place in the list of structures of the minimum below the snapshot"),
    structure_energy=Variable(("basin",), "energy of the structure"),
    structure_log_det=Variable(("basin",), "ln det of the energy's Hessian there, NaN if it is no minimum"),
    structure_occupancy=Variable(("basin",), "fraction of the snapshots above the structure"),
    structure_occupancy_stderr=Variable(("basin",), "standard error of it, over replicas"),
    structure_noise_scale=Variable(("basin",), "noise scale sigma at the structure, sigma^2 = tr C/d"),
    structure_effective_thermal_energy=Variable(
        ("basin",), "effective thermal energy eta sigma^2/(2B (1 - momentum)) by the noise scale at the structure"
    ),
    snapshot_step=Coordinate(("snapshot",), "step of the snapshot", "step"),
)
"""Of the minima below snapshots of the training, lowest first."""

DECLARES = merged(MODES, TRAINING, SHARPNESS, STRUCTURES)
