"""The Langevin twin of a config: the network's loss, descended with noise in place of minibatches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.laws.linear_process import LinearProcess, Whole
from langevin_sgd.laws.twin import twin_at_minimum
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.langevin_twin import memory as twin_memory
from langevin_sgd.models.langevin_twin.config import LangevinTwinModel
from langevin_sgd.models.network import landmark as landmarks
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import Landmark
from langevin_sgd.models.network.landmarks import Landmarks
from langevin_sgd.models.network.launch import Launch, TrainingCheckpoint
from langevin_sgd.models.network.point import Point
from langevin_sgd.models.network.run import SEARCH, workers_on
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.variable import merged
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training.curvature import Curvature
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.langevin_twin import LangevinTwin
from langevin_sgd.training.top_modes import TopModes
from langevin_sgd.training.twin_noise import NOISES, Twinned, TwinNoise

Array = NDArray[np.float64]
Points = Sequence[tuple[LangevinTwinModel, Sgd]]


def run(points: Points, context: Context) -> list[xr.Dataset | PointFailed]:
    """The observables of the twin, at one point of a scan if there is one: those of a network in training.

    Replica r draws its noise from the same numbers at every point. After an interruption the same call goes on from the
    checkpoint, to the same bits. Raises `Diverged` if the loss or the weights grow without bound, or would, and
    `UserError` if the data or the network will not do.
    """
    ((twin, sgd),) = points
    network = twin.network(context.study)
    with workers_on(context.device) as workers, one_torch_thread():
        bench = Bench.of(
            network, seed=context.seed, device=context.device, workers=workers,
            refuse_size=partial(twin_memory.refuse_size, context.study, context.name),
        )  # fmt: skip
        if not bench.problem.apart:
            raise UserError(f"{context.name}: {twin.of} mixes samples, so that its gradient is no mean over samples")
        return _run(twin, network, sgd, bench, context)


def _run(
    twin: LangevinTwinModel, network: NetworkModel, sgd: Sgd, bench: Bench, context: Context
) -> list[xr.Dataset | PointFailed]:
    progress, checkpoint, name = context.progress, context.checkpoint, context.name
    saved = checkpoint.load()
    full = bench.instruments.with_decay(sgd.weight_decay).energy
    known = Landmarks(context.landmarks, checkpoint.part(SEARCH), seed=context.seed, device=context.device)
    found = known.find(
        network, sgd, full, bench.problem.start[0].numpy(), name=name, progress=progress,
        lend=lambda: _lent(network, context.sources[twin.of], full),
    )  # fmt: skip
    noise = _noise(twin, network, sgd, bench, full, found)
    own = None if found is None else _with_noise(found, noise)
    describe = partial(_process, sgd=sgd, substeps=twin.substeps, samples=len(bench.samples))
    point = Point(network, sgd, bench, own, None, per_epoch=None, process=describe)
    moved = LangevinTwin(
        bench.network, bench.problem.loss, sgd, noise, weights=point.start, substeps=twin.substeps,
        workers=bench.workers,
    )  # fmt: skip
    progress.begin(name)
    launch = Launch([point], bench, None, moved)
    if (reason := launch.one_by_one()) is not None:
        progress.notice(f"{name}: replicas are evaluated one after the other, which takes longer: {reason}")
    keeper = TrainingCheckpoint(checkpoint, known)
    launch.run(saved, progress=progress, checkpoint=keeper)
    (measured,) = launch.measure(name=name, progress=progress, checkpoint=keeper)
    if isinstance(measured, PointFailed):
        return [measured]
    told = {
        "time_step": sgd.learning_rate / twin.substeps,
        "time_step_fraction": 1.0 / twin.substeps,
        "twin_noise": twin.noise,
    }
    return [measured.assign(dataset(told, coords={}, declares=merged(ENSEMBLE, twin.DECLARES)).data_vars)]


def _lent(network: NetworkModel, source: xr.Dataset, full: FullBatch) -> Landmark | None:
    return landmarks.lent(source, full) if network.has_stationary_window() else None


def _noise(
    twin: LangevinTwinModel, network: NetworkModel, sgd: Sgd, bench: Bench, full: FullBatch, found: Landmark | None
) -> TwinNoise:
    start = bench.problem.start[0].cpu().numpy() if found is None else found.minimum.position
    twinned = Twinned(
        samples=bench.samples,
        seed=bench.seed,
        batch_size=sgd.batch_size,
        substeps=twin.substeps,
        dtype=bench.dtype,
        full=full,
        start=None if network.start == "independent" else start,
    )
    return NOISES[twin.noise](twinned)


def _with_noise(found: Landmark, noise: TwinNoise) -> Landmark:
    """The landmark as it is of the twin: with C of its noise."""
    measured, variances = found.curvature, noise.variances
    if isinstance(measured, Curvature) and not noise.EVERYWHERE:
        measured = replace(measured, roots=np.empty((0, 0, measured.dimension)))
    if variances is None or measured is None:
        return replace(found, curvature=measured)
    if isinstance(measured, Curvature):
        return replace(found, curvature=replace(measured, noise_covariance=np.diag(variances)))
    along = measured.eigenvectors.T @ (variances[:, None] * measured.eigenvectors)
    changed: TopModes = replace(measured, noise_in_modes=along, noise_trace=float(variances.sum()))
    return replace(found, curvature=changed)


def _process(landmark: Landmark, *, sgd: Sgd, substeps: int, samples: int) -> LinearProcess | None:
    measured = landmark.curvature
    if measured is None:
        return None
    process = twin_at_minimum(
        measured.eigenvalues,
        measured.noise_in_modes,
        sgd,
        substeps=substeps,
        samples=samples,
        roots=measured.roots_in_modes,
        whole=Whole.unless_all(measured.eigenvalues.size, measured.dimension, measured.noise_trace),
    )
    process.refuse_unstable()
    landmarks.refuse_distant(landmark.minimum, measured, process)
    return process
