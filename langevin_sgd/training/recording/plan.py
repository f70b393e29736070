"""When loss, energy and accuracy are evaluated along training, and in what arithmetic: so that recording sets no pace.

Work is counted, never timed, so that what is recorded follows from the config alone. With F operations of one sample's
pass forward through the network, a step with minibatches of B samples counts as 3 F (B + 6): each goes forward, and
backward at twice the cost; reading and changing the weights takes as long as six samples do. The evaluation of a
sample counts as 7/4 F in float32 and as 3 F in float64, and 2200 for its loss and whether the answer is correct. The
numbers are from two cores, for softmax regression, perceptrons and convolutional networks; what is spent by them is
measured by `analysis/benchmarks/recording.py`. Replicas go through both alike, and cancel: what is recorded of one must
not depend on how many there are. What takes a fraction of a second anyway is never left out: evaluations of up to 2e8
operations a replica.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training.recording.config import Precision, Recording

SHARE = Fraction(1, 5)
"""What evaluations may take of the training."""

_PASSES = {"float32": Fraction(7, 4), "float64": Fraction(3)}
_OF_LOSS = 2200
_OF_WEIGHTS = 6
_FREE = 2 * 10**8

assert _PASSES.keys() == set(get_args(Precision))


@dataclass(frozen=True)
class Plan:
    """The evaluated steps, some of the recorded ones, and the arithmetic."""

    evaluated: NDArray[np.int64]
    precision: Precision


def plan(
    recording: Recording,
    record: NDArray[np.int64],
    *,
    batch_size: int,
    samples: int,
    operations: int,
    training: Precision,
    alike: bool,
    window: bool,
) -> Plan:
    """What is evaluated at which of the recorded steps, 0 and those after it.

    `samples` are those of one evaluation, training and test set together, each of which takes a replica so many
    `operations` forward; `training` is the arithmetic of the steps. Replicas that start `alike` are one to be evaluated
    at step 0, which is not counted then. Where energies of a stationary `window` are evaluated, all that is recorded
    along the way is evaluated as they are.
    """
    steps, later = int(record[-1]), record.size - 1
    wanted = later if recording.evaluations is None else min(recording.evaluations, later)

    def fitting(precision: Precision) -> int:
        """How many evaluations after the start take no more than their share."""
        one = samples * (_PASSES[precision] * operations + _OF_LOSS)
        whole = math.floor(SHARE * steps * 3 * operations * (batch_size + _OF_WEIGHTS) / one)
        return max(whole, _FREE // (samples * operations)) - (0 if alike else 1)

    precision = recording.precision
    if precision is None:
        precision = "float64" if window or fitting("float64") >= wanted else training
    count = wanted
    if recording.evaluations is None and not window:
        count = max(1, min(wanted, fitting(precision)))
    return Plan(record[_spread(later, count)], precision)


def _spread(later: int, count: int) -> NDArray[np.int64]:
    """The places of step 0 and of `count` of the `later` ones, as evenly as can be, the last among them."""
    chosen = np.rint(np.arange(1, count + 1) * (later / count)).astype(np.int64)
    return np.concatenate([[0], chosen])
