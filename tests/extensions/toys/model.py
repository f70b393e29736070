"""A model kind: free walkers in one dimension."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import xarray as xr

from langevin_sgd.config.fields import PositiveNumber, Replicas, Steps
from langevin_sgd.models.context import Context
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps
from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.random_numbers.streams import OWN_STREAMS, normals


class FreeWalk(ModelSection):
    """x <- x + scale z with independent standard normals z: the squared displacement is scale^2 steps on average."""

    SCANNABLE: ClassVar[tuple[str, ...]] = ("scale",)
    SGD_KEYS: ClassVar[tuple[str, ...]] = ()
    DECLARES: ClassVar[Declarations] = {"turns": Variable(("replica",), "changes of direction in one step")}
    scale: PositiveNumber = 1.0
    """Standard deviation of one step."""
    steps: Steps = 32
    """Length of the walk."""
    replicas: Replicas = 256
    """Independent walkers."""

    def emits(self) -> frozenset[str]:
        """What decides which checks can be made of it."""
        return frozenset({"squared_displacement", "turns"})

    def run(self, points: Sequence[tuple["FreeWalk", None]], context: Context) -> list[xr.Dataset]:
        """Walk at every point of a scan."""
        return [_walk(model, context.seed) for model, _ in points]


def _walk(model: FreeWalk, seed: int) -> xr.Dataset:
    steps, walkers = np.arange(model.steps), np.arange(model.replicas)
    drawn = normals(seed, trajectories=walkers, steps=steps, components=1, stream=OWN_STREAMS[0])[..., 0]
    position = np.concatenate([np.zeros((1, model.replicas)), np.cumsum(model.scale * drawn, axis=0)])
    record = log_spaced_steps(model.steps, 8)
    return dataset(
        {
            "squared_displacement": position[record].T ** 2,
            "turns": (np.sign(drawn[1:]) != np.sign(drawn[:-1])).mean(axis=0),
        },
        coords={"step": record, "replica": walkers},
        declares=FreeWalk.DECLARES,
    )
