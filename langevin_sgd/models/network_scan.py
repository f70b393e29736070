"""A network at every point of a scan, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from langevin_sgd.checkpoint import Checkpointing, NoCheckpoint
from langevin_sgd.config import NetworkModel, Sgd
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.network import run
from langevin_sgd.progress import NullProgress, Progress


def run_points(
    points: Sequence[tuple[NetworkModel, Sgd]],
    *,
    name: str,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpointing | None = None,
) -> list[xr.Dataset]:
    """`run` at every point of a scan, one after the other: the observables of each.

    Replica r starts at the same weights and draws its minibatches from the same numbers at every point, so points are
    compared replica by replica. A finished point leaves its last state behind, from which an interrupted scan has its
    observables again. Raises what `run` raises, `Diverged` with eta and B of the point.
    """
    checkpoint = NoCheckpoint() if checkpoint is None else checkpoint
    progress = NullProgress() if progress is None else progress
    found, steps = [], 0
    for index, (model, sgd) in enumerate(points):
        checkpoint.save({"step": np.asarray(steps)})
        part = checkpoint.part(str(index))
        try:
            dataset = run(
                model,
                sgd,
                name=f"{name}: point {index + 1} of {len(points)}",
                seed=seed,
                device=device,
                progress=_OneOf(progress, len(points) - index),
                checkpoint=part,
            )
        except Diverged as error:
            at = f"at learning_rate = {sgd.learning_rate:g}, batch_size = {sgd.batch_size}: {error.detail}"
            raise Diverged(error.step, error.eta_lambda_max, momentum=error.momentum, detail=at) from error
        found.append(dataset)
        steps += model.length(sgd)
    return found


class _OneOf:
    """The progress of one point of several that are still to come, each as long."""

    def __init__(self, progress: Progress, left: int) -> None:
        self._progress, self._left = progress, left
        self.update, self.message = progress.update, progress.message
        self.notice, self.close = progress.notice, progress.close

    def begin(self, task: str, unit: str = "steps", alike: int = 1) -> None:
        """Name the task, and say how many like it there are."""
        self._progress.begin(task, unit, alike * self._left)
