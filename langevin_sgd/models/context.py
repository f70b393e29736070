"""What every kind of model is given to run with, beside its config at every point of a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xarray as xr

from langevin_sgd.progress import NullProgress, Progress
from langevin_sgd.storage.checkpoint import Checkpointing, NoCheckpoint

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

Points = Sequence[tuple[Any, Any]]
"""The config of the model and its sgd (None for a kind that has none) at every point of a scan, or at the only one."""


@dataclass(frozen=True)
class Context:
    """One model of a study as it is run.

    `study` is the one at the points that are run, the first of them if there are several, and has no scan. `name` is
    what it calls the model, `seed` that of all randomness, `device` where it runs (`cpu` or `cuda:N`), `sources` the
    finished models that it is measured on, by name, and `finished` all that ran before it, both at this point.
    `numbers` tells the points apart: where members are trajectories, those of point number n are the numbers of
    `integrators.scan_points.trajectory_numbers`. The run tells `progress` how far it is, and keeps in `checkpoint` from
    where it would go on after an interruption, to the same bits; `landmarks` is kept until the study is done.
    """

    study: Study
    name: str
    device: str = "cpu"
    sources: Mapping[str, xr.Dataset] = field(default_factory=dict)
    finished: Mapping[str, xr.Dataset] = field(default_factory=dict)
    progress: Progress = field(default_factory=NullProgress)
    checkpoint: Checkpointing = field(default_factory=NoCheckpoint)
    landmarks: Checkpointing = field(default_factory=NoCheckpoint)
    numbers: Sequence[int] = (0,)

    @property
    def seed(self) -> int:
        """The seed of the study."""
        return self.study.seed
