"""Flatness against noise: whether eta/B alone sets how sharp the loss is where SGD settles, and in which direction.

In the diffusion limit SGD depends on eta and B through eta/B alone, at equal time eta x step. Both statements that are
tested here rest on that limit, not on an exact law of this process: a row that disagrees is a finding about the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, assess, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, Role

Array = NDArray[np.float64]

MEASURES = ("sharpness_top", "sharpness_trace", "sharpness_invariant")
COLLAPSE = "collapse on eta/B"
MONOTONIC = "falls with eta/B"
_LAWS_SAID = {COLLAPSE: "η/B alone"}
_CURE = "replicas"


def flatness(
    dataset: xr.Dataset,
    *,
    model: str,
    tolerance: float = 0.1,
    accuracy_tolerance: float = 0.01,
    confidence: float = 0.95,
) -> list[Comparison]:
    """All comparisons of a network scanned over `learning_rate`, `batch_size` or both.

    Reads `sharpness_top`, `sharpness_trace` and `sharpness_invariant` with the dimension `replica` and the scanned
    ones. Every replica is a run of its own with the same start and the same random numbers at all points, so each gives
    one number a row, and the intervals are Student's over replicas:

    - collapse: for every eta/B at which there are several points, sharpness at the largest eta over that at the
      smallest, geometric mean of the replicas' own ratios, against 1 within `tolerance`;
    - fall: p of sharpness ~ (eta/B)^-p, least squares over all points; agrees if the interval lies above 0.

    Beside them, as contrasts, the same of `test_accuracy` (else `train_accuracy`) at the last step: its difference
    within `accuracy_tolerance`, and its change from the smallest to the largest eta/B. Points that do not differ in
    eta/B have no fall, and those that share none no collapse: there are no such rows then. No rows without sharpness.
    """
    points = _Points.of(dataset)
    judge = _Judge(model, dataset, confidence)
    rows = []
    for measure in MEASURES:
        if measure in dataset:
            values = points.values(dataset[measure])
            rows += list(_of_sharpness(judge, points, measure, values, tolerance))
    accuracy = next((name for name in ("test_accuracy", "train_accuracy") if name in dataset), None)
    if rows and accuracy is not None:
        values = points.values(dataset[accuracy].isel(time=-1))
        rows += list(_of_accuracy(judge, points, accuracy, values, accuracy_tolerance))
    return rows


@dataclass(frozen=True)
class _Points:
    """The points of the scan by eta/B, and the pairs of points that share one."""

    dims: tuple[str, ...]
    ratio: Array
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, dataset: xr.Dataset) -> _Points:
        dims = tuple(name for name in ("learning_rate", "batch_size") if name in dataset.dims)
        eta, batch = xr.broadcast(dataset["learning_rate"], dataset["batch_size"])
        rate = np.asarray(eta.transpose(*dims).values, dtype=np.float64).reshape(-1)
        ratio = rate / np.asarray(batch.transpose(*dims).values, dtype=np.float64).reshape(-1)
        pairs = []
        for value in np.unique(np.round(np.log(ratio), 9)):
            same = np.flatnonzero(np.abs(np.log(ratio) - value) < 1e-8)
            if same.size > 1:
                pairs.append((int(same[rate[same].argmin()]), int(same[rate[same].argmax()])))
        return cls(dims, ratio, tuple(pairs))

    def values(self, variable: xr.DataArray) -> Array:
        """(replica, point) of a variable with the scanned dimensions and `replica`."""
        values = np.asarray(variable.transpose("replica", *self.dims).values, dtype=np.float64)
        return values.reshape(len(values), -1)

    @property
    def span(self) -> float:
        """ln of the largest over the smallest eta/B."""
        return float(np.log(self.ratio.max() / self.ratio.min()))

    def slope(self, values: Array) -> Array:
        """Least-squares slope of values (replica, point) against ln(eta/B), (replica,)."""
        x = np.log(self.ratio)
        x = x - x.mean()
        result: Array = values @ x / (x @ x)
        return result


@dataclass(frozen=True)
class _Judge:
    """What all rows of one model share."""

    model: str
    dataset: xr.Dataset
    confidence: float

    @property
    def note(self) -> str:
        """What the intervals do not cover."""
        if self.dataset.attrs.get("start") == "shared":
            return "replicas share one start, so other starts are not covered"
        return ""

    def assess(self, values: Array, band: Band, name: str, *, logarithmic: bool = False) -> Assessment:
        """Student's interval of the mean of values (replica,) against a band."""
        if not np.isfinite(values).all():
            return inconclusive(math.nan, math.nan, f"{name} is not finite at every replica")
        stderr = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
        assessed = assess(
            float(values.mean()),
            stderr,
            dof=values.size - 1,
            band=band,
            confidence=self.confidence,
            name=name,
            shown=math.exp if logarithmic else float,
            cure=_CURE,
        )
        return assessed.with_note(self.note)

    def row(
        self, assessed: Assessment, quantity: Quantity, law: str, role: Role, numbers: tuple[float, float, float],
        tolerance: float, point: str = "",
    ) -> Comparison:  # fmt: skip
        """`numbers` are measured, its standard error, and predicted."""
        measured, stderr, predicted = numbers
        row = Comparison.from_assessment(
            assessed, model=self.model, quantity=quantity, law=law, law_said=_LAWS_SAID.get(law, ""), role=role,
            measured=measured,
            standard_error=stderr, predicted=predicted, tolerance=tolerance, eigenvalues=np.empty(0),
        )  # fmt: skip
        return replace(row, point=point)


