"""What a network in training emits beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.observables.training import AT_MINIMUM as AT_MINIMUM
from langevin_sgd.observables.training import TRAINING

DECLARES = TRAINING
