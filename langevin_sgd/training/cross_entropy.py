"""Cross entropy of a network over samples, and its gradient in closed form, as functions to be traced.

Here the class is the first axis of the outputs, so that sums over classes run over contiguous samples.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from langevin_sgd.training.architectures import Network

Traceable = Callable[..., tuple[Tensor, ...]]


def gradient(network: Network) -> Traceable:
    """(*parameters, inputs, labels[, weights]) -> the sum over samples of the gradient, one tensor a parameter.

    The derivative of the cross entropy by the outputs z is softmax(z) - one_hot(label); only the module itself is
    differentiated automatically. `labels` (n,) are integers; `weights` (n,) multiply the samples' terms.
    """

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        count = len(network.shapes)
        parameters, inputs, weights = arguments[:count], arguments[count], arguments[count + 2 :]
        outputs, pull_back = torch.func.vjp(lambda *p: network.outputs(p, inputs), *parameters)[:2]
        labels = arguments[count + 1].unsqueeze(0)
        residual = torch.softmax(outputs.T, 0).scatter_add(0, labels, outputs.new_full(labels.shape, -1.0))
        if weights:
            residual = residual * weights[0]
        result: tuple[Tensor, ...] = pull_back(residual.T)
        return result

    return function


def losses(network: Network) -> Traceable:
    """(*parameters, inputs, labels) -> cross entropy (n,) of each sample, and 1 where it is classified correctly.

    Correct means that the true class alone has the largest output.
    """

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        *parameters, inputs, labels = arguments
        outputs = network.outputs(parameters, inputs).T
        labels = labels.unsqueeze(0)
        true = outputs.gather(0, labels).squeeze(0)
        others = outputs.scatter(0, labels, -torch.inf).amax(0)
        return torch.logsumexp(outputs, 0) - true, (true > others).to(outputs.dtype)

    return function
