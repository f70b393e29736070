"""The points of one model's scan: where each lies on the axes, what it changes in the study, and its numbers of noise.

A point is the place of its values on the axes that reach the model, last axis fastest; a model that is not scanned has
one, (). The config at a point is the study's with a few numbers in other places, made when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from langevin_sgd.config.axis import Axis, whole
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.finished import configured
from langevin_sgd.models.points import Points
from langevin_sgd.observables import blocks
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.scanned import POINT
from langevin_sgd.observables.variable import Declarations, merged

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

Place = tuple[int, ...]
"""The position of a point along every axis."""


@dataclass(frozen=True)
class Grid:
    """The points of the model called `name` in `study`."""

    study: Study
    name: str

    @cached_property
    def points(self) -> Points:
        """The config of the model and its sgd at every point, last axis fastest."""
        return configured(self.study, self.name)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that change the model, or what it is measured on."""
        return self.points.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of entries of every axis."""
        return self.points.shape

    @cached_property
    def called(self) -> tuple[Axis, ...]:
        """The axes with the names that they have in the results: of a key its last part, or the whole of it where an
        observable of the model that is not the scanned value itself is called so."""
        known = merged(ENSEMBLE, self.study.models[self.name].declares())
        inner = {dim for variable in known.values() for dim in variable.dims}
        inner |= {blocks.STATUS, blocks.ERROR, blocks.ATTRIBUTES, POINT, *map(blocks.count_of, inner)}
        named = [self._called(axis, known, inner) for axis in self.axes]
        names = {name for axis in named for name in (axis.name, *axis.labels)}
        for place, axis in enumerate(named):
            name = axis.name
            while axis.grouped and (name in known or name in inner or (name != axis.name and name in names)):
                name = f"scan_{name}"
            named[place] = replace(axis, name=name)
            names.add(name)
        return tuple(named)

    def _called(self, axis: Axis, known: Declarations, inner: Collection[str]) -> Axis:
        labels = tuple(
            whole(key) if self._taken(label, path, known, inner) else label
            for key, label, path in zip(axis.keys, axis.labels, axis.paths, strict=True)
        )
        return replace(axis, name=axis.name if axis.grouped else labels[0], labels=labels)

    def _taken(self, label: str, path: KeyPath, known: Declarations, inner: Collection[str]) -> bool:
        """Whether an observable, or what is kept of every point, is called so and is not the scanned value itself.

        That is what a number of the model itself, or of the sgd that it runs with, is emitted as.
        """
        declared = known.get(label)
        if label in inner or (declared is not None and declared.dims):
            return True
        if declared is None:
            return False
        if path[0] == "sgd" or path[-2] == "sgd":
            return lineage.sgd_origin(self.study, self.name, str(path[-1])) != path
        return path[:-1] != ("models", self.name)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The leading dimensions of the results."""
        return tuple(axis.name for axis in self.called)

    @property
    def labels(self) -> tuple[str, ...]:
        """The coordinates along them: one a key."""
        return tuple(label for axis in self.called for label in axis.labels)

    def common(self) -> dict[str, tuple[str, ...]]:
        """The observables that do not change along every axis, with the dimensions along which they do."""
        kept = {}
        for variable, keys in self.study.models[self.name].COMMON.items():
            changing = [
                any(within(self.name, own, key) for own in axis.keys for key in (*keys, "seed")) for axis in self.axes
            ]
            if not all(changing):
                pairs = zip(self.dimensions, changing, strict=True)
                kept[variable] = tuple(name for name, changes in pairs if changes)
        return kept

    def distinct(self) -> int:
        """How many of the points differ in what the kind has in `COMMON`; all if it has nothing."""
        keys = {key for each in self.study.models[self.name].COMMON.values() for key in (*each, "seed")}
        if not keys:
            return math.prod(self.shape)
        return math.prod(
            len(axis) for axis in self.axes if any(within(self.name, own, key) for own in axis.keys for key in keys)
        )

    def __len__(self) -> int:
        return len(self.points)

    def block(self, start: Place, stop: Place) -> Points:
        """The config of the model and its sgd at the points of a block."""
        return self.points.only([self.flat(place) for place in self.places(start, stop)])

    def flat(self, place: Place) -> int:
        """The number of a point, last axis fastest."""
        number = 0
        for position, length in zip(place, self.shape, strict=True):
            number = number * length + position
        return number

    def places(self, start: Place, stop: Place) -> Iterator[Place]:
        """The points of a block, last axis fastest."""
        if not start:
            yield ()
            return
        for first in range(start[0], stop[0]):
            for rest in self.places(start[1:], stop[1:]):
                yield (first, *rest)

    def numbers(self, start: Place, stop: Place) -> Sequence[int]:
        """The number of every point of a block by which its trajectories are told apart from those of others.

        They depend on the place of the point alone, and stay when axes get longer. A model that is measured on another
        has the same noise at every point, as networks have the same minibatches: there points are compared replica by
        replica, and each is what the study would be that runs it alone.
        """
        if lineage.sources(self.study, self.name):
            return [0] * math.prod(last - first for first, last in zip(start, stop, strict=True))
        return [point_number(place) for place in self.places(start, stop)]


