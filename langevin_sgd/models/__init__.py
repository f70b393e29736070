"""The kinds of model: one file a kind, each with a `run` that returns the observables as a Dataset."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from langevin_sgd.checkpoint import Checkpointing
from langevin_sgd.config import NetworkModel, Study
from langevin_sgd.progress import Progress


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

    Raises `Diverged` if its numbers grow without bound and `UserError` if it cannot be run as configured.
    """
    model, sgd = study.models[name], study.effective_sgd(name)
    if isinstance(model, NetworkModel):
        from langevin_sgd.models import network  # only a study with a network pays for importing torch

        return network.run(
            model, sgd, name=name, seed=study.seed, device=device, progress=progress, checkpoint=checkpoint
        )
    from langevin_sgd.models import ornstein_uhlenbeck

    return ornstein_uhlenbeck.run(
        model, sgd, name=name, seed=study.seed, steps=study.effective_steps(name), sources=sources, progress=progress
    )
