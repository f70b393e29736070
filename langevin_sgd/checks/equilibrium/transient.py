"""Spread and drift on the way to equilibrium against their predictions."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, assess_by_interval, assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.estimators.drift_and_spread import drift_of

Array = NDArray[np.float64]

EARLY = 0.5  # of the final value: later records repeat the stationary variance


def transient(dataset: xr.Dataset, *, model: str, tolerance: float, confidence: float) -> list[Comparison]:
    """Rows `spread` and `drift`, for data that know their predictions.

    `spread` is the mean over the recorded (log-spaced) early times of spread/prediction, `drift` is the sum of the
    squared drift over the sum of its prediction, early meaning that the prediction is below half of its largest
    value. `drift` is left out where none is predicted (a start at the minimum); then the shift of the mean says
    whether there was any.

    Times of one run are correlated, so the error is that between replicas. With z_r = mean_t |x_r(t)|^2/prediction(t)
    and Gaussian x_r without a mean, the ratio of the spread is mean_r z_r but for terms of order 1/R, and its variance
    is Var(z)/(R - 1) exactly. A mean adds to Var(z) and not to the variance of the spread, so where a drift is
    predicted the error is the bound of Minkowski: that of a weighted sum over times is at most the weighted sum of the
    errors. The interval of the drift runs from the sum of the lower ends to that of the upper ends likewise, each of
    the law of a squared mean, which is no Gaussian where the drift is lost in its noise (`estimators.squared_mean`).
    """
    rows: list[Comparison] = []
    law = str(dataset.attrs.get("law", ""))
    if "spread_predicted" not in dataset or "spread" not in dataset or "replica" not in dataset.sizes:
        return rows
    dof = dataset.sizes["replica"] - 1
    eigenvalues = _values(dataset, "hessian_eigenvalue") if "hessian_eigenvalue" in dataset else np.empty(0)

    def row(quantity: str, measured: float, stderr: float, predicted: float, times: int) -> Comparison:
        assessed = assess_ratio(
            measured,
            stderr,
            predicted,
            dof=dof,
            tolerance=tolerance,
            confidence=confidence,
            name="ratio",
            cure="replicas",
        )
        return finished(assessed, quantity, measured, stderr, predicted, times)

    def finished(
        assessed: Assessment, quantity: str, measured: float, stderr: float, predicted: float, times: int
    ) -> Comparison:
        return Comparison.from_assessment(
            assessed.with_note(f"over {times} early times"),
            model=model,
            quantity=Quantity(quantity),
            law=law,
            role="law",
            measured=measured,
            standard_error=stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=eigenvalues,
        )

    predicted = _values(dataset, "spread_predicted")
    early = _early(predicted)
    if early.any():
        ratio = float(np.mean(_values(dataset, "spread")[early] / predicted[early]))
        drifting = "drift_squared_predicted" in dataset and np.any(_values(dataset, "drift_squared_predicted") > 0)
        if drifting or "squared_displacement" not in dataset or dof == 0:
            stderr = float(np.mean(_values(dataset, "spread_stderr")[early] / predicted[early]))
        else:
            each = np.mean(_values(dataset, "squared_displacement")[:, early] / predicted[early], axis=1)
            stderr = float(each.std(ddof=1)) / math.sqrt(dof)
        mean = float(np.mean(predicted[early]))
        rows.append(row("spread", ratio * mean, stderr * mean, mean, int(early.sum())))

    if "drift_squared_predicted" in dataset and "drift_squared" in dataset:
        predicted = _values(dataset, "drift_squared_predicted")
        early = _early(predicted)
        if early.any():
            drift, total = drift_of(dataset).at(early), float(predicted[early].sum())

            def interval(confidence: float) -> tuple[float, float]:
                low, high = drift.interval(confidence)
                return float(low.sum()) / total, float(high.sum()) / total

            assessed = assess_by_interval(
                float(drift.value.sum()) / total,
                interval,
                replicas=drift.replicas,
                band=Band(1.0 - tolerance, 1.0 + tolerance),
                confidence=confidence,
                name="ratio",
                cure="replicas",
            )
            rows.append(
                finished(assessed, "drift", assessed.estimate * total, float(drift.stderr.sum()), total, early.sum())
            )
    return rows


def _values(dataset: xr.Dataset, name: str) -> Array:
    return np.asarray(dataset[name].values, dtype=np.float64)


def _early(predicted: Array) -> NDArray[np.bool_]:
    finite = np.isfinite(predicted) & (predicted > 0)
    if not finite.any():
        return finite
    rising = finite & (predicted <= EARLY * predicted[finite].max())
    return rising if rising.any() else finite