def block_shape(grid: Grid) -> Place:
    """How many points along every axis of a model go through one launch together."""
    sizes = [1] * len(grid.shape)
    if not sizes:
        return ()
    most = grid.study.models[grid.name].points_at_once(grid.study, grid.name)
    for along in reversed(range(len(sizes))):
        if fused(grid, grid.axes[along]):
            sizes[along] = min(grid.shape[along], max(1, most // math.prod(sizes)))
    return tuple(sizes)


def fused(grid: Grid, axis: Axis) -> bool:
    """Whether the points of one launch may differ along an axis."""
    study, name = grid.study, grid.name
    reached = {
        key for source in lineage.sources(study, name) for other in lineage.scanned(study, source) for key in other.keys
    }
    own = (f"models.{name}.", "sgd.")
    return all(
        key not in reached and key.startswith(own) and any(within(name, key, each) for each in study.models[name].FUSED)
        for key in axis.keys
    )


def within(model: str, key: str, section: str) -> bool:
    """Whether a scanned key lies in a section of a model; "sgd" is that of the study or its own."""
    own = key.removeprefix(f"models.{model}.")
    return own == section or own.startswith(f"{section}.")


def point_number(place: Place) -> int:
    """A number for a point on any axes, which axes that get longer do not change; its position if there is one axis.

    The shortest of several codes, told apart by their first bits: bits of the positions in turn, for axes of like
    lengths; or of all but one axis Elias' gamma code of the position, and then that of the one, which has many values.
    """
    if len(place) <= 1:
        return place[0] if place else 0
    codes = [[position >> bit & 1 for bit in range(max(place).bit_length()) for position in place]]
    for longest, many in enumerate(place):
        others = [position for axis, position in enumerate(place) if axis != longest]
        codes.append([bit for position in others for bit in _gamma(position + 1)] + _bits(many, many.bit_length()))
    which = len(place).bit_length()
    told = [_trimmed([*_bits(number, which), *code]) for number, code in enumerate(codes)]
    shortest = min(told, key=len)
    return sum(bit << position for position, bit in enumerate(shortest))


def _bits(number: int, count: int) -> list[int]:
    return [number >> bit & 1 for bit in range(count)]


def _trimmed(code: list[int]) -> list[int]:
    last = max((position for position, bit in enumerate(code) if bit), default=-1)
    return code[: last + 1]


def _gamma(number: int) -> list[int]:
    """Elias' gamma code of a number >= 1: its length in zeros, then its bits; none begins another."""
    length = number.bit_length()
    return [0] * (length - 1) + [number >> bit & 1 for bit in reversed(range(length))]
