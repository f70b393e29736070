"""Does eta/B alone set the occupancy? Points of a scan with one eta/B and different batch sizes against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
import xarray as xr

from langevin_sgd.checks.occupancy.starts import Starts
from langevin_sgd.checks.places import keys_at, scan_keys
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.observables.scanned import points, said


def collapse(dataset: xr.Dataset, *, model: str, tolerance: float = 0.1, confidence: float = 0.95) -> list[Comparison]:
    """`collapse[A/B]`: ln(p_A/p_B) at each batch size less that at the smallest one with the same eta/B.

    In the limit of small steps only the temperature, hence eta/B, matters, and the difference is zero; rows are
    contrasts, since nothing claims so at finite steps. No rows unless a scan has such points.
    """
    rows: list[Comparison] = []
    for first, others in _families(dataset):
        reference = Starts.from_dataset(first)
        batch_size = int(first["batch_size"])
        for other in others:
            starts = Starts.from_dataset(other)
            for one in range(len(starts.basins) - 1):
                odds, base = starts.log_odds(one, one + 1), reference.log_odds(one, one + 1)
                difference, stderr = odds.value - base.value, math.hypot(odds.stderr, base.stderr)
                assessed = assess(
                    difference,
                    stderr,
                    dof=min(odds.dof, base.dof),
                    band=Band(-tolerance, tolerance),
                    confidence=confidence,
                    name=f"log-odds {odds.value:.3f} at B = {int(other['batch_size'])} less {base.value:.3f} at B = "
                    f"{batch_size}:",
                )
                row = Comparison.from_assessment(
                    assessed,
                    model=model,
                    quantity=Quantity(
                        f"collapse[{starts.basins[one]}/{starts.basins[one + 1]}]",
                        f"collapse of {starts.basins[one]}/{starts.basins[one + 1]}",
                        {"basin": starts.basins[one], "other": starts.basins[one + 1]},
                    ),
                    law="eta/B alone",
                    role="contrast",
                    measured=difference,
                    standard_error=stderr,
                    predicted=0.0,
                    tolerance=tolerance,
                    eigenvalues=np.empty(0),
                )
                where = "".join(f"{name}={said(value)}, " for name, value in keys_at(other, _others(dataset)).items())
                label = f"{where}eta/B={_ratio(other):.6g}, B={int(other['batch_size'])} and {batch_size}"
                rows.append(replace(row, point=label, at=keys_at(other, _others(dataset))))
    return rows


def _ratio(point: xr.Dataset) -> float:
    return float(point["learning_rate"]) / float(point["batch_size"])


def _others(dataset: xr.Dataset) -> list[str]:
    """Scanned keys beside eta and B, numbers or names, which must be the same at the points compared."""
    return [n for n in scan_keys(dataset) if n not in ("learning_rate", "batch_size", "learning_rate_per_sample")]


def _families(dataset: xr.Dataset) -> Iterator[tuple[xr.Dataset, list[xr.Dataset]]]:
    """Points of a scan at one eta/B and one temperature: that of the smallest batch, and the others in order."""
    needed = ("mean_occupancy", "learning_rate", "batch_size", "thermal_energy")
    if any(name not in dataset.variables for name in needed):
        return

    def key(point: xr.Dataset) -> tuple[object, ...]:
        fixed = keys_at(point, _others(dataset)).values()
        return f"{_ratio(point):.8g}", f"{float(point['thermal_energy']):.6g}", *fixed

    every = sorted((point for _, point in points(dataset)), key=lambda p: (*key(p), int(p["batch_size"])))
    for _, family in groupby(every, key=key):
        first, *others = family
        others = [other for other in others if int(other["batch_size"]) != int(first["batch_size"])]
        if others:
            yield first, others
