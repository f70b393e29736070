"""The first step of a loop, held against what was told of it: a wrong learning rate shows there at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError

_AGREED = 0.01
_ROUNDING = 1e-3  # of the step: weights are rounded, and a step that is lost in that says nothing


def refuse_other_step(before: Tensor, after: Tensor, parameters: Sequence[Tensor], sgd: Sgd) -> None:
    """Raise `UserError` unless w moved by -eta (g + decay w) from `before` to `after`, both (d,).

    That is the first step of SGD with any momentum. The gradient of the minibatch is taken from the parameters' `grad`,
    where the loop has left it; without, or where the step is lost in rounding, nothing is said.
    """
    if all(parameter.grad is None for parameter in parameters):
        return
    gradient = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).detach().reshape(-1) for p in parameters])
    w, moved = before.to(torch.float64), (after - before).to(torch.float64)
    slope = gradient.to(torch.float64) + sgd.weight_decay * w
    rounding = torch.finfo(before.dtype).eps * float(w.norm())
    along, length = float(slope @ slope), float(moved.norm())
    if not (length > 0 and along > 0 and rounding < _ROUNDING * length):
        return
    rate = -float(moved @ slope) / along
    if abs(rate - sgd.learning_rate) > _AGREED * sgd.learning_rate:
        raise UserError(
            f"step 1: moved the weights by {rate:.4g} times the gradient, and learning_rate is {sgd.learning_rate:g}; "
            "tell the learning rate that the loop has, or give optimizer= so that it is read off"
        )
    if float((moved + sgd.learning_rate * slope).norm()) > _AGREED * length:
        raise UserError(
            f"step 1: did not go along the gradient with weight_decay {sgd.weight_decay:g}; tell the weight decay that "
            "the loop has, or give optimizer= so that its rule is read off"
        )
