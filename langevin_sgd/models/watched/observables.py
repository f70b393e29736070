"""What training of a loop of the user's own emits beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.observables.training import TRAINING
from langevin_sgd.observables.variable import Variable, declare, merged

DECLARES = merged(
    TRAINING,
    declare(
        visited_weights=Variable(("replica", "time", "parameter"), "weights at the recorded steps"),
        group_learning_rate=Variable(("group", "time"), "learning rate of each group of parameters at the next step"),
    ),
)
"""Weights that were visited say of several runs how far apart they are."""
