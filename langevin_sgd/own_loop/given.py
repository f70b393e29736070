"""What a loop trains: the module, the data and the loss as they are given, as what is measured on them needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from langevin_sgd.config.errors import dotted
from langevin_sgd.config.fields import Section
from langevin_sgd.devices import TENSORS, place
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.problem import Problem
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.study.messages import explain
from langevin_sgd.training import gradient_check
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.data.dataset import DataSet, checked
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses import LossKind
from langevin_sgd.training.losses import checking as losses
from langevin_sgd.training.losses.section import LossSection
from langevin_sgd.training.network import Network

_PRECISIONS = {torch.float32: "float32", torch.float64: "float64"}


def trainable(module: nn.Module) -> list[Tensor]:
    """The parameters that a loop moves, in the order of `module.parameters()`."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def weights(parameters: list[Tensor]) -> Tensor:
    """Parameters as one vector (d,): a copy."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in parameters])


def own_module(model: object) -> nn.Module:
    """The module itself, of one that torch.compile has wrapped too. Raises `UserError` if it cannot be watched."""
    module = getattr(model, "_orig_mod", model)
    if not isinstance(module, nn.Module):
        raise UserError(f"model: must be a torch.nn.Module, got {type(module).__name__}")
    moved = trainable(module)
    if not moved:
        raise UserError("model: has no trainable parameters")
    for what in ("dtype", "device"):
        if len(found := sorted({str(getattr(each, what)) for each in moved})) > 1:
            raise UserError(f"model: its parameters are of several {what}s ({', '.join(found)}); use one")
    if moved[0].dtype not in _PRECISIONS:
        raise UserError(f"model: its weights are {moved[0].dtype}; train in torch.float32 or torch.float64")
    place(str(moved[0].device), (TENSORS,))
    return module


def precision(module: nn.Module) -> str:
    """The arithmetic of its weights."""
    return _PRECISIONS[trainable(module)[0].dtype]


def own_data(data: Any) -> DataSet:
    """A data set of any of the forms: a `DataSet`, a TensorDataset, or a pair of arrays or tensors.

    Integer labels of a pair are numbers of classes. Raises `UserError` if its parts do not fit together.
    """
    if isinstance(data, TensorDataset):
        data = data.tensors
    if not isinstance(data, DataSet):
        if not isinstance(data, tuple | list) or len(data) != 2:
            got = f"{len(data)} things" if isinstance(data, tuple | list) else type(data).__name__
            raise UserError(f"data: must be a langevin_sgd.DataSet, or a pair of inputs and labels, got {got}")
        inputs, labels = (_array(part) for part in data)
        whole = labels.dtype.kind in "iu" and labels.size > 0
        data = DataSet(inputs, labels, max(2, int(labels.max()) + 1) if whole else None)
    return checked(data, data.name)


def digest(data: DataSet) -> str:
    """Sixteen hexadecimal digits that tell data apart, by their numbers."""
    found = hashlib.sha256()
    for array in (data.train_inputs, data.train_labels, data.test_inputs, data.test_labels):
        found.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _array(part: Any) -> np.ndarray[Any, Any]:
    return part.detach().cpu().numpy() if isinstance(part, Tensor) else np.asarray(part)


class _Given(Section):
    loss: LossKind


def own_loss(loss: Any) -> LossSection:
    """The section of a loss: its name or its mapping as in a config, the section itself, or a loss of torch's.

    Raises `UserError` for one that is none of ours, and for one of torch's that is another number than ours.
    """
    if callable(loss):
        loss = _of_torch(loss)
    written = {"loss": loss}
    try:
        return _Given.model_validate(written).loss
    except ValidationError as error:
        path, message = explain(error, _Given, written)[0]
    raise UserError(f"{dotted(path)}: {message}")


def _of_torch(loss: Any) -> dict[str, Any]:
    """The mapping of a loss of torch's."""
    if loss is functional.cross_entropy:
        return {"kind": "cross_entropy"}
    if isinstance(loss, nn.CrossEntropyLoss):
        if loss.reduction != "mean" or loss.weight is not None:
            raise UserError(
                "loss: of torch.nn.CrossEntropyLoss the mean over the minibatch is taken, without weights of classes; "
                "give it so, here and in the loop"
            )
        return {"kind": "cross_entropy", "label_smoothing": loss.label_smoothing}
    if isinstance(loss, nn.MSELoss) or loss is functional.mse_loss:
        raise UserError(
            "loss: torch.nn.MSELoss averages the squared error over all k outputs, which is 2/k times mse, the half of "
            'their sum; give loss="mse", and in the loop 0.5 * ((outputs - targets) ** 2).sum(1).mean()'
        )
    name = getattr(loss, "__name__", type(loss).__name__)
    raise UserError(
        f'loss: {name} is none that is known here; give its name as in a config, loss="cross_entropy", or '
        '"module:Class" of a langevin_sgd.training.LossSection of your own'
    )


def problem_of(module: nn.Module, data: DataSet, section: LossSection, *, needed: str | None) -> Problem:
    """What is trained, to be measured in float64 on the module's device; the module itself is left alone.

    Raises `UserError` if the module has other outputs than loss and data need, or changes as it runs; and if its loss
    is no sum over samples where that is `needed`, which says what else would do.
    """
    loss = losses.build(section, data)
    outputs, name = loss.outputs(data.outputs), f"model {type(module).__name__}"
    device = str(trainable(module)[0].device)
    sets = [(data.train_inputs, data.train_labels)]
    if data.test_inputs is not None and data.test_labels is not None and len(data.test_labels):
        sets.append((data.test_inputs, data.test_labels))
    train, *test = [Samples.of(*each, dtype=torch.float64, device=device) for each in sets]
    on_cpu = Network.of(module, dtype=torch.float64).module
    checked_sets = [architectures.check(on_cpu, part.inputs.cpu(), outputs, name=name) for part in (train, *test)]
    apart = all(checked_sets)
    architectures.refuse_mixed(apart, needed, name=name)
    gradient_check.refuse_wrong_gradient(on_cpu, train.inputs, name=name)
    return Problem(
        module=module,
        train=train,
        test=test[0] if test else None,
        loss=loss,
        ignorance=loss.ignorance(train.labels if data.classes is None else torch.arange(data.classes), outputs),
        start=weights(trainable(module))[None].cpu().to(torch.float64),
        apart=apart,
        device=device,
        name=data.name,
    )


@contextmanager
def apart(module: nn.Module) -> Iterator[None]:
    """Around what is measured between the steps of a loop: torch is afterwards as it was before.

    Random numbers of torch, its threads, and its choice of precision and of gradients are the loop's own.
    """
    device = trainable(module)[0].device
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[device] if device.type == "cuda" else []))
        stack.enter_context(torch.autocast(device.type, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(one_torch_thread())
        yield
