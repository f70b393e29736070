"""Whether automatic differentiation gives the derivative of a network's outputs by its weights, and by all of them.

SGD, H and C are all made from that derivative. What a module detaches, computes under `torch.no_grad`, or keeps in a
plain list instead of registering it, torch leaves out without a word: the descent is then not that of the loss.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.training.network import Network

_FEW = 4
_AWAY = 1e-2  # from the initial weights, which may lie on a kink: relu at biases of 0
_STEPS = (1e-5, 1e-6, 1e-7)  # of central differences in float64; the best of them decides
_AGREED = 1e-3  # of the derivative; a kink between two points changes one unit of many
_PLACES = 3  # of which one will do: with thousands of kinks some lie between the two points at any step


def refuse_wrong_gradient(module: nn.Module, inputs: Tensor, *, name: str) -> None:
    """Compare the derivative of a random combination of the outputs along a random direction with central differences.

    Where they differ, they are compared at two more places: a derivative that is wrong is so at all of them. `inputs`
    are samples in float64 or integers; the first few decide. Raises `UserError` if they differ everywhere, and if the
    outputs depend on a trainable tensor that is no parameter of the module. What is not finite there tells nothing.
    """
    network, inputs = Network.of(module, dtype=torch.float64), inputs[:_FEW].cpu()
    told = (_difference(network, inputs, place, name=name) for place in range(_PLACES))
    differences = list(itertools.takewhile(lambda each: each is not None, told))
    if len(differences) == _PLACES and differences[0] is not None:
        expected, found = differences[0]
        raise UserError(
            f"{name}: the derivative that torch computes is not that of the module's outputs ({expected:.4g} where "
            f"they change by {found:.4g}); leave out detach, no_grad, numpy and derivatives of your own, and do all "
            "arithmetic in the weights' precision"
        )


def _difference(network: Network, inputs: Tensor, place: int, *, name: str) -> tuple[float, float] | None:
    """The derivative at a random place and what the outputs change by there; None if they agree."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(place)
        own = network.weights()
        at, along = own + _AWAY * torch.randn_like(own), torch.randn_like(own)
        weights = at.clone().requires_grad_()
        with user_code.transforming(f"{name}: the module cannot be evaluated at weights other than its own"):
            outputs = network.outputs(network.parameters(weights), inputs)
        combined = torch.randn_like(outputs)
        total = (outputs * combined).sum()
        for leaf in _leaves(total):
            if leaf is not weights:
                raise UserError(
                    f"{name}: the module computes with a trainable tensor of shape {tuple(leaf.shape)} that it does "
                    "not register, so that nothing would move it; make it an attribute of the module, or an entry of "
                    "nn.ParameterList"
                )
        if total.requires_grad:
            (slope,) = user_code.call(
                f"{name}: the module cannot be differentiated", torch.autograd.grad, total, weights
            )
        else:
            slope = torch.zeros_like(at)

    def value(where: Tensor) -> float:
        with torch.no_grad():
            return float((network.outputs(network.parameters(where), inputs) * combined).sum())

    expected, scale = float(slope @ along), float((slope * along).norm())
    found = [(value(at + step * along) - value(at - step * along)) / (2.0 * step) for step in _STEPS]
    error = min(abs(one - expected) for one in found)
    if error > _AGREED * max(scale, max(map(abs, found)) if scale == 0.0 else 0.0):
        return expected, found[1]
    return None


def _leaves(result: Tensor) -> list[Tensor]:
    """The trainable tensors that a result was computed from."""
    found: list[Tensor] = []
    seen, ahead = set(), [result.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        ahead += [before for before, _ in node.next_functions]
    return found
