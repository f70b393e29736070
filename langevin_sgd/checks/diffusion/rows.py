"""The comparisons of a walker or a network that leaves its start."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from langevin_sgd.checks.diffusion.conclusion import conclusion_row
from langevin_sgd.checks.diffusion.config import DiffusionCheck
from langevin_sgd.checks.diffusion.distance_growth import distance_rows
from langevin_sgd.checks.diffusion.evidence import Evidence
from langevin_sgd.checks.diffusion.point import diffusion
from langevin_sgd.checks.diffusion.response import residual_row, response_rows
from langevin_sgd.checks.diffusion.rough_walk import rough_walk_rows
from langevin_sgd.checks.diffusion.roughness import roughness_rows
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.places import keys_at, scan_keys
from langevin_sgd.checks.verdicts.table import Comparison

_HEAT = ("learning_rate", "batch_size", "momentum")
"""Keys of a scan that change the temperature of a training, and nothing that it does without noise."""


def rows(judged: Judged, check: DiffusionCheck) -> list[Comparison]:
    """The comparisons of one model at every point of a scan."""

    def known(point: xr.Dataset, name: str) -> float | None:
        return float(point[name]) if name in point and point[name].ndim == 0 else None

    found = [
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
    return found + _beside_response(judged, check)


def _beside_response(judged: Judged, check: DiffusionCheck) -> list[Comparison]:
    """Rows of the points beside which linear response ran, and one of all that differ in temperature alone."""
    model, confidence = judged.name, check.confidence
    alike: dict[str, list[tuple[str, Evidence]]] = {}
    names = [name for name in scan_keys(judged.data) if not name.endswith(_HEAT)]
    rows: list[Comparison] = []
    for label, point in judged.points():
        own = Evidence.of(point)
        if own is not None:
            alike.setdefault(str(keys_at(point, names)), []).append((label, own))
        extra = roughness_rows(point, model=model, confidence=confidence)
        extra += rough_walk_rows(
            point, model=model, window=check.window, tolerance=check.tolerance, confidence=confidence,
            seed=judged.study.seed,
        )  # fmt: skip
        extra += distance_rows(point, model=model, window=check.window, confidence=confidence)
        rows += [replace(row, point=label) for row in extra]
    for seen in alike.values():
        for label, own in seen:
            others = [each for _, each in seen if each is not own]
            concluded = conclusion_row(own, others, model=model, confidence=confidence)
            at_point = response_rows(own, model=model, confidence=confidence)
            at_point = at_point if concluded is None else [concluded, *at_point]
            rows += [replace(row, point=label) for row in at_point]
        together = residual_row([each for _, each in seen], model=model, confidence=confidence)
        rows += [] if together is None else [together]
    return rows
