"""The `basins` model: which basin noise chooses, and how long it takes to change, on a landscape given by a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from langevin_sgd.config.errors import KeyPath, choice, inconsistent
from langevin_sgd.config.fields import (
    BurnIn,
    Flag,
    Number,
    PositiveNumber,
    PositiveWholeNumber,
    Section,
    Text,
)
from langevin_sgd.models.basins import observables
from langevin_sgd.models.basins.potentials import Potential
from langevin_sgd.models.langevin.config import LangevinEquation
from langevin_sgd.models.langevin.potential import ExpressionPotential
from langevin_sgd.observables.variable import Declarations

if TYPE_CHECKING:
    from langevin_sgd.landscapes.families import Family
    from langevin_sgd.study.config import Study


def _core_form(value: Any) -> str:
    return "condition" if isinstance(value, str) else "fraction"


class Escape(Section):
    """First passage from one basin to the core of another."""

    origin: Annotated[Text, Field(alias="from")]
    """Label of the basin in which the replicas begin."""
    to: Text
    """Label of the basin to reach."""
    core: Annotated[
        Annotated[Text, Tag("condition")] | Annotated[PositiveNumber, Tag("fraction")], Discriminator(_core_form)
    ] = 0.2
    """Where the passage ends: a condition such as "x > 0.8", or a fraction r: closer to the minimum than r times its
    distance from the other minimum."""


class BasinsModel(LangevinEquation):
    """dw = -grad E dt + b dW from all basins at once: occupancy, transitions, escape times, density and current.

    The noise and the step are those of the `langevin` model: with `time_step` null a step is a step of SGD.
    """

    RUN: ClassVar[str] = "langevin_sgd.models.basins.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.basins.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.basins.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.basins.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *LangevinEquation.SCANNABLE,
        *("potential.depth_difference", "potential.curvature_ratio", "potential.barrier"),
        *("potential.transverse_curvature", "potential.sharp_curvature", "potential.flat_curvature"),
        *("potential.rotation", "potential.thermal_energy", "burn_in", "escape.core"),
    )
    FUSED: ClassVar[tuple[str, ...]] = (
        *LangevinEquation.FUSED,
        *(key for key in SCANNABLE if key.startswith("potential.") and key != "potential.parameters"),
    )
    kind: Literal["basins"]
    """Always `basins`."""
    potential: Potential
    """The landscape: kind expression, sharp_flat, quartic, two_basin or nonequilibrium_well."""
    labels: tuple[Text, ...] = ()
    """Names of the basins from left to right. Empty: those of the ready landscape, or left, right, or basin_1, ...
    One name says that there is a single well: then its density, mean and variance are measured, and no occupancy."""
    box: tuple[tuple[Number, Number], ...] | None = None
    """[[LOW, HIGH], ...], one a coordinate: where minima are looked for; laws reach farther. null: [-5, 5] each."""
    start_in: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Labels of the basins in which the replicas begin, in equal parts. null: all of them."""
    start: dict[Text, Annotated[tuple[Number, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """{label: position} where to begin in a basin; a basin without begins at its minimum."""
    burn_in: BurnIn | None = None
    """Steps before the window in which time averages are taken. null: half of the steps."""
    samples: Annotated[PositiveWholeNumber, Field(le=100_000)] = 128
    """Equally spaced steps of the window at which positions are looked at."""
    escape: Escape | None = None
    """First passage between two basins, every replica starting in the first; null: none, and occupancy is measured."""
    cells: Annotated[PositiveWholeNumber, Field(ge=10, le=400)] = 40
    """Cells of the measured density along a coordinate, in one and two dimensions."""
    laws: Flag = True
    """Predict occupancy, density and escape by the laws that apply."""

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Steps, and looks at all replicas: at recorded times, and in the window."""
        return {"steps": self.steps, "record_times": self.record_times, "samples": self.samples}

    def shorter(self, study: Study, name: str, work: Mapping[str, int]) -> Mapping[str, Any]:
        """With the window at the end of fewer steps."""
        samples = min(work["samples"], work["steps"])
        return {**work, "samples": samples, "burn_in": work["steps"] - samples}

    def emits(self) -> frozenset[str]:
        """The occupancy by start."""
        return frozenset({"occupancy_from"})

    @cached_property
    def family(self) -> Family | None:
        """The ready landscape, None for a formula."""
        return self.potential.family()

    @cached_property
    def landscape(self) -> ExpressionPotential:
        """The potential as a formula."""
        return self.potential.formula()

    @property
    def first_of_window(self) -> int:
        """Step after which the window begins."""
        return self.steps // 2 if self.burn_in is None else self.burn_in

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = [*self._window_faults(), *self._label_faults()]
        if faults:
            raise inconsistent(faults)
        return self

    def regions(self) -> dict[str, str]:
        """{label: condition} of the basins where they are given; empty where they are to be found."""
        if self.basins or self.family is None:
            return dict(self.basins)
        known = dict(self.family.regions)
        return dict(zip(self.labels, known.values(), strict=False)) if self.labels and known else known

    def known_labels(self) -> tuple[str, ...]:
        """Labels that can be known before the minima are found."""
        if self.basins:
            return tuple(self.basins)
        return self.labels or (() if self.family is None else self.family.labels)

    @property
    def one_well(self) -> bool:
        """Whether a single well is asked for, by its name."""
        return len(self.known_labels()) == 1

    def _window_faults(self) -> Iterator[tuple[KeyPath, str]]:
        if self.first_of_window >= self.steps:
            message = f"{self.burn_in} leaves nothing of the {self.steps} steps; give less than {self.steps}, or null"
            yield ("burn_in",), message
        elif self.samples > self.steps - self.first_of_window:
            yield ("samples",), f"must be at most the {self.steps - self.first_of_window} steps of the window"

    def _label_faults(self) -> Iterator[tuple[KeyPath, str]]:
        d = len(self.landscape.variables)
        if self.box is not None and len(self.box) != d:
            yield ("box",), f"has {len(self.box)} ranges, but the potential has {d} variables; give {d}"
        for place, (low, high) in enumerate(self.box or ()):
            if not low < high:
                yield ("box", place), f"needs LOW < HIGH, got {low:g} and {high:g}"
        if self.basins and self.labels:
            yield ("labels",), "basins have their labels already; remove it"
        if len(set(self.labels)) < len(self.labels):
            yield ("labels",), "has a label twice; choose another"
        ready = () if self.family is None or self.basins else self.family.labels
        if ready and self.labels and len(self.labels) != len(ready):
            found = f"has {len(self.labels)} labels, but the landscape has {len(ready)} basins"
            yield ("labels",), f"{found} ({', '.join(ready)}); give {len(ready)}"
        if self.one_well and d > 2:
            at = "basins" if self.basins else "labels"
            yield (at,), f"one well is measured in up to 2 dimensions, and the potential has {d}; give two basins"
        if self.one_well and self.samples < 2:
            yield ("samples",), "must be at least 2 of one well, whose halves of the window are compared"
        if d > 2 and not (self.regions() or self.one_well):
            yield (
                ("potential",),
                "basins are found in up to 2 dimensions; give basins: {LABEL: CONDITION}",
            )
        known = self.known_labels()
        named: list[tuple[KeyPath, str]] = [(("start_in", i), label) for i, label in enumerate(self.start_in or ())]
        named += [(("start", label), label) for label in self.start]
        if self.escape is not None:
            named += [(("escape", "from"), self.escape.origin), (("escape", "to"), self.escape.to)]
        for path, label in named:
            if known and label not in known:
                yield path, f'no basin named "{label}"; {choice(label, known)}'
        for place, label in enumerate(self.start_in or ()):
            if label in (self.start_in or ())[:place]:
                yield ("start_in", place), f'"{label}" is named twice; remove one'
        begins = (self.escape.origin,) if self.escape else self.start_in or known
        for label in self.start:
            if label in known and label not in begins:
                yield ("start", label), f"no replica begins in {label}, only in {', '.join(begins)}; remove it"
        for label, position in self.start.items():
            if len(position) != d:
                yield ("start", label), f"has {len(position)} entries, but the potential has {d} variables; give {d}"
        starts = len(begins) or 1  # basins that are still to be found are counted when they are
        if self.replicas % starts:
            yield ("replicas",), f"must share out evenly to {starts} starts; give a multiple of {starts}"
        if self.escape is not None:
            yield from self._escape_faults(self.escape)

    def _escape_faults(self, escape: Escape) -> Iterator[tuple[KeyPath, str]]:
        if escape.origin == escape.to:
            yield ("escape", "to"), "must be another basin than from"
        if self.start_in is not None:
            yield ("start_in",), f"with an escape every replica starts in {escape.origin}; remove it"
        if not isinstance(escape.core, str) and escape.core >= 1.0:
            yield ("escape", "core"), "must be below 1, a fraction of the distance between the minima"

    def _more_conditions(self) -> Iterator[tuple[KeyPath, str]]:
        if self.escape is not None and isinstance(self.escape.core, str):
            yield ("escape", "core"), self.escape.core