_TITLES = {"sharpness_top": "top eigenvalue", "sharpness_trace": "Hessian trace", "sharpness_invariant": "Σ w²H"}


def _quantity(measure: str, of: str = "") -> Quantity:
    """A measure at the ends of a scan, or its fall or change along it."""
    title = _TITLES.get(measure, measure.replace("_", " "))
    if not of:
        return Quantity(measure, title, ranks=(1, 5), said=f"{title} at equal η/B")
    falls = Said(
        f"{title} falls with η/B",
        f"{title} does not fall with η/B",
        f"whether {title} falls with η/B is open",
        "exponent",
    )
    return Quantity(f"{measure}_{of}", f"{title}, {of}", ranks=(0, 0), said=falls if of == "fall" else "")


def _of_sharpness(
    judge: _Judge, points: _Points, measure: str, values: Array, tolerance: float
) -> Iterator[Comparison]:
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithm = np.log(values)  # NaN where a Hessian is not positive there, which gives no verdict
    band = Band(math.log1p(-tolerance), math.log1p(tolerance))
    for small, large in points.pairs:
        ratios = logarithm[:, large] - logarithm[:, small]
        assessed = judge.assess(ratios, band, "ratio of the largest step to the smallest", logarithmic=True)
        reference = float(np.exp(logarithm[:, small].mean()))
        measured = float(np.exp(logarithm[:, large].mean()))
        numbers = (measured, measured * assessed.stderr, reference)
        yield judge.row(assessed, _quantity(measure), COLLAPSE, "law", numbers, tolerance, _label(points, small))
    if points.span > 0:
        powers = -points.slope(logarithm)
        fall = judge.assess(powers, Band(0.0, math.inf), "p of a fall as (eta/B)^-p")
        fall = fall.with_note(f"over a factor {math.exp(points.span):.3g} of eta/B")
        yield judge.row(fall, _quantity(measure, "fall"), MONOTONIC, "law", (fall.estimate, fall.stderr, 0.0), 0.0)


def _of_accuracy(
    judge: _Judge, points: _Points, quantity: str, values: Array, tolerance: float
) -> Iterator[Comparison]:
    band = Band(-tolerance, tolerance)
    part = quantity.removesuffix("_accuracy")
    # all points see the same samples, so that differences between them are of these alone
    some = f"{part}_loss_stderr" in judge.dataset
    drawn = f"on some of the {part} samples, so others are not covered" if some else ""
    for small, large in points.pairs:
        difference = values[:, large] - values[:, small]
        assessed = judge.assess(difference, band, "difference of the largest step from the smallest").with_note(drawn)
        numbers = (assessed.estimate, assessed.stderr, 0.0)
        yield judge.row(assessed, _quantity(quantity), COLLAPSE, "contrast", numbers, tolerance, _label(points, small))
    if points.span > 0:
        change = points.slope(values) * points.span
        assessed = judge.assess(change, band, "change from the smallest to the largest eta/B, by a straight line,")
        assessed = assessed.with_note(drawn)
        numbers = (assessed.estimate, assessed.stderr, 0.0)
        yield judge.row(assessed, _quantity(quantity, "change"), "no change with eta/B", "contrast", numbers, tolerance)


def _label(points: _Points, point: int) -> str:
    return f"eta/B={points.ratio[point]:.4g}"
