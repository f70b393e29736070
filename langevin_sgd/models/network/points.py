"""A network at every point of a scan, one after the other, or at the only one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models import lineage
from langevin_sgd.models.context import Context
from langevin_sgd.models.network import landmark
from langevin_sgd.models.network import memory as network_memory
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.run import run
from langevin_sgd.progress import Progress


def run_points(points: Sequence[tuple[NetworkModel, Sgd]], context: Context) -> list[xr.Dataset]:
    """`run` at every point of a scan, one after the other: the observables of each.

    Replica r starts at the same weights and draws its minibatches from the same numbers at every point, so points are
    compared replica by replica. A finished point leaves its last state behind, from which an interrupted scan has its
    observables again, at once. Raises what `run` raises, `Diverged` with eta and B of the point.
    """
    refuse_size = partial(network_memory.refuse_size, context.study, context.name, context.device)
    shared: dict[str, Any] = {"seed": context.seed, "device": context.device, "refuse_size": refuse_size}
    if not lineage.scanned(context.study, context.name):
        model, sgd = points[0]
        shared["finished"] = landmark.finished_alike(context)
        return [run(model, sgd, name=context.name, progress=context.progress, checkpoint=context.checkpoint, **shared)]
    found, steps, whole = [], 0, sum(model.length(sgd) for model, sgd in points)
    for index, (model, sgd) in enumerate(points):
        context.checkpoint.save({"step": np.asarray(steps)})
        label = f"{context.name}: point {index + 1} of {len(points)}"
        try:
            dataset = run(
                model,
                sgd,
                name=label,
                progress=_Part(context.progress, label, steps, whole),
                checkpoint=context.checkpoint.part(str(index)),
                leave_last_state=True,
                **shared,
            )
        except Diverged as error:
            at = f"at learning_rate = {sgd.learning_rate:g}, batch_size = {sgd.batch_size}: {error.detail}"
            raise Diverged(error.step, error.eta_lambda_max, momentum=error.momentum, detail=at) from error
        found.append(dataset)
        steps += model.length(sgd)
    return found


class _Part:
    """The progress of the training at one point as a part of that at all points; what else is done there as it is."""

    def __init__(self, progress: Progress, training: str, before: int, steps: int) -> None:
        self._progress, self._training, self._before, self._steps = progress, training, before, steps
        self._trains = False
        self.message, self.notice, self.close = progress.message, progress.notice, progress.close

    def begin(self, task: str, unit: str = "steps") -> None:
        self._trains = task == self._training
        self._progress.begin(task, unit)

    def update(self, done: float, total: float) -> None:
        shifted = (self._before + done, self._steps) if self._trains else (done, total)
        self._progress.update(*shifted)
