"""Positions of walkers in disorder against the Kesten-Golosov law, with intervals over disorders.

The mirror image of a disorder is as likely as the disorder, so a distribution is estimated from positions and their
mirror images together (an antithetic pair, which halves the noise); whether the positions are symmetric is tested on
its own. The scale (theta (ln t + c))^2/A holds a fitted shift: each resample of disorders brings its own, so that the
interval covers that as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.diffusion.distance import GRID_POINTS, Resampled, assess_distance, sup_distance
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.estimators.logarithmic_law import LogarithmicFit
from langevin_sgd.estimators.resampling import bootstrap_means
from langevin_sgd.estimators.stationary import jackknife_stderr
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]

_ASYMMETRY = 4.5  # standard errors: one false alarm in 150,000


@dataclass(frozen=True)
class Positions:
    """Positions drawn at one time, (sample, draw) from the start, and what sets their scale."""

    draws: Array
    ln_time: float
    amplitude: float
    thermal_energy: float

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset, dimension: str, *, amplitude: float, thermal_energy: float) -> Positions:
        """`position_draw` (disorder, draw) at the coordinate `draw_time`, at the last `time` without one.

        If the draws have `draw_time` as a dimension, the last is taken.
        """
        draws = dataset["position_draw"]
        times = draws["draw_time"] if "draw_time" in draws.coords else dataset["time"]
        if "draw_time" in draws.dims:
            draws = draws.isel(draw_time=-1)
        values = np.asarray(draws.transpose(dimension, "draw").values, dtype=np.float64)
        return cls(values, math.log(float(np.max(times.values))), amplitude, thermal_energy)

    def scale(self, shift: Array | float) -> Array:
        """(theta (ln t + c))^2/A, the unit of position, for shifts c of any shape."""
        return (self.thermal_energy * (self.ln_time + np.asarray(shift, dtype=np.float64))) ** 2 / self.amplitude

    def asymmetry(self) -> str:
        """Why the positions are not those of a symmetric disorder, or nothing."""
        each = np.sign(self.draws).mean(axis=1)
        stderr = float(each.std(ddof=1)) / math.sqrt(each.size)
        if abs(each.mean()) <= _ASYMMETRY * stderr:
            return ""
        return (
            f"not symmetric: {(1 + each.mean()) / 2:.3g} of the positions lie to the right of the start, "
            f"{abs(each.mean()) / stderr:.2g} standard errors from a half, so the disorder has a bias"
        )

    def distance(self, shift: float) -> float:
        """Sup-distance of the symmetrised scaled positions from the law: half that of their absolute values."""
        scaled = np.abs(self.draws) / float(self.scale(shift))
        return 0.5 * sup_distance(scaled, lambda xi: 1.0 - theory.survival(xi))

    def resample(self, shift: float, shifts: Array, *, seed: int) -> Resampled:
        """Bootstrap over disorders of the distribution's deviation, each resample scaled by its own of `shifts`."""
        ordered = np.sort(np.abs(self.draws), axis=1)
        grid = np.unique(np.quantile(ordered, np.linspace(0.0, 1.0, GRID_POINTS)))
        each = np.stack([np.searchsorted(row, grid, side="right") for row in ordered]) / ordered.shape[1]
        pooled = each.mean(axis=0)
        means = bootstrap_means(each, seed=seed, resamples=shifts.size)
        stretch = self.scale(shifts) / float(self.scale(shift))
        deviations = [
            np.max(np.abs(np.interp(grid * factor, grid, mean, left=0.0) - pooled))
            for factor, mean in zip(stretch, means, strict=True)
        ]
        return Resampled(np.sort(0.5 * np.asarray(deviations)))


def position_rows(
    positions: Positions,
    fit: LogarithmicFit,
    *,
    model: str,
    role: Role,
    bound: float,
    shape_tolerance: float,
    confidence: float,
    seed: int,
) -> list[Comparison]:
    """Rows `position_distribution`, at the shift of `fit` and (a contrast) unshifted, and `mean_absolute_position`."""
    samples = positions.draws.shape[0]
    fault = positions.asymmetry()

    def distance_row(shift: float, shifts: Array, law: str, role: Role) -> Comparison:
        measured = positions.distance(shift)
        assessed = assess_distance(
            measured,
            positions.resample(shift, shifts, seed=seed),
            replicas=samples,
            bound=bound,
            confidence=confidence,
            cure="disorders",
        )
        return Comparison.from_assessment(
            assessed.with_note(f"positions and mirror images at ln t = {positions.ln_time:.3g}, shift {shift:.3g}"),
            model=model,
            quantity=Quantity("position_distribution", ranks=(0, 5), said="the law of positions"),
            law=law,
            role=role,
            measured=measured,
            standard_error=assessed.stderr,
            predicted=0.0,
            tolerance=bound,
            eigenvalues=np.empty(0),
        ).spoiled(fault)

    return [
        distance_row(fit.shift, fit.shifts, "Kesten-Golosov", role),
        distance_row(0.0, np.zeros(fit.shifts.size), "Kesten-Golosov, no shift", "contrast"),
        _mean_absolute_row(positions, model=model, role=role, tolerance=shape_tolerance, confidence=confidence),
    ]


def _mean_absolute_row(
    positions: Positions, *, model: str, role: Role, tolerance: float, confidence: float
) -> Comparison:
    """E|x|/sqrt(E x^2), which needs no scale and no shift; error by jackknife over disorders."""
    absolute, square = np.abs(positions.draws).mean(axis=1), (positions.draws**2).mean(axis=1)
    samples = absolute.size
    left_out = (absolute.sum() - absolute) / np.sqrt((square.sum() - square) * (samples - 1))
    measured, stderr = float(absolute.mean() / np.sqrt(square.mean())), float(jackknife_stderr(left_out))
    predicted = theory.MEAN_ABSOLUTE / math.sqrt(theory.MEAN_SQUARE)
    assessed = assess_ratio(
        measured,
        stderr,
        predicted,
        dof=samples - 1,
        tolerance=tolerance,
        confidence=confidence,
        name="ratio",
        cure="disorders",
    )
    return Comparison.from_assessment(
        assessed,
        model=model,
        quantity=Quantity("mean_absolute_position", ranks=(0, 5)),
        law="Kesten-Golosov",
        law_said="the law of Kesten and Golosov",
        role=role,
        measured=measured,
        standard_error=stderr,
        predicted=predicted,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
    )
