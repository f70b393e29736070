"""The comparisons of a walker or a network that leaves its start."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from langevin_sgd.checks.diffusion.config import DiffusionCheck
from langevin_sgd.checks.diffusion.point import diffusion
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.verdicts.table import Comparison


def rows(judged: Judged, check: DiffusionCheck) -> list[Comparison]:
    """The comparisons of one model at every point of a scan."""

    def known(point: xr.Dataset, name: str) -> float | None:
        return float(point[name]) if name in point and point[name].ndim == 0 else None

    return [
        replace(row, point=label)
        for label, point in judged.points()
        for row in diffusion(
            point,
            model=judged.name,
            alpha=known(point, "alpha"),
            amplitude=known(point, "amplitude"),
            thermal_energy=known(point, "thermal_energy"),
            window=check.window,
            tolerance=check.tolerance,
            amplitude_tolerance=check.amplitude_tolerance,
            distribution_bound=check.distribution_bound,
            aging_bound=check.aging_bound,
            confidence=check.confidence,
            seed=judged.study.seed,
        )
    ]
