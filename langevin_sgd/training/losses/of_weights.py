"""The loss of a network and its derivatives by one vector of all weights (d,), as functions to be traced.

They close over a network and a loss alone, so that what is traced of them serves all who ask for the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.functions import Traceable
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network


def gradient(network: Network, loss: Loss) -> Callable[..., Tensor]:
    """(w, inputs, targets[, weights]) -> the gradient (d,) summed over samples; `weights` (n,) multiply their terms."""
    by_parameters = functions.gradient(network, loss)

    def function(point: Tensor, *samples: Tensor) -> Tensor:
        return network.flatten(by_parameters(*network.parameters(point), *samples))

    return function


def value_and_gradient(network: Network, loss: Loss) -> Traceable:
    """(w, inputs, targets, weights) -> the loss and its gradient (d,), summed over samples."""
    values, slope = functions.values(network, loss), gradient(network, loss)

    def function(point: Tensor, inputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        found = values(*network.parameters(point), inputs, targets)[0]
        return (found * weights).sum(), slope(point, inputs, targets, weights)

    return function


def hessian_rows(network: Network, loss: Loss) -> Traceable:
    """(vectors (m, d), w, inputs, targets, weights) -> H v of every vector (m, d), summed over samples."""
    slope = gradient(network, loss)

    def function(vectors: Tensor, point: Tensor, *samples: Tensor) -> tuple[Tensor, ...]:
        pull_back = torch.func.vjp(lambda w: slope(w, *samples), point)[1]
        (rows,) = torch.func.vmap(pull_back)(vectors)
        return (rows,)

    return function


def sample_gradients(network: Network, loss: Loss) -> Traceable:
    """(w, inputs, targets[, weights]) -> the gradient of every sample's loss (n, d), times its weight."""
    slope = gradient(network, loss)

    def function(point: Tensor, *samples: Tensor) -> tuple[Tensor, ...]:
        return (torch.func.vmap(lambda *sample: slope(point, *(part.unsqueeze(0) for part in sample)))(*samples),)

    return function


def sample_gradients_at_points(network: Network, loss: Loss) -> Traceable:
    """(points (m, d), inputs, targets, weights) -> the gradient of every sample's loss at every point (m, n, d)."""
    at_one = sample_gradients(network, loss)

    def function(points: Tensor, *samples: Tensor) -> tuple[Tensor, ...]:
        return (torch.func.vmap(lambda point: at_one(point, *samples)[0])(points),)

    return function


def output_derivatives(network: Network, loss: Loss) -> Traceable:
    """(w, inputs, targets) -> every sample's derivatives of its outputs by w (n, o, d) and of its loss by them, twice.

    The latter are (n, o, o).
    """

    def function(point: Tensor, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        def one(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            alone, its = x.unsqueeze(0), target.unsqueeze(0)

            def outputs(w: Tensor) -> Tensor:
                return network.outputs(network.parameters(w), alone)[0]

            slope = torch.func.jacrev(lambda z: loss.gradient(z.unsqueeze(0), its)[0])(outputs(point))
            return torch.func.jacrev(outputs)(point), slope

        jacobians, slopes = torch.func.vmap(one)(inputs, targets)
        return jacobians, slopes

    return function
