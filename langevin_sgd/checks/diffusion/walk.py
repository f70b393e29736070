"""What walkers in random potentials, or networks, emit of their squared displacement, and where it may be judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.table import Role
from langevin_sgd.estimators.logarithmic_law import FitWindow

Array = NDArray[np.float64]

MINIMUM_SPAN = 2.0  # of ln t within the window: below it no shift can be told from an exponent
LARGEST_CENSORED = 0.01
LARGEST_RELATIVE_ERROR = 0.2  # of <x^2>: beyond it the tail is not sampled and no interval is to be trusted
LARGEST_DISPLACED = 1e-5
"""Probability that the time steps of the master equation may displace, on average over disorders: even at ten times
the root-mean-square distance it adds 0.1% to <x^2>."""


@dataclass(frozen=True)
class Walk:
    """Squared displacements (sample, time) of independent disorders or replicas, at positive times."""

    dimension: str
    ln_time: Array
    squares: Array
    censored: NDArray[np.bool_]
    displaced: float
    valid_range: tuple[float, float]
    left_range: str = ""

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Walk:
        """The walk of a model (dimension `disorder`) or a network (`replica`)."""
        squares = dataset["squared_displacement"]
        dimension = "disorder" if "disorder" in squares.dims else "replica"
        time = np.asarray(dataset["time"].values, dtype=np.float64)
        later = time > 0.0
        values = np.asarray(squares.transpose(dimension, "time").values, dtype=np.float64)[:, later]
        censored = np.zeros(values.shape, dtype=np.bool_)
        if "censored" in dataset:
            flags = dataset["censored"].transpose(dimension, "time").values
            censored = np.asarray(flags, dtype=np.bool_)[:, later]
        displaced = float(dataset["displaced_probability"].mean()) if "displaced_probability" in dataset else 0.0
        low, high = dataset["valid_range"].values if "valid_range" in dataset else (0.0, math.inf)
        return cls(dimension, np.log(time[later]), values, censored, displaced, (float(low), float(high)))

    @property
    def role(self) -> Role:
        """Disorders are compared with their own law, networks with that of others."""
        return "law" if self.dimension == "disorder" else "contrast"

    @property
    def root_mean_square(self) -> Array:
        """sqrt<x^2>, (time,)."""
        distance: Array = np.sqrt(self.squares.mean(axis=0))
        return distance

    @property
    def in_range(self) -> NDArray[np.bool_]:
        """The times at which sqrt<x^2> lies where the structure function is a power law, (time,)."""
        low, high = self.valid_range
        inside: NDArray[np.bool_] = (self.root_mean_square >= low) & (self.root_mean_square <= high)
        return inside

    def within_reach(self) -> Walk:
        """The walk until it leaves the range of the power law."""
        outside = self.root_mean_square > self.valid_range[1]
        kept = ~np.logical_or.accumulate(outside)
        left = self.range_note if outside.any() else ""
        return replace(
            self, ln_time=self.ln_time[kept], squares=self.squares[:, kept], censored=self.censored[:, kept],
            left_range=left,
        )  # fmt: skip

    @property
    def range_note(self) -> str:
        """How far the walk goes, and when it is in the range of the power law; empty if always."""
        low, high = self.valid_range
        distance, inside = self.root_mean_square, self.in_range
        if inside.all():
            return ""
        between = f"sqrt<x^2> goes from {distance[0]:.3g} to {distance[-1]:.3g}"
        power_law = f"the structure function is a power law at {low:.3g} to {high:.3g}"
        if not inside.any():
            return f"{between}, and {power_law}"
        first, last = self.ln_time[inside][0], self.ln_time[inside][-1]
        return f"{between}, and {power_law}, that is from ln t = {first:.3g} to {last:.3g}"

    def censored_share(self) -> Array:
        """Share of the samples that have met the boundary or a cutoff by each time, (time,)."""
        return np.asarray(self.censored.cumsum(axis=1).astype(np.bool_).mean(axis=0), dtype=np.float64)

    def fault(self, window: FitWindow) -> str:
        """Why no verdict on a law of ln t may be trusted, with the mend; empty if there is no reason."""
        first, last = window.ln_time[0], window.ln_time[-1]
        if last < MINIMUM_SPAN * first:
            mend = f"run to ln t = {MINIMUM_SPAN * first:.3g} or further"
            return (
                f"window too short: ln t from {first:.3g} to {last:.3g} spans a factor {last / first:.2g}, in which a "
                f"shift of ln t passes for an exponent; {self.left_range or mend}"
            )
        return self.fault_until(last) or self._noise(window)

    def fault_until(self, last: float) -> str:
        """Censoring until ln t = `last`, and errors of the method."""
        share = self.censored_share()[self.ln_time <= last]
        over = share > LARGEST_CENSORED
        if over.any():
            return (
                f"censored: {share.max():.2%} of the {self.dimension}s have reached the boundary of their box, more "
                f"than {LARGEST_CENSORED:.0%} from ln t = {self.ln_time[: over.size][over][0]:.3g} on; a wider box "
                "would settle it"
            )
        if self.displaced > LARGEST_DISPLACED:
            return (
                f"time steps too long: they displaced a probability of {self.displaced:.2g} on average, more than "
                f"{LARGEST_DISPLACED:g}; more steps_per_e_fold would settle it"
            )
        return ""

    def _noise(self, window: FitWindow) -> str:
        error = window.relative_error
        if error <= LARGEST_RELATIVE_ERROR:
            return ""
        samples = self.squares.shape[0]
        needed = samples * (error / LARGEST_RELATIVE_ERROR) ** 2
        return (
            f"too few {self.dimension}s: the standard error of <x^2> from {samples} is {error:.0%}, and beyond "
            f"{LARGEST_RELATIVE_ERROR:.0%} its tail is not sampled; about {needed:.2g} would do for an interval"
        )

    @property
    def note(self) -> str:
        """How many are censored, and what they carry of <x^2>, for the reasons of verdicts."""
        flagged = self.censored.any(axis=1)
        if not flagged.any():
            return f"{flagged.size} {self.dimension}s"
        carried = self.squares[flagged, -1].sum() / self.squares[:, -1].sum()
        return f"{flagged.size} {self.dimension}s, {flagged.mean():.2%} of them censored with {carried:.2g} of <x^2>"
