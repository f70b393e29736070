"""Optimizers of torch's that are update rules here: their settings by our keys, and what they remember by our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Group = Mapping[str, Any]
"""The settings of one group of parameters."""

Known = tuple[dict[str, Any], dict[str, Any]]
"""The keys of an sgd, and the update rule."""


def rule(optimizer: torch.optim.Optimizer, group: Group) -> Known | None:
    """What an optimizer with these settings is here; None if it is none of our rules, or has made steps before.

    What adaptive rules multiply by depends on all steps that they have made: with some made unseen no law is claimed.
    """
    of_kind = _RULES.get(type(optimizer))
    if of_kind is None or group["maximize"] or (optimizer.state and type(optimizer) is not torch.optim.SGD):
        return None
    return of_kind(group)


def remembered(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], slots: Sequence[str]
) -> dict[str, Tensor]:
    """What it remembers of the parameters, (1, d) by the names of the rule's slots: 0 before its first step."""
    names = _REMEMBERED[type(optimizer)]

    def of(parameter: Tensor, name: str) -> Tensor:
        kept = optimizer.state[parameter].get(name) if parameter in optimizer.state else None
        return (torch.zeros_like(parameter) if kept is None else kept).detach().reshape(-1)

    return {slot: torch.cat([of(parameter, names[slot]) for parameter in parameters])[None] for slot in slots}


def _sgd(group: Group) -> Known:
    options = {"dampening": float(group["dampening"]), "nesterov": group["nesterov"]} if group["momentum"] else {}
    return _numbers(group), {"kind": "sgd", **options}


def _adam(group: Group) -> Known | None:
    if group["amsgrad"]:
        return None
    first, second = map(float, group["betas"])
    options = {"beta_1": first, "beta_2": second, "epsilon": float(group["eps"])}
    if group["decoupled_weight_decay"]:
        decay = float(group["weight_decay"])
        return _numbers({**group, "weight_decay": 0.0}), {"kind": "adamw", **options, "decoupled_decay": decay}
    return _numbers(group), {"kind": "adam", **options}


def _rmsprop(group: Group) -> Known:
    options = {"smoothing": float(group["alpha"]), "epsilon": float(group["eps"]), "centered": group["centered"]}
    return _numbers(group), {"kind": "rmsprop", **options}


def _adagrad(group: Group) -> Known | None:
    if group["lr_decay"]:
        return None
    options = {"initial": float(group["initial_accumulator_value"]), "epsilon": float(group["eps"])}
    return _numbers(group), {"kind": "adagrad", **options}


def _numbers(group: Group) -> dict[str, Any]:
    return {"momentum": float(group.get("momentum", 0.0)), "weight_decay": float(group["weight_decay"])}


_RULES: dict[type[torch.optim.Optimizer], Callable[[Group], Known | None]] = {
    torch.optim.SGD: _sgd,
    torch.optim.Adam: _adam,
    torch.optim.AdamW: _adam,
    torch.optim.RMSprop: _rmsprop,
    torch.optim.Adagrad: _adagrad,
}
_OF_ADAM = {"mean": "exp_avg", "mean_square": "exp_avg_sq"}
_REMEMBERED: dict[type[torch.optim.Optimizer], dict[str, str]] = {
    torch.optim.Adam: _OF_ADAM,
    torch.optim.AdamW: _OF_ADAM,
    torch.optim.RMSprop: {"mean_square": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
}
