"""The `random_potential` model: walkers in Gaussian potentials whose structure function is a power law."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from langevin_sgd.config.errors import KeyPath, inconsistent
from langevin_sgd.config.fields import Number, PositiveNumber, PositiveWholeNumber, RecordTimes, Replicas, Section

_LONGEST = 700.0  # exp of more is no double


class Aging(Section):
    """Two times: a walker seen at t_w and again at t_w^h on the same disorder."""

    ln_waiting_times: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)]
    """ln t_w, ascending."""
    ratios: Annotated[tuple[Annotated[Number, Field(gt=1)], ...], Field(min_length=1)]
    """h = ln t / ln t_w, each > 1."""
    distance: PositiveNumber = 0.1
    """delta: the walker counts as still there within delta (ln t_w)^2, in natural units."""


class RandomPotentialModel(Section):
    """dx = -V'(x) dt + sqrt(2 theta) dW in random potentials V with E[(V(x) - V(y))^2] = A |x - y|^alpha."""

    SCANNABLE: ClassVar[tuple[str, ...]] = ("alpha", "amplitude", "thermal_energy")
    sgd: ClassVar[None] = None
    kind: Literal["random_potential"]
    """Always `random_potential`."""
    dimension: Literal[1] = 1
    """Dimension of space: a line."""
    alpha: Number
    """Exponent of the structure function, 0 < alpha < 2."""
    amplitude: PositiveNumber = 1.0
    """A, in energy^2 / length^alpha."""
    thermal_energy: PositiveNumber = 1.0
    """theta = T/2, the thermal energy k_B T."""
    method: Literal["master_equation", "flooding"] = "master_equation"
    """master_equation: the probability on the lattice, exact averages. flooding: the bottom reached at theta ln t."""
    disorders: Replicas = 1024
    """Independent potentials; error bars come from them."""
    half_width: Annotated[PositiveWholeNumber, Field(le=10_000_000)] = 4000
    """Sites on each side of the start; what reaches the ends is censored and counted."""
    spacing: PositiveNumber = 1.0
    """Distance of neighbouring sites."""
    ln_time: tuple[Number, PositiveNumber] = (0.0, 40.0)
    """First and last ln t of the record; t in length^2 / energy."""
    record_times: RecordTimes = 81
    """Number of times, equally spaced in ln t, both ends included."""
    steps_per_e_fold: PositiveNumber = 8.0
    """Time steps of the master equation to a unit of ln t."""
    draws: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """Positions drawn from the distribution of every disorder at the last time."""
    aging: Aging | None = None
    """Two-time measurement; null: none."""

    @model_validator(mode="after")
    def _possible(self) -> RandomPotentialModel:
        faults = list(self._faults())
        if faults:
            raise inconsistent(faults)
        return self

    def _faults(self) -> Iterator[tuple[KeyPath, str]]:
        if self.alpha >= 2:
            yield (
                ("alpha",),
                f"must be < 2, got {self.alpha:g}: at 2 the potential is a random constant force, which has no "
                "barriers, so motion is ballistic and (log t)^2 no prediction",
            )
        elif self.alpha <= 0:
            yield ("alpha",), f"must be > 0, got {self.alpha:g}: below, the potential does not grow with distance"
        first, last = self.ln_time
        if not first < last:
            yield ("ln_time",), f"needs FIRST < LAST, got {first:g} and {last:g}"
        elif last > _LONGEST:
            yield ("ln_time", 1), f"must be at most {_LONGEST:g}, the largest that a double holds, got {last:g}"
        elif self.method == "flooding" and first < 0:
            yield ("ln_time", 0), f"must be >= 0 with flooding, whose water rises from theta ln t = 0, got {first:g}"
        if self.aging is not None:
            if self.method != "master_equation":
                yield ("aging",), "two times are drawn from the master equation; give method: master_equation"
            waits = self.aging.ln_waiting_times
            if any(b <= a for a, b in itertools.pairwise(waits)):
                yield ("aging", "ln_waiting_times"), "must ascend"
            if waits[-1] * max(self.aging.ratios) > _LONGEST:
                yield ("aging", "ratios"), f"reach ln t = {waits[-1] * max(self.aging.ratios):g}; at most {_LONGEST:g}"

    def sources(self) -> tuple[tuple[str, str], ...]:
        """It is measured on no other model."""
        return ()

    def has_stationary_window(self) -> bool:
        """It never comes to rest."""
        return False
