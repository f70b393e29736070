"""The temperature at which two basins are equally occupied, over a scan of temperatures, against each law's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.occupancy.laws import OccupancyLaw, laws
from langevin_sgd.checks.occupancy.starts import Starts
from langevin_sgd.checks.places import Keys, keys_at, scan_keys
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Verdict, assess_ratio, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.observables.points_done import done_along, partly
from langevin_sgd.observables.scanned import dimensions, numbers_along

Array = NDArray[np.float64]

_CLEAR = 2.0  # standard errors by which the odds must differ from even at either side


@dataclass(frozen=True)
class Crossing:
    """Where log-odds change sign along 1/T: 1/T_c, its error, and the points between which it lies."""

    inverse: float
    stderr: float
    first: int
    last: int


@dataclass(frozen=True)
class _Odds:
    """Log-odds of two basins along 1/T, ascending, with errors, those of the laws (law, point), and faults by point."""

    quantity: Quantity
    point: str
    at: Keys
    inverse: Array
    measured: Array
    stderr: Array
    laws: Array
    faults: list[str]
    dof: float


def crossing(
    dataset: xr.Dataset, *, model: str, tolerance: float = 0.05, confidence: float = 0.95, odds_tolerance: float = 0.1
) -> list[Comparison]:
    """`crossing[A/B]`: temperature at which neighbouring basins A and B are equally occupied, over each law's.

    For a Dataset scanned over temperature, directly or through the learning rate or the batch size; one row for every
    value of the other scanned parameters. ln(p_A/p_B) is a straight line in 1/T as long as Laplace's formula holds, so
    it is interpolated linearly in 1/T between the nearest temperatures at which it clearly has either sign, with all
    points between in a weighted fit; the law at the same points in the same way, so that curvature cancels. A law that
    does not cross between the temperatures is compared by the nearest of them. No verdict if a point in the bracket
    is not equilibrated. No rows unless the measured odds or those of an exact law cross.
    """
    rows: list[Comparison] = []
    for odds in _along_temperature(dataset, odds_tolerance, confidence):
        found = _cross(odds.inverse, odds.measured, odds.stderr)
        for law, values in zip(laws(_first_point(dataset)), odds.laws, strict=True):
            if np.isfinite(values).all():
                rows += _rows(odds, found, law, values, model=model, tolerance=tolerance, confidence=confidence)
    return rows


def _rows(
    odds: _Odds,
    found: Crossing | None,
    law: OccupancyLaw,
    values: Array,
    *,
    model: str,
    tolerance: float,
    confidence: float,
) -> list[Comparison]:
    own = _law_crossing(odds, found, values)
    if found is None and (own is None or not law.exact):
        return []
    lowest, highest = 1.0 / odds.inverse[-1], 1.0 / odds.inverse[0]
    beyond = ""
    if own is not None:
        predicted = 1.0 / own
    else:  # the law keeps one sign: that of hot points means that it crosses at a colder one still
        predicted = lowest if values[0] * odds.measured[0] > 0 else highest
        side = "below" if predicted == lowest else "above"
        beyond = f"this law's crossing is {side} the scanned temperatures, and the nearest of them stands for it"
    if found is None:
        measured = stderr = math.nan
        fault = f"the measured odds do not clearly change sign between T = {lowest:.4g} and {highest:.4g}: scan further"
        assessed = inconclusive(math.nan, math.nan, fault)
    else:
        measured, stderr = 1.0 / found.inverse, found.stderr / found.inverse**2
        fault = next((fault for fault in odds.faults[found.first : found.last + 1] if fault), "")
        assessed = assess_ratio(
            measured,
            stderr,
            predicted,
            dof=odds.dof,
            tolerance=tolerance,
            confidence=confidence,
            name="ratio of the temperatures at which the basins are equally occupied",
        )
        if beyond and assessed.verdict is not Verdict.DISAGREES:
            fault = fault or f"{beyond}: scan further"
        assessed = assessed.with_note(beyond).with_note(law.note)
    row = Comparison.from_assessment(
        assessed,
        model=model,
        quantity=odds.quantity,
        law=law.name,
        role="law" if law.exact else "contrast",
        measured=measured,
        standard_error=stderr,
        predicted=predicted,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
    ).spoiled(fault)
    return [replace(row, point=odds.point, at=odds.at)]


def _law_crossing(odds: _Odds, found: Crossing | None, values: Array) -> float | None:
    """1/T at which the law crosses: from the same points as the measured one if it does so there."""
    if found is not None:
        part = slice(found.first, found.last + 1)
        if values[found.first] * values[found.last] < 0:
            return _root(odds.inverse[part], values[part], odds.stderr[part]).inverse
    own = _cross(odds.inverse, values, np.zeros(values.size))
    return None if own is None else own.inverse


def _cross(inverse: Array, values: Array, stderr: Array) -> Crossing | None:
    """The first clear change of sign; None if there is none."""
    clear = np.flatnonzero(np.abs(values) > _CLEAR * stderr)
    for first, last in pairwise(clear.tolist()):
        if values[first] * values[last] < 0:
            part = slice(first, last + 1)
            root = _root(inverse[part], values[part], stderr[part])
            return Crossing(root.inverse, root.stderr, first, last)
    return None


def _root(x: Array, y: Array, stderr: Array) -> Crossing:
    """Root of the straight line through the points, weighted by their errors, with its error."""
    weights = 1.0 / stderr**2 if np.all(stderr > 0) else np.ones(x.size)
    matrix = np.stack([np.ones(x.size), x], axis=1)
    covariance = np.linalg.inv(matrix.T @ (weights[:, None] * matrix))
    offset, slope = covariance @ (matrix.T @ (weights * y))
    root = -offset / slope
    direction = np.array([1.0, root]) / slope
    return Crossing(float(root), math.sqrt(float(direction @ covariance @ direction)), 0, x.size - 1)


def temperature_of(dataset: xr.Dataset) -> tuple[str, str, float] | None:
    """The scanned dimension along which the temperature T changes, the variable that holds it, and T over it.

    None if T does not change, or not along one dimension alone.
    """
    for name, factor in (("temperature", 1.0), ("thermal_energy", 2.0)):
        if name in dataset.variables and dataset[name].dims and set(dataset[name].dims) <= set(dimensions(dataset)):
            along = str(dataset[name].dims[0])
            values = dataset[name].isel(dict.fromkeys(dataset[name].dims[1:], 0)).values
            if values.size > 1 and len(set(values.tolist())) == values.size:
                return along, name, factor
    return None


def scanned_axis(dataset: xr.Dataset) -> tuple[str, Array, bool]:
    """The scanned dimension to show, and T along it with True; else the first of numbers, itself and False.

    One with several values comes before one with a single one. For a Dataset with `numbers_along`.
    """
    found = temperature_of(dataset)
    if found is not None:
        along, name, factor = found
        values = dataset[name].isel({dim: 0 for dim in dataset[name].dims if dim != along}).values
        return along, factor * values.astype(np.float64), True
    numbers = numbers_along(dataset)
    along = next((name for name in numbers if dataset.sizes[name] > 1), numbers[0])
    return along, dataset[along].values.astype(np.float64), False


def _along_temperature(dataset: xr.Dataset, odds_tolerance: float, confidence: float) -> Iterator[_Odds]:
    found = temperature_of(dataset)
    if found is None or "mean_occupancy" not in dataset:
        return
    along, name, factor = found
    others = [dim for dim in dimensions(dataset) if dim != along]
    for index in np.ndindex(*(dataset.sizes[dim] for dim in others)):
        chosen = dict(zip(others, index, strict=True))
        line = done_along(dataset.isel(chosen), along)
        if not line.sizes[along]:
            continue
        temperature = factor * line[name].values.astype(np.float64)
        order = np.argsort(-temperature)
        points = [line.isel({along: int(i)}) for i in order]
        starts = [Starts.from_dataset(point) for point in points]
        if any(len(each.starts) < 2 for each in starts):
            continue  # without a second start no point is known to be equilibrated
        for one in range(len(starts[0].basins) - 1):
            odds = [each.log_odds(one, one + 1) for each in starts]
            shares = np.stack([_law_shares(point) for point in points], axis=-1)
            with np.errstate(divide="ignore", invalid="ignore"):  # an empty basin has no odds
                law_odds = np.log(shares[:, one] / shares[:, one + 1])
            yield _Odds(
                quantity=_quantity(starts[0].basins[one], starts[0].basins[one + 1]),
                point=partly(dataset, chosen),
                at=keys_at(line, [name for name in scan_keys(dataset) if line[name].ndim == 0]),
                inverse=1.0 / temperature[order],
                measured=np.array([each.value for each in odds]),
                stderr=np.array([each.stderr for each in odds]),
                laws=law_odds,
                faults=[
                    _fault(each, one, float(temperature[i]), odds_tolerance, confidence)
                    for each, i in zip(starts, order, strict=True)
                ],
                dof=min(each.dof for each in odds),
            )


def _fault(starts: Starts, one: int, temperature: float, tolerance: float, confidence: float) -> str:
    agreement = starts.odds_agreement(one, one + 1, tolerance=tolerance, confidence=confidence)
    if agreement.verdict is not Verdict.DISAGREES:
        return ""
    return (
        f"not equilibrated at T = {temperature:.4g} beside the crossing: the log-odds of the starts are "
        f"{2.0 * abs(agreement.estimate):.3g} apart; see the rows of that temperature"
    )


def _law_shares(point: xr.Dataset) -> NDArray[np.float64]:
    """Predicted occupancy (law, basin), no rows without laws."""
    if "mean_occupancy_law" not in point:
        return np.empty((0, point.sizes["basin"]))
    return np.asarray(point["mean_occupancy_law"].transpose("law", "basin").values, dtype=np.float64)


def _first_point(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.isel(dict.fromkeys(dimensions(dataset), 0))


def _quantity(one: str, other: str) -> Quantity:
    return Quantity(f"crossing[{one}/{other}]", f"T of equal {one}/{other}", {"basin": one, "other": other}, (0, 5))
