"""The module of an architecture, and whether its loss is what theory takes it for: a sum over samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.section import MIXED, ArchitectureSection
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.state_changes import numbers, same, written

_FEW = 4
_SAMPLES_AT_A_TIME = 256
_ROUNDING = 1e-9

_MENDS = {
    "its buffer": "use LayerNorm or GroupNorm for BatchNorm, or give it track_running_stats=False",
    "its parameter": "leave out max_norm and whatever else writes to weights, so that the descent alone moves them",
    "its inputs": "write x = x - 1 for x -= 1, and leave inplace=True out of the first layer",
    "its number": "count no calls in forward",
    "a tensor": "compute it anew from weights and inputs at every call",
}


def build(architecture: ArchitectureSection, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """The torch module of a config, for inputs of `input_shape` (without the sample axis) and so many outputs.

    Raises `UserError` if it cannot be built or what is built is no module.
    """
    if type(architecture).__module__.startswith("langevin_sgd."):
        return architecture.build(input_shape, outputs)
    name = f"architecture {architecture.kind}"
    module: Any = user_code.call(f"{name}: it cannot be built", architecture.build, input_shape, outputs)
    if not isinstance(module, nn.Module):
        raise UserError(f"{name}: built {type(module).__name__}; a torch.nn.Module is needed")
    return module


def built_for(architecture: ArchitectureSection, samples: Samples, loss: Loss, outputs: int) -> nn.Module:
    """What `build` gives, settled on the training samples in float64 and the loss.

    Raises `UserError` if that cannot be done.
    """
    module = build(architecture, tuple(samples.inputs.shape[1:]), outputs)
    told = (module, samples.inputs.cpu(), samples.labels.cpu(), loss)
    if type(architecture).__module__.startswith("langevin_sgd."):
        architecture.settle(*told)
    else:
        name = f"architecture {architecture.kind}"
        user_code.call(f"{name}: it cannot be settled on the samples", architecture.settle, *told)
    return module


def check(module: nn.Module, inputs: Tensor, classes: int, *, name: str) -> bool:
    """Whether the loss of a module is a sum over samples of one function of weights and sample.

    That sum is what the theory of minibatch noise is about. It is none with batch normalisation by the statistics of
    a minibatch (False): such a network can be trained, and nothing else. Refused are modules whose loss is no
    deterministic function of weights and minibatch: dropout, running statistics, and whatever else a module remembers
    or changes as it runs. `inputs` are samples in float64 (or integers): the first four decide this, and on all of them
    the outputs are to be finite at the weights that the module has. Raises `UserError` with what to use instead.
    """
    _refuse_parameters(module, name)
    network = Network.of(module, dtype=torch.float64)
    if network.size == 0:
        raise UserError(f"{name}: the module has no trainable parameters")
    few = inputs[:_FEW]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        first, changed = written(network.module, lambda: _outputs(network.module, few, classes, name), few)
        before = numbers(network.module)  # after one call: what a module works out once and keeps is no history
        again = _outputs(network.module, few, classes, name)
        changed += [key for key, value in numbers(network.module).items() if before.get(key) != value]
        if changed:
            raise UserError(
                f"{name}: the module updates {changed[0]} as it runs, so its loss depends on history; "
                f"{next(mend for kind, mend in _MENDS.items() if changed[0].startswith(kind))}"
            )
        if not same(first, again):
            raise UserError(
                f"{name}: the module gives different outputs for the same input; leave out dropout and other random "
                "layers, since all randomness must come from the minibatches"
            )
        apart = all(
            _close(_outputs(network.module, few[:count], classes, name), first[:count])
            for count in (3, 2)
            if count < len(few)
        )
        if apart:  # a module that normalises a minibatch may not take one sample
            apart = _close(_outputs(network.module, few[:1], classes, name), first[:1])
        for start in range(0, len(inputs), _SAMPLES_AT_A_TIME):
            outputs = _outputs(network.module, inputs[start : start + _SAMPLES_AT_A_TIME], classes, name)
            unfit = torch.nonzero(~torch.isfinite(outputs).all(1)).flatten()
            if len(unfit):
                row = int(unfit[0])
                worst = next(value for value in outputs[row].tolist() if value - value != 0)
                raise UserError(
                    f"{name}: the module returns {worst} for sample {start + row} at its initial weights; mend its "
                    "formulas (a logarithm, root or quotient at 0?), its initial weights, or the scale of the inputs"
                )
    return apart


def refuse_mixed(apart: bool, needed: str | None, *, name: str) -> None:
    """Raise `UserError` for a module that mixes samples (`check`) where `needed` is a sum over samples."""
    if not apart and needed is not None:
        raise UserError(f"{name}: the output for one sample depends on the others of its batch, and {MIXED}; {needed}")


def _refuse_parameters(module: nn.Module, name: str) -> None:
    for key, tensor in (*module.named_parameters(), *module.named_buffers()):
        if nn.parameter.is_lazy(tensor):
            raise UserError(
                f"{name}: the size of {key} is not known before the module has run; give it, as nn.Linear does for "
                "nn.LazyLinear"
            )
        if tensor.is_complex():
            raise UserError(
                f"{name}: {key} is complex, and weights are real numbers; keep real and imaginary part as two "
                "parameters and join them in forward with torch.complex"
            )
        if tensor.layout is not torch.strided:
            raise UserError(f"{name}: {key} is a sparse tensor, and weights are vectors; use .to_dense()")


def _outputs(module: nn.Module, inputs: Tensor, classes: int, name: str) -> Tensor:
    """The module's outputs, of the shape and type that are needed."""
    shape = tuple(inputs.shape)
    integers = "" if inputs.is_floating_point() else ", integers (unless they are tokens, give them as .astype(float))"
    found: Any = user_code.call(f"{name}: the module fails on inputs of shape {shape}{integers}", module, inputs)
    if not isinstance(found, Tensor) or tuple(found.shape) != (len(inputs), classes):
        got: Any = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        samples = f"{len(inputs)} sample{'s' * (len(inputs) != 1)}"
        raise UserError(f"{name}: the module returns {got} for {samples}; {(len(inputs), classes)} is needed")
    if found.dtype != torch.float64:
        raise UserError(
            f"{name}: the module returns {found.dtype} where its weights and inputs are in torch.float64; leave its "
            "arithmetic to the weights, without .float() and dtype="
        )
    return found


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)
