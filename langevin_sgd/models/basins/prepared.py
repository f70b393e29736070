"""The points of a basins model before they run: where the basins are, where replicas begin, and what is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.landscapes import basins as landscape_basins
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.basins.domain import known_box, law_box
from langevin_sgd.models.basins.moments import Halves
from langevin_sgd.models.basins.process import Process, core_condition, core_numbers
from langevin_sgd.models.basins.record import Cores, Observer
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.langevin import run as langevin

Array = NDArray[np.float64]
Point = tuple[BasinsModel, Sgd]

_WIDEST = 5.0  # half-width in which minima are looked for
_SEEN = 14.0  # thermal energies above the minimum up to which the density is shown
_UNSEEN = 1e-5  # share of the walkers that its cells may leave out; they count in the norm


@dataclass(frozen=True)
class Prepared:
    """One point of a scan, ready to run: its process, where replicas begin and what is looked at."""

    model: BasinsModel
    sgd: Sgd
    process: Process
    starts: tuple[str, ...]
    positions: Array
    observer: Observer


def prepared(
    points: Sequence[Point], scheme: str, *, keep_others: bool
) -> tuple[dict[int, Prepared], dict[int, PointFailed]]:
    """The points that can run, and what is wrong with the others."""
    ready: dict[int, Prepared] = {}
    failed: dict[int, PointFailed] = {}
    for i, point in enumerate(points):
        try:
            ready[i] = prepare(*point, scheme)
        except UserError as error:
            if not keep_others:
                raise
            failed[i] = PointFailed(error)
    return ready, failed


def process_of(model: BasinsModel, sgd: Sgd, scheme: str) -> Process:
    """The process of one point. Raises `UserError` for a landscape without the basins asked for."""
    landscape, own_noise = langevin.equation(model, sgd)
    box = model.box or ((-_WIDEST, _WIDEST),) * landscape.dimension
    labels = model.labels or (model.known_labels() if not model.basins else ())
    parameters, regions = tuple(landscape.parameters.items()), tuple(model.regions().items())
    found = _basins(_Sought(landscape.formula, tuple(landscape.variables), parameters, regions, labels, box, landscape))
    table = langevin.point_parameters(model, sgd, scheme)
    target = core_condition(model, landscape.variables)
    core = core_numbers(model, found)
    return Process(model, sgd, landscape, own_noise, found, scheme, table["time_step"], target, core)


@dataclass(frozen=True)
class _Sought:
    """What decides which basins are found."""

    formula: str
    variables: tuple[str, ...]
    parameters: tuple[tuple[str, float | None], ...]
    regions: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    box: tuple[tuple[float, float], ...]
    landscape: Expression = field(compare=False)


@lru_cache(maxsize=1024)  # most scans change the noise alone, and the laws are told the same again
def _basins(sought: _Sought) -> landscape_basins.Basins:
    return landscape_basins.find(sought.landscape, regions=dict(sought.regions), labels=sought.labels, box=sought.box)


def prepare(model: BasinsModel, sgd: Sgd, scheme: str) -> Prepared:
    """One point, ready to run."""
    process = process_of(model, sgd, scheme)
    landscape, found, target = process.landscape, process.basins, process.target
    starts = (model.escape.origin,) if model.escape else model.start_in or found.labels
    if model.replicas % len(starts):
        raise UserError(f"replicas must share out evenly to {len(starts)} starts; give a multiple of {len(starts)}")
    positions = np.array([model.start.get(label, found.minima[found.number(label)]) for label in starts], float)
    missing = [label for label, position in zip(starts, positions, strict=True) if not np.isfinite(position).all()]
    if missing:
        raise UserError(f"no minimum was found in the basin {missing[0]}; give start: {{{missing[0]}: [...]}}")
    inside = found.membership(positions.T)
    for label, own in zip(starts, inside, strict=True):
        if own < 0 or found.labels[own] != label:
            raise UserError(f"the start in {label} lies outside that basin; give start: {{{label}: [...]}}")
    if target is not None and process.reached(positions.T).any():
        raise UserError(f"the start in {starts[0]} lies in the core of the escape already; give escape core another")
    groups = np.repeat(np.arange(len(starts)), model.replicas // len(starts))
    edges = _edges(process, model.cells)
    well = Halves(positions[0], model.samples) if model.one_well and target is None else None
    recorded = _recorded(model, landscape)
    observer = Observer(landscape, process.drift, found, recorded, groups, len(starts), edges, cores_of(process), well)
    return Prepared(model, sgd, process, starts, positions, observer)


def _edges(process: Process, cells: int) -> tuple[Array, ...]:
    """Cells of the density, none above two dimensions or where an escape is measured."""
    if process.landscape.dimension > 2 or process.target is not None:
        return ()
    finite = np.isfinite(process.thermal_energy)  # noise that is none at the minima is refused here
    try:
        box = law_box(process, _SEEN, loss=_UNSEEN) if finite else known_box(process)
    except UserError:  # walkers that no law holds are looked at all the same, about the minima
        box = known_box(process)
    return tuple(np.linspace(low, high, cells + 1) for low, high in box)


def _recorded(model: BasinsModel, landscape: Expression) -> tuple[int, ...]:
    """Places of the coordinates that the basins depend on, all of them in up to two dimensions."""
    if landscape.dimension <= 2:
        return tuple(range(landscape.dimension))
    from langevin_sgd.landscapes.condition import parse_condition

    names = [*landscape.variables, *landscape.parameters]
    used = {s.name for text in model.regions().values() for s in parse_condition(text, names).free_symbols}
    return tuple(i for i, name in enumerate(landscape.variables) if name in used)


def cores_of(process: Process) -> Cores | None:
    """Half the way up to the lowest saddle out of every basin; None where that is unknown or rarely visited."""
    found = process.basins
    if process.landscape.dimension > 2 or not np.isfinite(found.minima).all():
        return None
    heights = np.full(len(found.labels), np.nan)
    for basin in range(len(found.labels)):
        ways = [s.energy for s in found.saddles if basin in (s.first, s.second)]
        heights[basin] = min(ways, default=np.nan)
    return Cores((found.energies + heights) / 2.0) if np.isfinite(heights).all() else None
