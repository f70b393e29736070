"""First entry into the far basin's core: the mean time over that of each law, with those that did not arrive."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.occupancy.laws import OccupancyLaw
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import assess_ratio, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.estimators.survival import LAG_SHARE, MeanFirstPassage, mean_first_passage

LARGEST_CENSORED = 0.5  # of the replicas: beyond it the mean is an extrapolation
SMALL_CENSORED = 0.01  # the little that these add does not hang on the law of the tail
LARGEST_DISTANCE = 0.02  # of the survival from an exponential, noise taken off, where the tail is extrapolated
_FEWEST_ARRIVALS = 4


def escape_rows(
    dataset: xr.Dataset, known: Sequence[OccupancyLaw], *, model: str, tolerance: float, confidence: float
) -> list[Comparison]:
    """`escape_time`: mean of the first-passage times over `escape_time_law`, within `tolerance`.

    Reads `escape_time` (replica), NaN where none was seen before the last `time`. The mean is that of
    `mean_first_passage`: plain if all arrived, else the tail is taken as exponential, which the reason gives as a
    distance. No verdict if over half are censored, or if over 1% are and the survival is further than 0.02 from an
    exponential. No rows without laws of the mean time; a law that gives none (NaN) has none.
    """
    if "escape_time" not in dataset or "escape_time_law" not in dataset:
        return []
    times, end = first_passages(dataset)
    predictions = np.asarray(dataset["escape_time_law"].values, dtype=np.float64)
    arrived = int(np.isfinite(times).sum())
    found = mean_passage(times, end)
    return [
        _row(law, prediction, found, times.size, arrived, end, model=model, tolerance=tolerance, confidence=confidence)
        for law, prediction in zip(known, predictions.tolist(), strict=True)
        if not math.isnan(prediction)
    ]


def first_passages(dataset: xr.Dataset) -> tuple[NDArray[np.float64], float]:
    """First-passage times (replica,), NaN where none was seen, and the end of the run."""
    return np.asarray(dataset["escape_time"].values, dtype=np.float64), float(dataset["time"].values[-1])


def mean_passage(times: NDArray[np.float64], end: float) -> MeanFirstPassage | None:
    """`mean_first_passage`; None for too few arrivals, or where all arrive at once, so that nothing tells a tail."""
    seen = times[np.isfinite(times)]
    if seen.size < _FEWEST_ARRIVALS or (seen > np.quantile(seen, LAG_SHARE, method="lower")).sum() < 2:
        return None
    return mean_first_passage(times, end)


def _row(
    law: OccupancyLaw,
    predicted: float,
    found: MeanFirstPassage | None,
    replicas: int,
    arrived: int,
    end: float,
    *,
    model: str,
    tolerance: float,
    confidence: float,
) -> Comparison:
    if found is None:
        mean = stderr = math.nan
        fault = (
            f"no barrier: {arrived} of {replicas} replicas arrived, nearly all at one step; move the core further away"
            if arrived >= _FEWEST_ARRIVALS
            else f"barrier too high: {arrived} of {replicas} replicas arrived before the end at t = {end:.3g}, too few "
            f"for a mean; half of them need t = {predicted * math.log(2.0):.3g} by this law, or a lower barrier"
        )
        assessed = inconclusive(math.nan, math.nan, fault)
    else:
        mean, stderr, fault = found.mean, found.stderr, _fault(found, end)
        assessed = assess_ratio(
            mean,
            stderr,
            predicted,
            dof=replicas - 1,
            tolerance=tolerance,
            confidence=confidence,
            name="ratio of the mean times",
            cure="replicas",
        )
        assessed = assessed.with_note(_shape(found)).with_note(law.note)
    return Comparison.from_assessment(
        assessed,
        model=model,
        quantity=Quantity("escape_time", ranks=(0, 5), said="the mean time of escape"),
        law=law.name,
        role="law" if law.exact else "contrast",
        measured=mean,
        standard_error=stderr,
        predicted=predicted,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
    ).spoiled(fault)


def _fault(found: MeanFirstPassage, end: float) -> str:
    if found.censored_share > LARGEST_CENSORED:
        needed = found.lag + found.tail_mean * math.log(2.0)
        return (
            f"censored: {found.censored_share:.1%} of the replicas had not arrived by the end at t = {end:.3g}, more "
            f"than half; run to t = {needed:.3g} or further (mean so far {found.mean:.3g}, tail taken as exponential)"
        )
    excess = found.exponential_distance - found.exponential_noise
    if found.censored_share > SMALL_CENSORED and excess > LARGEST_DISTANCE:
        return (
            f"censored: {found.censored_share:.1%} of the replicas had not arrived by the end, and the survival of "
            f"those seen is {found.exponential_distance:.3g} from an exponential, so nothing tells their mean; run to "
            f"t = {found.lag + 5.0 * found.tail_mean:.3g}"
        )
    return ""


def _shape(found: MeanFirstPassage) -> str:
    censored = f"{found.censored_share:.2%} censored, tail taken as exponential" if found.censored_share else "all seen"
    return (
        f"{found.arrived} arrivals, {censored}; after t = {found.lag:.3g} the survival is "
        f"{found.exponential_distance:.2g} from an exponential at most, below "
        f"{found.exponential_noise:.2g} in 19 of 20 exponential cases"
    )
