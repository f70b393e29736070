"""The exact scheme beyond 16 coordinates: its matrices as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from langevin_sgd.integrators.callable_stepper import constant_amplitude
from langevin_sgd.integrators.linear_law import linear_step
from langevin_sgd.integrators.schemes.scheme import Dynamics, Rule, SchemeError, State, Vector
from langevin_sgd.landscapes.torch_quadratic import column_product
from langevin_sgd.noise import Noise


def tensor_rule(landscape: Any, noise: Noise, values: Mapping[str, Any]) -> Rule:
    """The rule on a quadratic that has `hessian` and `minimum` as tensors.

    Raises `SchemeError` for any other function and for more than one time step.
    """
    if not landscape.is_quadratic:
        raise SchemeError("exact takes a quadratic landscape, and this one is a torch function; use sra1 or baoab")
    if np.ndim(values["time_step"]):
        raise SchemeError("beyond 16 coordinates exact takes one time step; run the others one by one")
    scale, matrix = constant_amplitude(landscape, noise, values)
    hessian, minimum = landscape.hessian.numpy(), landscape.minimum.numpy()[:, 0]
    covariance = np.eye(len(hessian)) if matrix is None else matrix @ matrix.T
    step = linear_step(hessian[None], -(hessian @ minimum)[None], covariance[None], np.array([values["time_step"]]))
    move, shift, kick = (torch.as_tensor(part[0]) for part in (step.move, step.shift[..., None], step.kick))

    def bound(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
        w, (xi,) = state["position"], draws
        noise_of_step = torch.as_tensor(scale).to(w) * column_product(kick, xi)
        return {"position": w + column_product(move, w) + shift.to(w) + noise_of_step}

    return bound
