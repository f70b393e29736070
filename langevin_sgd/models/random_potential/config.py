"""The `random_potential` model: walkers in Gaussian potentials whose structure function is a power law."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from langevin_sgd.config.errors import Faults, KeyPath, choice, inconsistent
from langevin_sgd.config.fields import (
    FirstLast,
    Magnitude,
    Number,
    PositiveNumber,
    PositiveWholeNumber,
    RecordTimes,
    Replicas,
    Section,
)
from langevin_sgd.devices import COMPILED, FUSED, TENSORS, Engine
from langevin_sgd.models.quadratic.given import Measured
from langevin_sgd.models.random_potential import observables
from langevin_sgd.models.random_potential.strength import MEASURED, PROBE, GivenMagnitude, GivenNumber
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.variable import Declarations

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

LONGEST = 700.0  # exp of more is no double
_MOST_SITES = 1 << 28  # of one disorder
_GRID_DIMENSIONS = (2, 3)

_Landscape = Literal["line", "grid", "fourier"]
_Method = Literal["master_equation", "flooding", "sde"]

_METHODS: dict[str, tuple[_Method, ...]] = {
    "line": ("master_equation", "flooding", "sde"),
    "grid": ("flooding",),
    "fourier": ("sde",),
}
"""What each landscape can be walked by, the default first."""

_LANDSCAPE_KEYS = {
    "half_width": ("line", "grid"),
    "spacing": ("line", "grid"),
    "correlation_length": ("line",),
    "valid_range": ("fourier",),
    "features": ("fourier",),
}
_METHOD_KEYS = {
    "cells": ("master_equation",),
    "steps_per_e_fold": ("master_equation",),
    "draws": ("master_equation",),
    "aging": ("master_equation",),
    "walkers": ("sde",),
    "time_step": ("sde",),
}
_MAY_BE_NULL = ("correlation_length", "aging", "time_step")


class Aging(Section):
    """Two times: a walker seen at t_w and again at t_w^h on the same disorder."""

    ln_waiting_times: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)]
    """ln t_w, ascending."""
    ratios: Annotated[tuple[Annotated[Number, Field(gt=1)], ...], Field(min_length=1)]
    """h = ln t / ln t_w, each > 1."""
    distance: PositiveNumber = 0.1
    """delta: the walker counts as still there within delta (ln t_w)^2, in natural units."""


def _landscape(earlier: dict[str, Any]) -> _Landscape:
    dimension = earlier["dimension"]
    return "line" if dimension == 1 else "grid" if dimension <= _GRID_DIMENSIONS[-1] else "fourier"


def _method(earlier: dict[str, Any]) -> _Method:
    return _METHODS[earlier["landscape"]][0]


def _half_width(earlier: dict[str, Any]) -> int | None:
    if earlier["landscape"] == "fourier":
        return None
    return {1: 4000, 2: 128}.get(earlier["dimension"], 32)


def _valid_range(earlier: dict[str, Any]) -> tuple[float, float] | None:
    if earlier["landscape"] != "fourier":
        return None
    unit = math.sqrt(earlier["dimension"])
    return unit, 30.0 * unit


def _features(earlier: dict[str, Any]) -> int | None:
    return max(512, 10 * earlier["dimension"]) if earlier["landscape"] == "fourier" else None


def _ln_time(earlier: dict[str, Any]) -> tuple[float, float]:
    if earlier["method"] == "sde":
        return -2.0, 6.0
    return 0.0, {1: 40.0, 2: 5.0}.get(earlier["dimension"], 2.5)


def _only(key: str, names: Mapping[str, tuple[str, ...]], value: Any) -> Any:
    """A default for the landscapes or methods that take the key, null for the others."""
    kind = "landscape" if names is _LANDSCAPE_KEYS else "method"
    return Field(default_factory=lambda earlier: value if earlier[kind] in names[key] else None)


class RandomPotentialModel(ModelSection):
    """dx = -V'(x) dt + sqrt(2 theta) dW in random potentials V with E[(V(x) - V(y))^2] = A |x - y|^alpha.

    Measured on a network, alpha, A and theta are those along its trajectories, and t is learning rate x step (over
    1 - momentum).
    """

    RUN: ClassVar[str] = "langevin_sgd.models.random_potential.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.random_potential.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.random_potential.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.random_potential.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("alpha", "amplitude", "thermal_energy", "correlation_length", "half_width", "spacing", "valid_range"),
        *("features", "ln_time", "cells", "steps_per_e_fold", "time_step"),
    )
    SGD_KEYS: ClassVar[tuple[str, ...]] = ()
    MEMBERS: ClassVar[str] = "disorders"
    AT_MINIMUM: ClassVar[bool] = False
    sgd: ClassVar[None] = None
    kind: Literal["random_potential"]
    """Always `random_potential`."""
    dimension: Annotated[PositiveWholeNumber, Field(le=100_000)] = 1
    """Dimension d of space."""
    alpha: GivenNumber
    """Exponent of the structure function, 0 < alpha < 2; or {from: NETWORK}, that of the loss along its trajectories,
    by its probe roughness."""
    amplitude: GivenMagnitude = 1.0
    """A, in energy^2 / length^alpha; or {from: NETWORK}, by the same fit."""
    thermal_energy: GivenMagnitude = 1.0
    """theta = T/2, the thermal energy k_B T; or {from: NETWORK}, eta tr C/(2 B d) along its trajectories, averaged over
    time, over 1 - momentum."""
    landscape: _Landscape = Field(default_factory=_landscape)
    """line (d = 1) and grid (d = 2, 3): sites, the law exact between any two. fourier (any d): a sum of waves, between
    two cutoffs. Default: by dimension."""
    method: _Method = Field(default_factory=_method)
    """master_equation (line): the probability on the sites, exact averages. flooding (line, grid): the bottom reached
    at theta ln t. sde (line, fourier): walkers, step by step. Default: the first of these that the landscape takes."""
    disorders: Replicas = 1024
    """Independent potentials; error bars come from them."""
    half_width: Annotated[PositiveWholeNumber, Field(le=10_000_000)] | None = Field(default_factory=_half_width)
    """Sites on each side of the start along every axis; what reaches the ends is censored and counted. Default: 4000 on
    a line, 128 and 32 on grids in d = 2 and 3."""
    spacing: Magnitude | None = _only("spacing", _LANDSCAPE_KEYS, 1.0)
    """Distance of neighbouring sites. Default: 1."""
    correlation_length: Magnitude | None = None
    """xi of a line with E[V(x) V(y)] = (A xi^alpha/2) exp(-(|x - y|/xi)^alpha): a power law below xi, bounded barriers
    and ordinary diffusion beyond. null: a power law throughout."""
    valid_range: tuple[Magnitude, Magnitude] | None = Field(default_factory=_valid_range)
    """Shortest and longest distance at which the structure function of fourier is to hold within 3%; the cutoffs of the
    wave numbers follow. A walker beyond is censored and counted. Default: sqrt(d) and 30 sqrt(d)."""
    features: Annotated[PositiveWholeNumber, Field(le=1 << 20)] | None = Field(default_factory=_features)
    """Number of waves of fourier, many more than d: with two to a dimension walkers get away between them. Default: ten
    to a dimension, at least 512."""
    ln_time: FirstLast = Field(default_factory=_ln_time)
    """First and last ln t of the record; t in length^2 / energy. Default: 0 to 40 on a line, less where that is out of
    reach."""
    record_times: RecordTimes = 81
    """Number of times, equally spaced in ln t, both ends included (on fourier, those that are steps)."""
    cells: Annotated[PositiveWholeNumber, Field(le=1024)] | None = _only("cells", _METHOD_KEYS, 1)
    """Cells of the master equation to a spacing, the potential straight between sites. With 1 the walker hops from site
    to site; with more it comes to that of sde, which moves between sites (at A = theta = 1 and spacing 1, <x^2> is off
    by up to 6% with 1, 1.6% with 2, 0.4% with 4). Default: 1."""
    steps_per_e_fold: PositiveNumber | None = _only("steps_per_e_fold", _METHOD_KEYS, 8.0)
    """Time steps of the master equation to a unit of ln t. Default: 8."""
    draws: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = _only("draws", _METHOD_KEYS, 1)
    """Positions drawn from the distribution of every disorder at the last time (master equation). Default: 1."""
    walkers: Replicas | None = _only("walkers", _METHOD_KEYS, 16)
    """Walkers in each disorder (sde). Default: 16."""
    time_step: PositiveNumber | None = None
    """Step of the sde; null: one that resolves the shortest waves, or the sites."""
    aging: Aging | None = None
    """Two-time measurement; null: none."""

    def engines(self) -> tuple[Engine, ...]:
        """That of the method; of waves in few dimensions the compiled kernel, on CUDA torch."""
        if self.method != "sde":
            return (COMPILED,)
        if self.landscape == "line":
            return (FUSED,)
        from langevin_sgd.landscapes.waves import MAX_DIMENSION  # of a kernel, not of a config

        return (COMPILED, TENSORS) if self.dimension <= MAX_DIMENSION else (TENSORS,)

    @model_validator(mode="after")
    def _possible(self) -> RandomPotentialModel:
        faults = list(self.faults())
        if faults:
            raise inconsistent(faults)
        return self

    def faults(self) -> Iterator[tuple[KeyPath, str]]:
        """What does not go together, as far as the numbers are known."""
        alpha = self.alpha
        if isinstance(alpha, float) and alpha >= 2:
            yield (
                ("alpha",),
                f"must be < 2, got {alpha:g}: at 2 the potential is a random constant force, which has no "
                "barriers, so motion is ballistic and (log t)^2 no prediction",
            )
        elif isinstance(alpha, float) and alpha <= 0:
            yield ("alpha",), f"must be > 0, got {alpha:g}: below, the potential does not grow with distance"
        unfit = list(self._unfit())
        yield from unfit
        first, last = self.ln_time
        if not first < last:
            yield ("ln_time",), f"needs FIRST < LAST, got {first:g} and {last:g}"
        elif last > LONGEST:
            yield ("ln_time", 1), f"must be at most {LONGEST:g}, the largest that a double holds, got {last:g}"
        elif self.method == "flooding" and first < 0:
            yield ("ln_time", 0), f"must be >= 0 with flooding, whose water rises from theta ln t = 0, got {first:g}"
        elif not unfit and (not isinstance(alpha, float) or 0 < alpha < 2):
            yield from list(self._cutoffs()) or self._reached()
        if self.aging is not None:
            waits = self.aging.ln_waiting_times
            if any(b <= a for a, b in itertools.pairwise(waits)):
                yield ("aging", "ln_waiting_times"), "must ascend"
            if waits[-1] * max(self.aging.ratios) > LONGEST:
                yield ("aging", "ratios"), f"reach ln t = {waits[-1] * max(self.aging.ratios):g}; at most {LONGEST:g}"

    def _unfit(self) -> Iterator[tuple[KeyPath, str]]:
        """Landscapes, methods and keys that do not go together."""
        if self.landscape == "line" and self.dimension != 1:
            yield ("landscape",), f"a line has dimension 1, not {self.dimension}; give grid (2, 3) or fourier"
            return
        if self.landscape == "grid" and self.dimension not in _GRID_DIMENSIONS:
            other = "line" if self.dimension == 1 else "fourier"
            yield ("landscape",), f"a grid has dimension 2 or 3, not {self.dimension}; give {other}"
            return
        methods = _METHODS[self.landscape]
        if self.method not in methods:
            yield ("method",), f"{self.method} cannot walk on landscape: {self.landscape}; give {' or '.join(methods)}"
            return
        for chosen, kind, table in (
            (self.landscape, "landscape", _LANDSCAPE_KEYS),
            (self.method, "method", _METHOD_KEYS),
        ):
            for key, takers in table.items():
                given = getattr(self, key) is not None
                if given and chosen not in takers:
                    yield (key,), f"goes with {kind}: {' or '.join(takers)}, not {chosen}; remove it"
                elif not given and chosen in takers and key not in _MAY_BE_NULL:
                    yield (key,), f"cannot be null with {kind}: {chosen}; leave the key out for the default"

    def _cutoffs(self) -> Iterator[tuple[KeyPath, str]]:
        """The box and the cutoffs, as far as they are known before anything runs."""
        if self.valid_range is not None:
            low, high = self.valid_range
            if not low < high:
                yield ("valid_range",), f"the cutoffs are crossed: {low:g} is not below {high:g}; exchange them"
            return
        assert self.half_width is not None
        assert self.spacing is not None
        sites = (2 * self.half_width + 1) ** self.dimension
        if sites > _MOST_SITES:
            yield (
                ("half_width",),
                f"{self.half_width} makes {2 * self.half_width + 1:,}^{self.dimension} sites; give "
                f"at most {int(_MOST_SITES ** (1 / self.dimension) - 1) // 2}",
            )
            return
        if sites * (self.cells or 1) > _MOST_SITES:
            yield ("cells",), f"{self.cells} to each of {sites:,} spacings; give at most {_MOST_SITES // sites}"
            return
        box, xi = self.half_width * self.spacing, self.correlation_length
        if xi is not None and xi <= self.spacing:
            yield (
                ("correlation_length",),
                f"the cutoffs are crossed: {xi:g} is not above the spacing {self.spacing:g}, the lower cutoff; give "
                "more, or a smaller spacing",
            )
        elif xi is not None and xi >= 2 * box:
            yield (
                ("correlation_length",),
                f"{xi:g} does not fit into the box of {2 * box:g}; remove it, or give a larger half_width",
            )

    def _reached(self) -> Iterator[tuple[KeyPath, str]]:
        """What depends on how strong potential and noise are; nothing where that is not measured yet."""
        from langevin_sgd.models.random_potential.known import Known

        if not self.needs():
            yield from Known.model_construct(**dict(self)).reached()

    def needs(self) -> tuple[tuple[str, str], ...]:
        """The networks on which numbers are measured, by key."""
        return tuple((key, each.from_) for key, each in self.strength().items() if not isinstance(each, float))

    def strength(self) -> dict[str, float | Measured]:
        """alpha, A and theta as they are given, by key."""
        return {key: getattr(self, key) for key in MEASURED}

    def problems(self, study: Study, name: str) -> Faults:
        """Whether every model that it is measured on measures that."""
        able = [other for other, model in study.models.items() if set(MEASURED.values()) <= model.emits_in(study)]
        for key, source in self.needs():
            target = study.models.get(source)
            if target is None or MEASURED[key] in target.emits_in(study):
                continue  # that there is no such model is told of every kind
            hint = choice(source, able, what="those that do:") if able else f"give a network probes: [{PROBE}]"
            yield (
                ("models", name, key, "from"),
                f"is measured by the probe {PROBE}, which {source} does not have; {hint}",
            )

    def emits(self) -> frozenset[str]:
        """Displacements in potentials whose structure function is known."""
        return frozenset({"squared_displacement", "valid_range"})
