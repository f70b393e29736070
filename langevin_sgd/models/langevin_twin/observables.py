"""What a Langevin twin emits: all that a network in training does, and its time step."""

from __future__ import annotations

from langevin_sgd.observables.training import TRAINING
from langevin_sgd.observables.variable import Variable, declare, merged

DECLARES = merged(
    TRAINING,
    declare(
        time_step_fraction=Variable((), "time step of the twin over the learning rate of SGD"),
        twin_noise=Variable((), "noise of the twin"),
    ),
)
