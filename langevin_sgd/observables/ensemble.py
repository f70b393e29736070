"""What every ensemble may emit, whatever its kind: energy, displacement, and what it was run with."""

from __future__ import annotations

from langevin_sgd.observables.variable import Coordinate, Variable, declare, with_errors

ENSEMBLE = declare(
    step=Coordinate(("time",), "number of SGD steps", "step"),
    time=Coordinate(("time",), "time"),
    effective_time=Coordinate(("time",), "time over 1 - momentum"),
    replica=Coordinate(("replica",), "replica"),
    law=Coordinate(("law",), "stationary law"),
    law_is_exact=Variable(("law",), "whether the law is claimed for this very process"),
    law_note=Variable(("law",), "what the law takes for granted, or why it does not apply"),
    # along the run, at logarithmically spaced steps
    energy=Variable(("replica", "time"), "energy: full training loss with weight decay"),
    squared_displacement=Variable(("replica", "time"), "squared distance from the start"),
    **with_errors("drift_squared", ("time",), "squared mean displacement over replicas, noise removed"),
    **with_errors("spread", ("time",), "variance of the displacement from the start over replicas, summed"),
    spread_dimension=Variable(("time",), "number of directions that share the spread, (tr S)^2/tr(S^2)"),
    spread_along_drift=Variable(("time",), "variance over replicas of the displacement along its mean"),
    # what the process was run with
    learning_rate=Variable((), "learning rate"),
    batch_size=Variable((), "batch size"),
    momentum=Variable((), "momentum"),
    time_step=Variable((), "step of the integration, in time"),
    temperature=Variable((), "temperature T = learning rate x sigma^2 / batch size"),
    thermal_energy=Variable((), "thermal energy T/2"),
    effective_thermal_energy=Variable(
        (), "thermal energy of the positions, to leading order in the step: T/2 over 1 - momentum"
    ),
)
