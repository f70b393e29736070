"""Whether a loss of the user's own is what training and theory take it for: a function of one sample at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.section import LossSection
from langevin_sgd.training.losses.targets import refuse_targets

_STEP = 1e-6  # of central differences in float64
_AGREED = 1e-4  # of the derivative


def build(section: LossSection, data: DataSet) -> Loss:
    """The loss of a config, for data that are loaded.

    Raises `UserError` if it does not take such targets, and if one of the user's own cannot be built, fails, returns no
    finite number a sample, mixes the samples of a batch, or has a `gradient` that is not that of its `values`.
    """
    refuse_targets(section, data)
    if type(section).__module__.startswith("langevin_sgd.") and not section.code():
        return section.build()
    name = f"loss {next(iter(section.code()), section.kind)}"
    loss: Any = user_code.call(f"{name}: it cannot be built", section.build)
    if not isinstance(loss, Loss):
        raise UserError(f"{name}: built {type(loss).__name__}; a subclass of langevin_sgd.training.Loss is needed")
    _check(loss, data, name)
    return loss


def _check(loss: Loss, data: DataSet, name: str) -> None:
    count: Any = user_code.call(f"{name}: outputs({data.outputs}) failed", loss.outputs, data.outputs)
    if type(count) is not int or count < 1:
        raise UserError(f"{name}: outputs({data.outputs}) is {count!r}; a whole number, 1 or more, is needed")
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, count, dtype=torch.float64, generator=generator)
    direction = torch.randn(3, count, dtype=torch.float64, generator=generator)
    targets = (
        torch.randn(3, data.targets, dtype=torch.float64, generator=generator)
        if data.classes is None
        else torch.randint(0, data.classes, (3,), generator=generator)
    )
    whole = _per_sample(loss, outputs, targets, name)
    alone = torch.cat([_per_sample(loss, outputs[i : i + 1], targets[i : i + 1], name) for i in range(3)])
    if not torch.allclose(whole, alone, rtol=1e-9, atol=1e-12):
        raise UserError(f"{name}: the loss of a sample depends on the others of its batch; return one number a sample")
    with user_code.transforming(
        f"{name}: it cannot be differentiated (for torch's one_hot use langevin_sgd.training.one_hot)"
    ):
        found = _real(loss.gradient(outputs, targets), outputs, (3, count), f"{name}: gradient")
        torch.func.vmap(loss.gradient)(outputs[None], targets[None])
    slope = (found * direction).sum(1)
    up, down = (_per_sample(loss, outputs + sign * _STEP * direction, targets, name) for sign in (1, -1))
    differences = (up - down) / (2 * _STEP)
    if not torch.allclose(slope, differences, rtol=_AGREED, atol=_AGREED * float(slope.abs().max() + 1e-3)):
        raise UserError(
            f"{name}: its derivative by the outputs is not that of its values ({float(slope[0]):.4g} where they change "
            f"by {float(differences[0]):.4g}); leave out detach and no_grad, or mend gradient"
        )
    if loss.counts_correct(targets):
        right: Any = user_code.call(
            f"{name}: correct failed (give has_accuracy = False if the loss has none)", loss.correct, outputs, targets
        )
        if not isinstance(right, Tensor) or tuple(right.shape) != (3,):
            raise UserError(f"{name}: correct must return one number a sample")


def _per_sample(loss: Loss, outputs: Tensor, targets: Tensor, name: str) -> Tensor:
    given: Any = user_code.call(f"{name}: values failed", loss.values, outputs, targets)
    found = _real(given, outputs, (len(outputs),), f"{name}: values")
    if not bool(torch.isfinite(found).all()):
        raise UserError(f"{name}: values is not finite at outputs of order 1; mend its formulas")
    return found


def _real(found: Any, outputs: Tensor, shape: tuple[int, ...], what: str) -> Tensor:
    """What a method returned, if it is a tensor of this shape and of the outputs' type."""
    if not isinstance(found, Tensor) or tuple(found.shape) != shape:
        returned = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"{what} returns {returned} for {len(outputs)} samples; {shape} is needed")
    if found.dtype != outputs.dtype:
        got, needed = (str(each).removeprefix("torch.") for each in (found.dtype, outputs.dtype))
        mend = "make tensors of the outputs' own type (dtype=outputs.dtype)"
        raise UserError(f"{what} returns {got} for outputs in {needed}; {mend}")
    return found
