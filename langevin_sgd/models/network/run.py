"""The network model of a config: ensembles of real networks in training, and what theory needs measured on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import xarray as xr

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import Landmark, far_beside
from langevin_sgd.models.network.landmarks import Landmarks
from langevin_sgd.models.network.launch import Launch, TrainingCheckpoint
from langevin_sgd.models.network.point import Point
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.progress import NullProgress, Progress
from langevin_sgd.storage.checkpoint import Checkpointing, NoCheckpoint
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules import checking as update_rules

Lend = Callable[[NetworkModel, Sgd, FullBatch], Landmark | None]

LANDMARK, SEARCH = "landmark", "search"
"""The parts of a checkpoint that hold minima with their curvature, and the search for one."""


def run(
    model: NetworkModel,
    sgd: Sgd,
    *,
    name: str,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpointing | None = None,
) -> xr.Dataset:
    """Train one ensemble for `model.length(sgd)` steps and return its observables; see `train`.

    Raises `Diverged` if the loss or the weights grow without bound, or if they would by eta*lambda_max >= 2(1 + mu),
    and `UserError` if the data, the architecture or the minimum will not do.
    """
    progress = NullProgress() if progress is None else progress
    checkpoint = NoCheckpoint() if checkpoint is None else checkpoint
    landmarks = Landmarks(checkpoint.part(LANDMARK), checkpoint.part(SEARCH), seed=seed, device=device)
    with workers_on(device) as workers, one_torch_thread():
        bench = Bench.of(model, seed=seed, device=device, workers=workers)
        (found,) = train([(model, sgd)], bench, landmarks, name=name, progress=progress, checkpoint=checkpoint)
    if isinstance(found, PointFailed):
        raise found.error
    return found


def workers_on(device: str) -> Workers:
    """Threads for what runs on the CPU: all cores, or one beside another device."""
    return Workers(torch.get_num_threads() if device == "cpu" else 1)


def train(
    points: Sequence[tuple[NetworkModel, Sgd]],
    bench: Bench,
    landmarks: Landmarks,
    *,
    name: str,
    progress: Progress,
    checkpoint: Checkpointing,
    lend: Lend = lambda model, sgd, full: None,
    leave_last_state: bool = False,
) -> list[xr.Dataset | PointFailed]:
    """Train points that one launch can hold (`Launch`), and give the observables of each, or what it failed of.

    The rule of the model on minibatches drawn from the seed. Energy, loss, accuracy and displacement are recorded at
    logarithmically spaced steps, in float64. From `start: minimum` the Hessian H and the noise covariance C are
    measured there first, and in the stationary window the fluctuations along H's eigenvectors. Probes measure the
    weights that were visited when training has ended.

    A point fails with `Diverged` or `UserError`, as `run` raises them, and the others end on the same bits. After an
    interruption the same call goes on from `checkpoint`, to the same bits; with `leave_last_state` that holds of a
    finished training too. Raises `UserError` for what is no fault of a single point.
    """
    model, sgd = points[0]
    bench.problem.refuse_batch(sgd.batch_size)
    saved = checkpoint.load()
    rule = update_rules.build(model.update_rule, sgd, model.length(sgd))
    per_epoch = len(bench.samples) // sgd.batch_size if sgd.sampling == "epoch" else None
    known: dict[float, Landmark | None] = {}
    found: dict[int, xr.Dataset | PointFailed] = {}
    ready: dict[int, Point] = {}
    far: set[str] = set()
    for place, (_, own) in enumerate(points):
        try:
            if own.weight_decay not in known:
                known[own.weight_decay] = _landmark(model, own, bench, landmarks, lend, name=name, progress=progress)
            label = "" if len(points) == 1 else f"{place + 1} of {len(points)}: "
            landmark = known[own.weight_decay]
            ready[place] = Point(model, own, bench, landmark, rule, label=label, per_epoch=per_epoch)
            far |= _far(model, landmark, ready[place].process)
        except StoreError:
            raise  # what cannot be kept is no fault of the point
        except (Diverged, UserError) as error:
            found[place] = PointFailed(error)
    for said in sorted(far)[:1]:  # of points of one landmark, whose fluctuations differ, the first will do
        progress.notice(f"{name}: {said}")
    if ready:
        progress.begin(name)
        launch = Launch(list(ready.values()), bench, rule)
        if (reason := launch.one_by_one()) is not None:
            progress.notice(f"{name}: replicas are evaluated one after the other, which takes longer: {reason}")
        keeper = TrainingCheckpoint(checkpoint, landmarks)
        launch.run(saved, progress=progress, checkpoint=keeper)
        measured = launch.measure(name=name, progress=progress, checkpoint=keeper)
        found |= dict(zip(ready, measured, strict=True))
        if leave_last_state:
            launch.leave(saved, keeper)
    return [found[place] for place in range(len(points))]


def _far(model: NetworkModel, landmark: Landmark | None, process: LinearProcess | None) -> set[str]:
    if landmark is None or process is None or not model.update_rule.has_law():
        return set()
    said = far_beside(landmark, process)
    return set() if said is None else {said}


def _landmark(
    model: NetworkModel,
    sgd: Sgd,
    bench: Bench,
    landmarks: Landmarks,
    lend: Lend,
    *,
    name: str,
    progress: Progress,
) -> Landmark | None:
    full = bench.instruments.with_decay(sgd.weight_decay).energy
    start = bench.problem.start[0].numpy()
    return landmarks.find(model, sgd, full, start, name=name, progress=progress, lend=lambda: lend(model, sgd, full))
