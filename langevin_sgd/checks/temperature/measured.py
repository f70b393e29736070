"""What was measured of modes from one onset on, and how it is averaged over modes and delays with the error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.modes import Modes
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance, pooled_variance
from langevin_sgd.theory import ornstein_uhlenbeck as theory

Array = NDArray[np.float64]

RELAXATIONS = 2.0
"""Relaxation times of the slowest of some modes, after which what is measured of them is more than the first steps."""


@dataclass(frozen=True)
class Value:
    """A value, and those with each replica left out, (replica,)."""

    value: float
    without: Array

    @property
    def stderr(self) -> float:
        """The jackknife's standard error."""
        return float(jackknife_stderr(self.without))

    def over(self, other: Value | float) -> Value:
        """The ratio of two values of the same replicas, or to a number."""
        if isinstance(other, Value):
            return Value(self.value / other.value, self.without / other.without)
        return Value(self.value / other, self.without / other)


@dataclass(frozen=True)
class Measured:
    """Responses and moments (replica, delay, mode), and what belongs to the modes, (mode,).

    `response_law` and `variance_law` (delay, mode) are those of the process's own law, None where it has none.
    """

    onset: int
    delays: NDArray[np.int64]
    eigenvalue: Array
    bath: Array
    relaxation: Array
    response: Array
    moment_1: Array
    moment_2: Array
    response_law: Array | None
    variance_law: Array | None

    @classmethod
    def of(cls, dataset: xr.Dataset, place: int) -> Measured:
        """Those of one onset of a model."""

        def values(name: str, *dims: str) -> Array:
            at = dataset[name].isel(onset=place)
            return np.asarray(at.transpose(*dims).values, dtype=np.float64)

        def law(name: str) -> Array | None:
            if name not in dataset:
                return None
            found = values(name, "delay", "mode")
            return found if np.isfinite(found).all() else None

        eigenvalue = values("onset_eigenvalue", "mode")
        each = ("replica", "delay", "mode")
        return cls(
            onset=int(dataset["onset_step"].values[place]),
            delays=dataset["delay_step"].values,
            eigenvalue=eigenvalue,
            bath=values("bath_thermal_energy", "mode"),
            relaxation=theory.autocorrelation_time(
                eigenvalue, float(dataset["learning_rate"]), float(dataset["momentum"])
            ),
            response=values("mode_response", *each),
            moment_1=values("mode_increment_1", *each),
            moment_2=values("mode_increment_2", *each),
            response_law=law("mode_response_predicted"),
            variance_law=law("mode_increment_variance_predicted"),
        )

    @property
    def replicas(self) -> int:
        """Number of independent replicas."""
        return len(self.response)

    @cached_property
    def pushed(self) -> Modes:
        """Modes that a field was along: those with noise."""
        found: Modes = np.asarray(np.isfinite(self.response).all(axis=(0, 1)))
        return found

    @cached_property
    def variance(self) -> tuple[Array, Array]:
        """Variances of the increments (delay, mode), and with each replica left out (replica, delay, mode)."""
        return pooled_variance(self.moment_1, self.moment_2), leave_one_out_variance(self.moment_1, self.moment_2)

    @cached_property
    def mean_response(self) -> tuple[Array, Array]:
        """The same of the responses."""
        total, replicas = self.response.sum(axis=0), self.replicas
        return total / replicas, (total - self.response) / max(replicas - 1, 1)

    def late(self, modes: Modes) -> NDArray[np.bool_]:
        """Delays of two relaxation times of the slowest of the modes and more; the longest alone if there is none."""
        found: NDArray[np.bool_] = self.delays >= RELAXATIONS * self.relaxation[modes].max()
        found[-1] = True
        return found

    def response_over(self, law: Array, modes: Modes) -> Value:
        """Response over that of a law (delay, mode), mean over modes and late delays."""
        return _mean(*self.mean_response, 1.0 / _safe(law), self._chosen(modes))

    def variance_over(self, law: Array, modes: Modes) -> Value:
        """Variance of increments over that of a law (delay, mode), mean over modes and late delays."""
        return _mean(*self.variance, 1.0 / _safe(law), self._chosen(modes))

    def thermal_energy(self, modes: Modes) -> Value:
        """Mean over modes of the effective thermal energy of each, in the longest delay."""
        chosen = np.ix_(np.array([self.delays.size - 1]), np.flatnonzero(modes))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.variance[0] / (2.0 * self.mean_response[0])
            without = self.variance[1] / (2.0 * self.mean_response[1])
        return _mean(value, without, np.ones(value.shape), chosen)

    def _chosen(self, modes: Modes) -> tuple[Any, ...]:
        return np.ix_(np.flatnonzero(self.late(modes)), np.flatnonzero(modes))


def _safe(law: Array) -> Array:
    return np.where(law > 0.0, law, np.nan)


def _mean(value: Array, without: Array, weight: Array, chosen: tuple[Any, ...]) -> Value:
    """The mean of chosen entries (delay, mode), times their weights."""
    of = weight[chosen]
    return Value(float((value[chosen] * of).mean()), (without[(slice(None), *chosen)] * of).mean(axis=(1, 2)))
