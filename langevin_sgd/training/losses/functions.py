"""The loss of a network over samples, and its gradient by the weights, as functions to be traced."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network

Traceable = Callable[..., tuple[Tensor, ...]]


def gradient(network: Network, loss: Loss) -> Traceable:
    """(*parameters, inputs, targets[, weights]) -> the sum over samples of the gradient, one tensor a parameter.

    The derivative by the outputs is the loss's own; only the module itself is differentiated automatically. `weights`
    (n,) multiply the samples' terms.
    """

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, inputs, weights = arguments[:count], arguments[count], arguments[count + 2 :]
        outputs, pull_back = torch.func.vjp(lambda *p: network.outputs(p, inputs), *parameters)[:2]
        residual = loss.gradient(outputs, arguments[count + 1])
        if weights:
            residual = (residual.T * weights[0]).T
        result: tuple[Tensor, ...] = pull_back(residual)
        return result

    return function


def values(network: Network, loss: Loss) -> Traceable:
    """(*parameters, inputs, targets) -> the loss (n,) of each sample, and 1 where it is correct, if that is known."""

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        *parameters, inputs, targets = arguments
        outputs = network.outputs(parameters, inputs)
        found = loss.values(outputs, targets)
        return (found, loss.correct(outputs, targets)) if loss.counts_correct(targets) else (found,)

    return function


def along(network: Network, loss: Loss) -> Traceable:
    """(w, v, inputs, targets) -> d/ds at s = 0 of the loss of every sample (n,) at weights w + s v, both (d,)."""

    def function(w: Tensor, v: Tensor, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        outputs, pull_back = torch.func.vjp(
            lambda *parameters: network.outputs(parameters, inputs), *network.parameters(w)
        )[:2]
        # u -> J^T u is linear, and its transpose is J v: forward mode itself is not safe in threads
        push_forward = torch.func.vjp(pull_back, torch.zeros_like(outputs))[1]
        (direction,) = push_forward(tuple(network.parameters(v)))
        return (loss.along(outputs, direction, targets),)

    return function


def hessian_product(network: Network, loss: Loss) -> Traceable:
    """(*parameters w, *direction v, inputs, targets, weights) -> H v summed over samples, one tensor a parameter.

    H is the Hessian of the loss at w, symmetric, so that this is the transpose of the derivative of the gradient;
    `weights` (n,) multiply the samples' terms.
    """
    slope = gradient(network, loss)

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, direction, rest = arguments[:count], arguments[count : 2 * count], arguments[2 * count :]
        pull_back = torch.func.vjp(lambda *p: slope(*p, *rest), *parameters)[1]
        result: tuple[Tensor, ...] = pull_back(tuple(direction))
        return result

    return function


def second_moment_product(network: Network, loss: Loss) -> Traceable:
    """(*parameters w, *direction v, inputs, targets, weights) -> the sum over samples of g_n (g_n . v), and of g_n.

    One tensor a parameter each, in one list. `weights` (n,) multiply the samples' terms. g_n . v is the loss's slope
    along J_n v, the outputs' change; J v is the transpose of J^T u, linear in u.
    """
    slope = gradient(network, loss)

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, direction = arguments[:count], arguments[count : 2 * count]
        inputs, targets, weights = arguments[2 * count :]
        outputs, pull_back = torch.func.vjp(lambda *p: network.outputs(p, inputs), *parameters)[:2]
        push_forward = torch.func.vjp(pull_back, torch.zeros_like(outputs))[1]
        (change,) = push_forward(tuple(direction))
        along = loss.along(outputs, change, targets)
        first = slope(*parameters, inputs, targets, weights)
        return (*slope(*parameters, inputs, targets, along * weights), *first)

    return function


def slope_and_curvature(network: Network, loss: Loss) -> Traceable:
    """(*parameters w, *direction v, inputs, targets, weights) -> of every sample g_n . v (n,) and v . H_n v (n,).

    `weights` are taken for 1. The sum over samples of weights_n v . H_n v is linear in the weights, so that its
    derivative by them has each sample's own.
    """
    product = hessian_product(network, loss)

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, direction = arguments[:count], arguments[count : 2 * count]
        inputs, targets, weights = arguments[2 * count :]
        outputs, pull_back = torch.func.vjp(lambda *p: network.outputs(p, inputs), *parameters)[:2]
        push_forward = torch.func.vjp(pull_back, torch.zeros_like(outputs))[1]
        (change,) = push_forward(tuple(direction))

        def curvature(weight: Tensor) -> Tensor:
            curved = product(*parameters, *direction, inputs, targets, weight)
            return torch.stack([(h * v).sum() for h, v in zip(curved, direction, strict=True)]).sum()

        total, of_weights = torch.func.vjp(curvature, torch.ones_like(weights))[:2]
        (each,) = of_weights(torch.ones_like(total))
        return loss.along(outputs, change, targets), each

    return function


def response(network: Network, loss: Loss) -> Traceable:
    """(*parameters c, *direction v, inputs, targets) -> g + H v summed over samples, one tensor a parameter.

    g and H are the gradient and the Hessian of the loss at c. H is symmetric, so H v is the transpose of the derivative
    of g applied to v: forward mode, which is slower here, is not needed.
    """
    slope = gradient(network, loss)

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, direction, rest = arguments[:count], arguments[count : 2 * count], arguments[2 * count :]
        found, pull_back = torch.func.vjp(lambda *p: slope(*p, *rest), *parameters)[:2]
        return tuple(g + along for g, along in zip(found, pull_back(tuple(direction)), strict=True))

    return function
