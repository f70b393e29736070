"""Whether weights have stopped to grow: a fluctuation-dissipation relation of SGD that needs no quadratic loss.

Heavy-ball SGD, m <- mu m + g and w <- w - eta m with g the gradient of the step's own minibatch, weight decay included,
is an identity: from |w'|^2 = |w|^2 - 2 eta w.m' + eta^2 |m'|^2 and w'.m' = mu w.m + w.g - eta |m'|^2, summed over n
steps,

    2 Sum w.g / (eta (1 + mu) Sum |m|^2) = Y = 1 - [(1 - mu) D|w|^2/eta^2 - (2 mu/eta) D(w.m)] / ((1 + mu) Sum |m|^2),

with D the change from the first step to the last; without momentum Y = 1 - D|w|^2/(eta^2 Sum |g|^2). Where weights are
stationary D vanishes against the sum, Y is 1, and <w.g> = eta (1 + mu)/2 <|m|^2> (Yaida, ICLR 2019, there for the full
gradient and minibatches drawn with replacement; with the step's own it holds for epochs too). It is true of any part
of the weights, so of each layer alone: a sum over layers that grow and layers that shrink may be 1 where none rests.

It is necessary, not sufficient: it says that |w|^2 stands still, not that w explores all that it will.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def growth(norm_change: Array, velocity_change: Array, eta: float, mu: float) -> Array:
    """(1 - Y) Sum |m|^2 from D|w|^2 and D(w.m), of any shape."""
    found: Array = ((1.0 - mu) * norm_change / eta**2 - 2.0 * mu * velocity_change / eta) / (1.0 + mu)
    return found


def norm_balance(norm_change: Array, velocity_change: Array, squares: Array, eta: float, mu: float) -> Array:
    """Y from D|w|^2, D(w.m) and Sum |m|^2, of any shape; without momentum D(w.m) does not count."""
    found: Array = 1.0 - growth(norm_change, velocity_change, eta, mu) / squares
    return found


def gradient_balance(along: Array, square: Array, eta: float, mu: float) -> Array:
    """2 <w.grad E> / (eta (1 + mu) <|m|^2>) from the two averages, of any shape.

    With the gradient of the whole energy it is physics, not an identity: 1 at equilibrium if every minibatch is drawn
    anew, and less with epochs, whose minibatches remember each other.
    """
    found: Array = 2.0 * along / (eta * (1.0 + mu) * square)
    return found
