"""The kinds of model: one file a kind, each with a `run` that returns the observables as a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import xarray as xr

from langevin_sgd import estimates, machine_memory
from langevin_sgd.checkpoint import Checkpointing
from langevin_sgd.config import (
    BasinsModel,
    InterpolationModel,
    LangevinModel,
    NetworkModel,
    OrnsteinUhlenbeckModel,
    RandomPotentialModel,
    Sgd,
    Study,
)
from langevin_sgd.estimates import Held
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.progress import Progress
from langevin_sgd.scan import stack

_TakesSgd = TypeVar("_TakesSgd", BasinsModel, InterpolationModel, LangevinModel, NetworkModel, OrnsteinUhlenbeckModel)

_MEMORY = {
    "network": "network_memory",
    "interpolation": "interpolation_memory",
    "ornstein_uhlenbeck": "ornstein_uhlenbeck_memory",
    "langevin": "langevin_memory",
    "basins": "basins_memory",
    "random_potential": "random_potential_memory",
}
"""The file of each kind that says what its models hold in memory."""


def held_by(study: Study, name: str) -> list[Held]:
    """What one model of a study will hold in memory, as far as its config tells."""
    module = import_module(f"{__name__}.{_MEMORY[study.models[name].kind]}")
    held: Callable[[Study, str], list[Held]] = module.held
    return held(study, name)


def _refuse_size(study: Study, name: str, device: str, size: int) -> None:
    """Raise `TooLarge` for a network of `size` weights, known now that it or its data are there, that cannot fit."""
    from langevin_sgd.models import network_memory

    held = network_memory.of_size(study, name, size)
    estimates.refuse_too_large(name, held, free=machine_memory.available())
    if device != "cpu":
        there = [each for each in held if each.on_device]
        estimates.refuse_too_large(f"{name} on {device}", there, free=machine_memory.available_on(device))


@one_blas_thread()
def run_model(
    study: Study,
    name: str,
    *,
    sources: Mapping[str, xr.Dataset],
    device: str,
    progress: Progress,
    checkpoint: Checkpointing,
) -> xr.Dataset:
    """Run one model of a study; `sources` holds the finished models that it is measured on.

    A scanned model has the scan's parameters as leading dimensions. Raises `Diverged` if its numbers grow without bound
    and `UserError` if it cannot be run as configured.
    """
    model = study.models[name]
    if isinstance(model, NetworkModel):
        from langevin_sgd.models import network, network_scan  # only a study with a network pays for importing torch

        shared: dict[str, Any] = {
            "name": name, "seed": study.seed, "device": device, "progress": progress, "checkpoint": checkpoint,
            "refuse_size": partial(_refuse_size, study, name, device),
        }  # fmt: skip
        if not study.scanned(name):
            return network.run(model, study.effective_sgd(name), **shared)
        return stack(network_scan.run_points(_points(study, name, NetworkModel), **shared), study.scanned(name))
    if isinstance(model, RandomPotentialModel):
        from langevin_sgd.models import random_potential

        results = random_potential.run(
            _models(study, name),
            seed=study.seed,
            device=device,
            progress=progress,
            checkpoint=checkpoint,
        )
    elif isinstance(model, InterpolationModel):
        from langevin_sgd.models import interpolation

        results = interpolation.run(
            _points(study, name, InterpolationModel),
            name=name,
            seed=study.seed,
            progress=progress,
            checkpoint=checkpoint,
        )
    elif isinstance(model, BasinsModel):
        from langevin_sgd.models import basins

        results = basins.run(
            _points(study, name, BasinsModel),
            seed=study.seed,
            device=device,
            progress=progress,
            checkpoint=checkpoint,
        )
    elif isinstance(model, LangevinModel):
        from langevin_sgd.models import langevin  # sympy and the kernels, for studies with a formula alone

        results = langevin.run(
            _points(study, name, LangevinModel),
            seed=study.seed,
            device=device,
            progress=progress,
            checkpoint=checkpoint,
        )
    else:
        from langevin_sgd.models import ornstein_uhlenbeck

        results = ornstein_uhlenbeck.run(
            _points(study, name, OrnsteinUhlenbeckModel),
            seed=study.seed,
            steps=study.effective_steps(name),
            sources=sources,
            progress=progress,
            checkpoint=checkpoint,
        )
    return stack(results, study.scanned(name))


def _points(study: Study, name: str, kind: type[_TakesSgd]) -> list[tuple[_TakesSgd, Sgd]]:
    """The model and its sgd at every point of the scan."""
    found = [(point.models[name], point.effective_sgd(name)) for point in study.points(name)]
    return [(model, sgd) for model, sgd in found if isinstance(model, kind)]


def _models(study: Study, name: str) -> list[RandomPotentialModel]:
    """The same for a model that takes no sgd."""
    models = [point.models[name] for point in study.points(name)]
    return [model for model in models if isinstance(model, RandomPotentialModel)]
