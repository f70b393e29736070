"""The interpolation model of a config: SGD on the line through two trained minima, and its stationary laws.

The endpoints are trained and the line is tabulated once; all points of a scan walk on the same tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import nn

from langevin_sgd.config.errors import FaultAtKey, FaultWithin, KeyPath, at_key
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.hopping import hopping_rates
from langevin_sgd.laws import temperatures
from langevin_sgd.models import lineage
from langevin_sgd.models.context import Context
from langevin_sgd.models.interpolation import memory as interpolation_memory
from langevin_sgd.models.interpolation.config import InterpolationModel
from langevin_sgd.models.interpolation.line_process import ExactChain, LineProcess, exact_chain
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Arrays, Keeper, Within, part, prefixed
from langevin_sgd.training import gradient_check, initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.images import as_taken
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.interpolation import Landmarks, LossOnLine, endpoint, landmarks, tabulate
from langevin_sgd.training.interpolation_walkers import Walkers
from langevin_sgd.training.losses import checking as losses
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

Array = NDArray[np.float64]

CELLS = 120
"""Cells of the measured density."""


def run(points: Sequence[tuple[InterpolationModel, Sgd]], context: Context) -> list[xr.Dataset]:
    """Walk on the line at every point of a scan (one point without) and return the observables of each.

    Raises `UserError` if the data, the architecture or the training of an endpoint will not do, and if no barrier
    separates the endpoints. After an interruption the same call goes on from the checkpoint, to the same bits.
    """
    name, seed, progress = context.name, context.seed, context.progress
    with Workers(torch.get_num_threads()) as workers, one_torch_thread(), Keeper(context.checkpoint) as keeper:
        progress.begin(f"{name}: endpoints")
        trainings = keeper.within("endpoints", lambda: {"step": np.array(0)})
        ends, line = _line(
            *points[0], seed=seed, workers=workers, progress=progress, keeper=trainings,
            refuse_size=partial(interpolation_memory.refuse_size, context.study, name),
        )  # fmt: skip
        marks = landmarks(line)
        progress.begin(f"{name}: laws", unit="points")
        prepared: list[_Point] = []
        for model, sgd in points:
            progress.update(len(prepared), len(points))
            prepared.append(_Point.of(model, model.at(sgd), line, marks))
        progress.begin(name)
        total = sum(point.steps for point in prepared)
        finished: Arrays = {**prefixed("endpoints", ends), "step": np.array(0)}
        results = []
        for index, point in enumerate(prepared):
            within = keeper.within(str(index), partial(dict, finished))
            walkers = point.walkers(seed, workers)
            done = int(finished["step"])
            for step in _walk(walkers, point.steps, within):
                progress.update(done + step, total)
            state = prefixed(str(index), walkers.state())
            finished = {**finished, **state, "step": np.array(done + point.steps)}
            results.append(_dataset(point, walkers))
    return results


def _line(
    model: InterpolationModel, sgd: Sgd, *, seed: int, workers: Workers, progress: Progress, keeper: Within,
    refuse_size: Callable[[int, int, int], None],
) -> tuple[Arrays, LossOnLine]:  # fmt: skip
    """Both endpoints trained, as they are kept, and what lies between and beyond them."""
    begun = _begun(model, sgd, seed=seed, refuse_size=refuse_size)
    network, samples, loss, first = begun.network, begun.samples, begun.loss, begun.starts
    trained: Arrays = {name: keeper.saved[name] for name in ("end_0", "end_1") if name in keeper.saved}
    for number, (chosen, start) in enumerate(zip(model.endpoints.values(), first, strict=True)):
        if f"end_{number}" in trained:
            continue
        own = Sgd(learning_rate=chosen.learning_rate, batch_size=chosen.batch_size, weight_decay=sgd.weight_decay)
        found = endpoint(
            network, samples, own, start=start, steps=chosen.steps, seed=seed, number=number, workers=workers,
            progress=progress.update, saved=part(keeper.saved, f"training_{number}"),
            tell=partial(_tell_training, keeper, trained, number), loss=loss,
        )  # fmt: skip
        trained = {**trained, f"end_{number}": found}
        keeper.tell(partial(dict, trained))
    position = np.linspace(*model.range, model.points)
    line = tabulate(
        network, samples, sgd.weight_decay, first=trained["end_0"], second=trained["end_1"], position=position,
        workers=workers, loss=loss,
    )  # fmt: skip
    return trained, line


@dataclass(frozen=True)
class _Begun:
    """What is trained, on what, and the weights (endpoint, d) where both trainings begin."""

    network: Network
    samples: Samples
    loss: Loss
    starts: torch.Tensor


def trial(study: Study, name: str, device: str) -> None:
    """Load the data and build the network, and keep nothing. Raises `UserError`, with the key to blame."""
    model = study.models[name]
    assert isinstance(model, InterpolationModel)
    with one_torch_thread():
        try:
            _begun(
                model, lineage.sgd(study, name), seed=study.seed,
                refuse_size=partial(interpolation_memory.refuse_size, study, name),
            )  # fmt: skip
        except FaultWithin as error:
            if error.key[0] == "sgd":
                raise FaultAtKey(lineage.sgd_origin(study, name, str(error.key[1])), error.message) from None
            raise


def _begun(model: InterpolationModel, sgd: Sgd, *, seed: int, refuse_size: Callable[[int, int, int], None]) -> _Begun:
    """The data loaded and the network built, and both tried."""
    with at_key("data"):
        loaded = data.load(model.data, seed)
    with at_key("loss"):
        loss = losses.build(model.loss, loaded)
        outputs = loss.outputs(loaded.outputs)
    with at_key("architecture"):
        train_inputs = as_taken(model.architecture, loaded.train_inputs, model.data)
        known = model.architecture.parameters(train_inputs.shape[1:], outputs)
    if known is not None:  # before it is built
        refuse_size(known, len(loaded.train_labels), outputs)

    samples = Samples.of(train_inputs, loaded.train_labels, dtype=torch.float64)

    def build() -> nn.Module:
        return architectures.built_for(model.architecture, samples, loss, outputs)

    with at_key("architecture"):
        module = initial.build_with_seed(build, seed, 0)
    refuse_size(initial.size_of(module), len(loaded.train_labels), outputs)
    sizes: dict[KeyPath, int] = {("sgd", "batch_size"): sgd.batch_size}
    sizes |= {("endpoints", label, "batch_size"): each.batch_size for label, each in model.endpoints.items()}
    for key, size in sizes.items():
        if size > len(samples):
            raise FaultWithin(key, f"{size} is more than the {len(samples)} training samples; reduce it")
    architecture = f"architecture {model.architecture.kind}"
    with at_key("architecture"):
        apart = architectures.check(module, samples.inputs, outputs, name=architecture)
        architectures.refuse_mixed(apart, "use LayerNorm or GroupNorm for BatchNorm", name=architecture)
        gradient_check.refuse_wrong_gradient(module, samples.inputs, name=architecture)
        network = Network.of(module, dtype=torch.float64)
        starts = range(2) if model.start == "independent" else [0, 0]
        first = initial.weights(build, lambda built: Network.of(built, dtype=torch.float64).weights(), seed, starts)
        initial.refuse_other_size(first, network.size)
        initial.refuse_unrepeatable(module, build, seed)
    return _Begun(network, samples, loss, first)


def _tell_training(keeper: Within, trained: Arrays, number: int, state: Arrays) -> None:
    """That the training of an endpoint has come so far; `trained` are those before it."""
    keeper.tell(lambda: {**trained, **prefixed(f"training_{number}", state)})


@dataclass(frozen=True)
class _Point:
    """One learning rate and batch size: the exact chain, and the run that it asks for."""

    model: InterpolationModel
    sgd: Sgd
    line: LossOnLine
    marks: Landmarks
    chain: ExactChain
    steps: int
    window: int

    @classmethod
    def of(cls, model: InterpolationModel, sgd: Sgd, line: LossOnLine, marks: Landmarks) -> _Point:
        found = exact_chain(line, marks, learning_rate=sgd.learning_rate, batch_size=sgd.batch_size)
        first, last = model.window
        steps = max(1, math.ceil(min(model.steps, last * found.relaxation_steps)))
        return cls(model, sgd, line, marks, found, steps, int(steps * first / last))

    @property
    def record(self) -> NDArray[np.int64]:
        """The steps at which the occupancy is recorded."""
        return np.rint(np.linspace(0, self.steps, self.model.record_times)).astype(np.int64)

    @property
    def split(self) -> float:
        """s at the top of the barrier, between the basins."""
        return float(self.line.position[self.marks.top])

    def walkers(self, seed: int, workers: Workers) -> Walkers:
        return Walkers(
            self.line, self.marks, self.sgd, seed=seed, replicas=self.model.replicas, record=self.record,
            window=self.window, cells=CELLS, workers=workers,
        )  # fmt: skip


def _walk(walkers: Walkers, steps: int, keeper: Within) -> Iterator[int]:
    """Make all steps, from where `keeper` has them; yields how many are done."""
    if keeper.saved:
        walkers.restore(keeper.saved)
    while walkers.step < steps:
        walkers.advance()
        keeper.tell(partial(dict, walkers.state()))
        yield walkers.step


def _dataset(point: _Point, walkers: Walkers) -> xr.Dataset:
    """The observables of one point."""
    line, marks, sgd = point.line, point.marks, point.sgd
    edges, process = walkers.edges, LineProcess(line, marks, sgd.learning_rate, sgd.batch_size, walkers.edges)
    eta = sgd.learning_rate
    hopping = hopping_rates(walkers.moves(), eta * walkers.time_in())
    predicted = np.array([[np.nan, 1 / point.chain.passage_time[0]], [1 / point.chain.passage_time[1], np.nan]])
    kept = point.chain.answer.observables(point.split, edges)  # what it follows from is not stored
    centres = 0.5 * (edges[1:] + edges[:-1])
    values: dict[str, ArrayLike] = {
        "occupancy_window": np.array([point.window, point.steps]) * eta,
        "mean_occupancy_law": np.asarray(kept["mean_occupancy"])[None],
        "law_note": [point.chain.answer.note],
        "relaxation_time": eta * point.chain.relaxation_steps,
        "relaxation_time_law": np.asarray(kept["relaxation_time_law"])[None],
        "transitions": hopping.transitions,
        "hopping_rate": hopping.rate,
        "hopping_rate_stderr": hopping.rate_stderr,
        "hopping_rate_predicted": predicted,
        "landscape": np.interp(centres, line.position, line.energy)[:, None],
        "density": walkers.density()[:, None],
        "density_law": np.asarray(kept["density"])[None],
        "x_edge": edges,
        "y_edge": [0.0, 1.0],
        "line_position": line.position,
        "line_energy": line.energy,
        "line_gradient": line.gradient,
        "line_noise": line.noise,
        "minimum_on_line": line.position[list(marks.minima)],
        "barrier_on_line": point.split,
        "learning_rate": eta,
        "batch_size": sgd.batch_size,
        "momentum": sgd.momentum,
    }
    labels = list(point.model.endpoints)
    coords: dict[str, ArrayLike] = joined(
        time_coordinates(point.record, learning_rate=eta, momentum=sgd.momentum),
        {"replica": np.arange(point.model.replicas), "basin": labels, "start_basin": labels, "law": ["chain"]},
    )
    attrs = {"backend": "numba (cpu, float64)", "sampling": sgd.sampling, "start": point.model.start}
    shared = temperatures.variables(2.0 * process.thermal_energy, sgd.momentum)
    return dataset(walkers.occupancies(), values, shared, coords=coords, declares=point.model.DECLARES, attrs=attrs)
