"""The minimum that a loop starts from: a module put there, and the curvature measured there once for all its runs."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from langevin_sgd.config.fields import GRADIENT_TOLERANCE
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.models.network.landmark import Landmark, find_landmark
from langevin_sgd.models.watched.config import WatchedModel
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.own_loop import given
from langevin_sgd.progress import NullProgress
from langevin_sgd.training import minimum
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minimum import Minimum
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

Array = NDArray[np.float64]

_LARGEST_OFFSET = 0.02  # of the weights from the minimum, in units of the predicted fluctuations
_LARGEST_GRADIENT = 1e-3  # of the full gradient there, in units of a minibatch's own
_NEEDED = "use LayerNorm or GroupNorm for BatchNorm"

_last: dict[str, Landmark] = {}  # of the run before, which most often has the same


def to_minimum(
    model: nn.Module, loss: Any, data: Any, *, weight_decay: float = 0.0, gradient_tolerance: float = GRADIENT_TOLERANCE
) -> Minimum:
    """Move a module's weights, in place, to the minimum of the mean loss over all `data` + (weight_decay/2) |w|^2.

    The search begins at the module's own weights: limited-memory BFGS, then Newton's method with conjugate gradients on
    exact Hessian products, in float64 until the gradient is shorter than `gradient_tolerance`, and on to rounding. The
    weights are then rounded to the module's own precision. `loss` and `data` are as in `langevin_sgd.watch`. Returns
    the minimum: its `position` (d,) in the order of `model.parameters()`, `energy` and `gradient_norm`. Buffers,
    gradients, modes and random numbers of torch are left alone.

    Raises `UserError` if there is none, as on separable data without weight decay, and if model, loss and data do not
    fit together.
    """
    module, read = given.own_module(model), given.own_data(data)
    with given.apart(module), one_blas_thread(), Workers(workers_for(module)) as workers:
        problem = given.problem_of(module, read, given.own_loss(loss), needed=_NEEDED)
        network = Network.of(module, dtype=torch.float64, device=problem.device)
        full = FullBatch(network, problem.train, float(weight_decay), workers, problem.loss)
        found = minimum.polish(full, minimum.find(full, problem.start[0].numpy(), tolerance=gradient_tolerance))
        pieces = network.parameters(torch.from_numpy(found.position))
        with torch.no_grad():
            for parameter, piece in zip(given.trainable(module), pieces, strict=True):
                parameter.copy_(piece)
    return found


def workers_for(module: nn.Module) -> int:
    """Threads for what is measured: all cores, or one beside another device."""
    return torch.get_num_threads() if given.trainable(module)[0].device.type == "cpu" else 1


def landmark(full: FullBatch, start: Array, model: WatchedModel, decay: float) -> Landmark:
    """The minimum next to `start` (d,) with its curvature; that of the run before if it began at the same numbers.

    Raises `UserError` if there is none.
    """
    energy, gradient = full.energy_and_gradient(start)
    modes = None if model.curvature is None else model.curvature.modes
    said = (decay, model.gradient_tolerance, model.measure_curvature, modes, full.samples)
    digest = hashlib.sha256(repr(said).encode())
    for array in (start, np.asarray(energy), gradient):
        digest.update(np.ascontiguousarray(array).tobytes())
    key = digest.hexdigest()
    if key not in _last:
        found = find_landmark(
            full,
            start,
            tolerance=model.gradient_tolerance,
            curved=model.measure_curvature,
            modes=modes,
            name="network",
            progress=NullProgress(),
        )
        _last.clear()
        _last[key] = found
    return copy.deepcopy(_last[key])  # whoever is given a result may change it


def refuse_elsewhere(
    full: FullBatch, start: Array, found: Landmark, process: LinearProcess | None, *, law: bool, batch_size: int
) -> None:
    """Raise `UserError` unless the loop starts at the minimum, as near as its fluctuations do not tell.

    Where a law says how far it fluctuates, the distance counts; else the full gradient against a minibatch's.
    """
    offset = start - found.minimum.position
    measured = found.curvature
    if measured is None or process is None:
        size, most, what = float(np.abs(offset).max()), 1e-3 * float(np.abs(start).max()), "the largest weight"
    elif law:
        noisy = process.noisy()
        size = float(np.linalg.norm((measured.eigenvectors.T @ offset)[noisy]))
        scale = float(np.sqrt(np.trace(process.covariance(process.own))))
        most, what = _LARGEST_OFFSET * scale, "the fluctuations that are predicted"
    else:
        size = float(np.linalg.norm(full.energy_and_gradient(start).gradient))
        scale = float(np.sqrt(measured.noise_trace / batch_size))
        most, what = _LARGEST_GRADIENT * scale, "the noise of a minibatch's gradient"
    if not size <= most:
        raise UserError(
            f'start="minimum": the weights of the model are not at the minimum: {size:.2g} off, which is not small '
            f"against {what} ({most:.2g} would be); call langevin_sgd.to_minimum(model, loss, data, weight_decay=...) "
            'before, or give start="here"'
        )


def unstable(error: Diverged) -> UserError:
    """That of a loop which would diverge from its first step on, in a line."""
    return UserError(f'start="minimum": {error}; lower the learning rate, or give start="here"')
