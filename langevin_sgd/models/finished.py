"""A finished model as laws take it: every point of its scan with the config that it ran with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, overload

import xarray as xr

from langevin_sgd.laws import Point
from langevin_sgd.laws.law import PointOfBlock, PointOfMany
from langevin_sgd.models import lineage
from langevin_sgd.models.points import Points
from langevin_sgd.observables.scanned import at, dimensions, entries_done, names_of_points, one_array, one_point

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


def configured(study: Study, name: str) -> Points:
    """The config of a model and its sgd, None of a kind that has none, at every point of its scan or the only one."""
    return Points(study, name)


def law_points(
    study: Study, name: str, data: Sequence[xr.Dataset], done: Mapping[str, xr.Dataset], configs: Points
) -> list[Point]:
    """The observables `data` at every point of `configs`, for laws and for what follows.

    `done` holds the models that it is measured on, whole or at the very point.
    """
    if len(data) != len(configs):
        raise ValueError(f"{len(data)} results of {len(configs)} points of {name}")
    return [
        Point(each, *configs[index], configs, sources_at(study, configs, index, done), partial(_steps, configs, index))
        for index, each in enumerate(data)
    ]


def stored_points(study: Study, data: xr.Dataset, done: Mapping[str, xr.Dataset], configs: Points) -> Iterator[Point]:
    """`law_points` of a finished scan, those that are done; the data of each are taken out when they are asked for."""
    for index, entries in enumerate(entries_done(data)):
        sources, steps = sources_at(study, configs, index, done), partial(_steps, configs, index)
        yield PointOfMany(partial(at, data, entries), *configs[index], configs, sources, steps)


@dataclass(frozen=True)
class PointsOfBlock(Sequence[Point]):
    """`law_points` of `block`, points that one launch has run and that lie along `point`, each made when asked for.

    `configs` are those of the block, `others` those of the whole scan.
    """

    study: Study
    block: xr.Dataset
    configs: Points
    others: Points
    done: Mapping[str, xr.Dataset]

    def __len__(self) -> int:
        return len(self.configs)

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...
    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        model, sgd = self.configs[index]
        sources, steps = sources_at(self.study, self.configs, index, self.done), partial(_steps, self.configs, index)
        take, pick = partial(one_point, self.block, index), partial(one_array, self.block, index)
        return PointOfBlock(take, pick, self._names, model, sgd, self.others, sources, steps)

    @cached_property
    def _names(self) -> frozenset[str]:
        return names_of_points(self.block)


def sources_at(study: Study, configs: Points, index: int, done: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """The models that one is measured on, of `done`, at the point of theirs that belongs to one of its own."""
    found = {}
    for source in lineage.sources(study, configs.name):
        whole = done[source]  # or at the point already
        found[source] = at(whole, entries_of(study, configs, index, source)) if dimensions(whole) else whole
    return found


def entries_of(study: Study, configs: Points, index: int, source: str) -> list[int]:
    """Where a point of one model lies on the axes of another that it is measured on."""
    own = dict(zip((axis.keys for axis in configs.axes), configs.entries(index), strict=True))
    return [own[axis.keys] for axis in lineage.scanned(study, source)]


def _steps(configs: Points, index: int) -> int:
    return lineage.steps(configs.study(index), configs.name)
