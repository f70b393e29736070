"""Stationary density and circulating current against those of each law."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.occupancy.laws import OccupancyLaw
from langevin_sgd.checks.occupancy.starts import SEE_STARTS, Starts
from langevin_sgd.checks.occupancy.well import unsettled
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import (
    LONGER,
    MINIMUM_REPLICAS,
    POWER,
    Assessment,
    Band,
    Verdict,
    assess,
    assess_ratio,
    classify,
    conclusion,
    inconclusive,
    settled,
    too_few_replicas,
)
from langevin_sgd.checks.verdicts.table import Comparison

Array = NDArray[np.float64]


def density_rows(
    dataset: xr.Dataset,
    known: Sequence[OccupancyLaw],
    *,
    model: str,
    tolerance: float,
    confidence: float,
    moment_tolerance: float,
    told: bool = False,
) -> list[Comparison]:
    """`density`: L1 distance, integral of |measured - law| over the cells, at most `tolerance`.

    Noise adds to the distance. With N independent samples in cells of probability p the measured density is
    sum sqrt(2 p (1 - p)/(pi N)) from its own truth on average, so the true distance lies between D less that and D;
    D itself scatters by no more than 1/sqrt(N) (Efron and Stein). N is the number of replicas, or that of independent
    samples which the error of the occupancy shows if it is larger; frames are correlated, and N counts none twice.
    No verdict if the time spent in a basin differs by more between the starts, which is said in short if another row
    has `told` it, or if there is one start only. Of one well, where all begin, none unless its moments have settled
    to within `moment_tolerance`.
    No rows for a run that starts in one basin to escape from it: its density is not the stationary one.
    """
    if "density" not in dataset or "density_law" not in dataset or "escape_time" in dataset:
        return []
    measured = dataset["density"].transpose("x_cell", "y_cell").values.astype(np.float64) * cell_volumes(dataset)
    predicted = dataset["density_law"].transpose("law", "x_cell", "y_cell").values * cell_volumes(dataset)
    samples = independent_samples(dataset)
    alone = "position_variance" in dataset
    fault = (
        unsettled(dataset, moment_tolerance, confidence)
        if alone
        else _unequal_starts(dataset, tolerance, confidence, told)
    )
    rows = [
        Comparison.from_assessment(
            _assess_distance(measured, law_cells, samples, dataset.sizes["replica"], tolerance, confidence).with_note(
                law.note
            ),
            model=model,
            quantity=Quantity("density", ranks=(0, 5), said="the density"),
            law=law.name,
            role="law" if law.exact else "contrast",
            measured=float(np.abs(measured - law_cells).sum()),
            standard_error=1.0 / math.sqrt(samples),
            predicted=0.0,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
        )
        for law, law_cells in zip(known, predicted, strict=True)
        if np.isfinite(law_cells).all()
    ]
    return [row.spoiled(f"{fault}; L1 distance {row.measured:.3g} from the law's") for row in rows] if fault else rows


def cell_volumes(dataset: xr.Dataset) -> Array:
    """Volumes (x_cell, y_cell) of the cells of the density; lengths, (x_cell, 1), in one dimension."""
    x = np.diff(dataset["x_edge"].values.astype(np.float64))
    y = np.diff(dataset["y_edge"].values.astype(np.float64)) if dataset.sizes["y_cell"] > 1 else np.ones(1)
    return x[:, None] * y


def independent_samples(dataset: xr.Dataset) -> float:
    """Number of independent samples behind the density: the replicas, or what errors show if that is more.

    That is min p (1 - p)/s^2 over basins, and of one well min S/s^2, S the variance and s the error of the mean.
    """
    replicas = float(dataset.sizes["replica"])
    if "position_variance" in dataset:
        shown = dataset["position_variance"].values / dataset["position_mean_stderr"].values ** 2
        return max(replicas, float(shown.min()))
    if "mean_occupancy" not in dataset:
        return replicas
    starts = Starts.from_dataset(dataset)
    pooled = [starts.pooled(basin) for basin in range(len(starts.basins))]
    counted = [each.value * (1.0 - each.value) / each.stderr**2 for each in pooled if each.stderr > 0]
    return max(replicas, min(counted, default=0.0))


def _unequal_starts(dataset: xr.Dataset, tolerance: float, confidence: float, told: bool) -> str:
    """Why the density cannot be the stationary one, or nothing."""
    if "mean_occupancy" not in dataset:
        return ""
    starts = Starts.from_dataset(dataset)
    if len(starts.starts) < 2:
        return f"one start only {SEE_STARTS}"
    for basin, _ in starts.told_apart():
        agreement = starts.agreement(basin, tolerance=tolerance, confidence=confidence)
        if agreement.verdict is Verdict.DISAGREES:
            return starts.not_equilibrated(agreement, tolerance, told=told)
    return ""


def _assess_distance(
    measured: Array, predicted: Array, samples: float, replicas: int, bound: float, confidence: float
) -> Assessment:
    distance = float(np.abs(measured - predicted).sum())
    if replicas < MINIMUM_REPLICAS:
        return inconclusive(distance, math.nan, too_few_replicas(replicas))
    cells = np.clip(measured, 0.0, 1.0)
    floor = float(np.sqrt(2.0 * cells * (1.0 - cells) / (math.pi * samples)).sum())
    stderr = 1.0 / math.sqrt(samples)
    quantile = float(scipy.special.ndtri(0.5 + confidence / 2.0))
    low, high = max(0.0, distance - floor - quantile * stderr), distance + quantile * stderr
    band = Band(-math.inf, bound)
    verdict = classify(low, high, band)
    reason = (
        f"L1 distance of the densities {distance:.3g}, of which noise of {samples:,.0f} independent samples makes up "
        f"to {floor:.2g}; {100 * confidence:.4g}% interval {low:.3g} to {high:.3g}, "
    )
    cleared, to_see = max(distance - floor, 0.0), floor + (quantile + float(scipy.special.ndtri(POWER))) * stderr
    reason += conclusion(cleared, verdict, band, to_see, cure=LONGER)
    short = settled(cleared, verdict, band, to_see, cure=LONGER)
    p_value = float(scipy.special.ndtr((bound - (distance - floor)) / stderr))
    return Assessment(distance, stderr, low, high, verdict, p_value, reason, short)


def circulation_rows(
    dataset: xr.Dataset, known: Sequence[OccupancyLaw], *, model: str, tolerance: float, confidence: float
) -> list[Comparison]:
    """`circulation`, mean of x dy - y dx in unit time: over that of each law, within `tolerance`.

    A law without a current predicts 0: there the measured value in units of the largest circulation of any law is
    compared with 0. No rows if no law has a current.
    """
    if "circulation" not in dataset or "circulation_law" not in dataset or "escape_time" in dataset:
        return []
    measured, stderr = float(dataset["circulation"]), float(dataset["circulation_stderr"])
    predicted = np.asarray(dataset["circulation_law"].values, dtype=np.float64)
    unit = float(np.nanmax(np.abs(predicted), initial=0.0))
    if unit == 0.0:
        return []
    dof = dataset.sizes["replica"] - 1
    rows = []
    for law, value in zip(known, predicted.tolist(), strict=True):
        if math.isnan(value):
            continue
        if abs(value) < 1e-9 * unit:
            assessed = assess(
                measured / unit,
                stderr / unit,
                dof=dof,
                band=Band(-tolerance, tolerance),
                confidence=confidence,
                name=f"circulation, 0 by this law, in units of the largest by any law ({unit:.3g}),",
            )
        else:
            sign = math.copysign(1.0, value)
            assessed = assess_ratio(
                sign * measured,
                stderr,
                sign * value,
                dof=dof,
                tolerance=tolerance,
                confidence=confidence,
                name="ratio of the circulations",
            )
            if assessed.estimate < 0 and abs(measured) > 4.0 * stderr:
                reason = (
                    f"the current turns the other way: {measured:.4g} ± {stderr:.2g} measured, {value:.4g} predicted"
                )
                assessed = Assessment(
                    assessed.estimate, assessed.stderr, math.nan, math.nan, Verdict.DISAGREES, 0.0, reason
                )
        null = abs(value) < 1e-9 * unit
        rows.append(
            Comparison.from_assessment(
                assessed.with_note(law.note),
                model=model,
                quantity=Quantity("circulation", ranks=(0, 5), said="the circulation"),
                law=law.name,
                role="law" if law.exact else "contrast",
                measured=measured / unit if null else measured,
                standard_error=stderr / unit if null else stderr,
                predicted=0.0 if null else value,
                tolerance=tolerance,
                eigenvalues=np.empty(0),
            )
        )
    return rows
