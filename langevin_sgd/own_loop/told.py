"""What is known of a loop: told by its owner, read off the optimizer and the DataLoader, and held against both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from langevin_sgd.errors import UserError
from langevin_sgd.own_loop import optimizers

Settings = list[dict[str, Any]]
"""The settings of the groups of an optimizer, without the parameters."""


@dataclass(frozen=True)
class Told:
    """How a loop steps: the keys of an sgd, the optimizer by its name, and the update rule that it is, if it is one.

    `unlike` are settings in which its groups of parameters differ: then it is no rule of one learning rate for all.
    """

    sgd: dict[str, Any]
    optimizer: str
    rule: dict[str, Any] | None
    unlike: tuple[str, ...] = ()


def told(
    given: Mapping[str, Any],
    module: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    loader: DataLoader[Any] | None,
    samples: int,
) -> Told:
    """Put together what is `given` by the keys of an sgd (None: not given), and what optimizer and loader say.

    Raises `UserError` if they contradict one another, if something is missing, if the optimizer moves other tensors
    than the module's parameters or those by different numbers, and if minibatches are drawn as in no law.
    """
    for key, value, kind in (("optimizer", optimizer, torch.optim.Optimizer), ("loader", loader, DataLoader)):
        if not isinstance(value, kind | None):
            raise UserError(f"{key}: must be a torch {kind.__name__}, got {type(value).__name__}")
    found = {} if loader is None else _of_loader(loader, samples)
    rule: dict[str, Any] | None = {"kind": "sgd"}
    unlike: tuple[str, ...] = ()
    name = "not told, taken for torch.optim.SGD"
    if optimizer is not None:
        _refuse_other_parameters(optimizer, module)
        of_optimizer, rule, unlike = _of_optimizer(optimizer)
        found |= of_optimizer
        name = f"{type(optimizer).__module__.partition('.')[0]}:{type(optimizer).__name__}"
        name = name.replace("torch:", "torch.optim.")
    for key, value in given.items():
        if value is None:
            continue
        if key in found and not _same(found[key], value):
            source = "DataLoader" if key in ("batch_size", "sampling") else "optimizer"
            raise UserError(f"{key}: {value} is told, but the {source} says {found[key]}; give one of them alone")
        found[key] = value
    for key, instead in _NEEDED.items():
        if key not in found:
            raise UserError(f"{key}: missing; give {key}=, or {instead}")
    return Told(found, name, rule, unlike)


_NEEDED = {
    "learning_rate": "optimizer=",
    "batch_size": "loader=, a DataLoader with a batch size",
    "sampling": 'loader=, a DataLoader; sampling is "epoch" where the training set is shuffled once an epoch and cut '
    'up, and "with_replacement" where every minibatch is drawn afresh',
}


def settings(optimizer: torch.optim.Optimizer) -> Settings:
    """The settings of an optimizer as they are now, but for what schedulers keep in its groups beside them."""
    return [
        {key: _number(value) for key, value in group.items() if key in optimizer.defaults}
        for group in optimizer.param_groups
    ]


def refuse_changed(before: Settings, now: Settings, step: int, *, window: bool) -> None:
    """Raise `UserError` if an optimizer has other settings at a step than it had before the first one.

    Learning rates may change where there is no stationary `window`.
    """
    if len(before) != len(now):
        raise UserError(f"step {step}: the optimizer has {len(now)} groups and had {len(before)} when the watch began")
    for was, new in zip(before, now, strict=True):
        key = next((key for key in new if was.get(key) != new[key] and (window or key != "lr")), None)
        if key is not None:
            why = "laws are those of numbers that stay: leave it as it is"
            if key == "lr":
                why = (
                    "a stationary window takes one that stays: take the scheduler out, watch from where it has "
                    'settled, or give start="here"'
                )
            elif key in ("momentum", "betas"):
                why += ", with cycle_momentum=False if a scheduler changes it"
            raise UserError(
                f"step {step}: the optimizer's {key} is {new[key]} and was {was.get(key)} when the watch began; {why}"
            )


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, torch.Tensor) else value


def _same(found: Any, value: Any) -> bool:
    if isinstance(found, float) and isinstance(value, int | float):
        return math.isclose(found, value, rel_tol=1e-12)
    return bool(found == value)


def _refuse_other_parameters(optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
    trainable = {id(tensor): name for name, tensor in module.named_parameters() if tensor.requires_grad}
    moved = [id(tensor) for group in optimizer.param_groups for tensor in group["params"] if tensor.requires_grad]
    if others := sum(each not in trainable for each in moved):
        raise UserError(
            f"optimizer: {others} of its {len(moved)} parameters are not trainable parameters of the model; give an "
            "optimizer of model.parameters() alone"
        )
    left = [name for each, name in trainable.items() if each not in moved]
    if left:
        raise UserError(
            f"optimizer: {len(left)} trainable parameters of the model are not in it, such as {left[0]}; add them, or "
            "freeze them with requires_grad_(False)"
        )


def _of_optimizer(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, Any], dict[str, Any] | None, tuple[str, ...]]:
    """Its numbers by the keys of an sgd, its rule, and the settings in which its groups differ."""
    groups = settings(optimizer)
    group = groups[0]
    unlike = tuple(key for key in group if any(other.get(key) != group[key] for other in groups[1:]))
    if "lr" not in group:
        return {}, None, unlike
    found = {"learning_rate": _base(optimizer.param_groups[0])}
    known = None if unlike else optimizers.rule(optimizer, group)
    if known is None:
        decoupled = isinstance(optimizer, torch.optim.AdamW) or bool(group.get("decoupled_weight_decay"))
        apart = decoupled or "weight_decay" in unlike  # the energy is then the loss alone
        decay = 0.0 if apart else float(group.get("weight_decay", 0.0))
        return {**found, "weight_decay": decay}, None, unlike
    numbers, rule = known
    return found | numbers, rule, unlike


def _base(group: Mapping[str, Any]) -> float:
    """The learning rate of a group; where a scheduler begins with none at all, that which it was made with."""
    return float(group["lr"]) or float(group.get("initial_lr", 0.0))


def _of_loader(loader: DataLoader[Any], samples: int) -> dict[str, Any]:
    """Batch size and sampling of a DataLoader, as far as its sampler is one of torch's own."""
    size = len(loader.dataset)  # type: ignore[arg-type]
    if size != samples:
        raise UserError(f"loader: its dataset has {size} samples, and the training set has {samples}; give the same")
    sampler = loader.sampler
    if loader.batch_size is None:
        return {}
    found: dict[str, Any] = {"batch_size": loader.batch_size}
    if isinstance(sampler, SequentialSampler):
        raise UserError(
            "loader: goes through the samples in the same order again and again, which is no noise of a law; give "
            "shuffle=True"
        )
    if not isinstance(sampler, RandomSampler):
        return found
    if not sampler.replacement and sampler.num_samples != samples:
        raise UserError(
            f"loader: its sampler draws {sampler.num_samples} of {samples} samples an epoch; let it draw all"
        )
    if sampler.num_samples % loader.batch_size and not loader.drop_last:
        raise UserError(
            f"loader: the last minibatch of an epoch has {sampler.num_samples % loader.batch_size} samples and the "
            f"others {loader.batch_size}; give drop_last=True"
        )
    return {**found, "sampling": "with_replacement" if sampler.replacement else "epoch"}
