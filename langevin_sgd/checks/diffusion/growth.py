"""Which part of a network's squared displacement, drift or spread, follows which law of growth, by forecast.

Replicas that share their start differ in minibatch noise only, so |mean|^2 is drift and the variance over replicas is
noise; on separable data the drift alone grows like a logarithm without any noise (Soudry et al. 2018). A law that fits
a smooth curve is no evidence, so each law is fitted to the first two thirds of the window and must forecast its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess_by_interval, assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import drift_of
from langevin_sgd.estimators.growth_laws import DIFFUSION, LOGARITHMIC, POWER, SATURATION, GrowthLaw, fit
from langevin_sgd.estimators.logarithmic_law import window_nodes
from langevin_sgd.estimators.squared_mean import SquaredMean

Array = NDArray[np.float64]

LAWS = (LOGARITHMIC, POWER, SATURATION, DIFFUSION)
PARTS = ("drift_squared", "spread")
FITTED = 2.0 / 3.0  # of the window in ln t


def growth_rows(
    dataset: xr.Dataset, *, model: str, window: float, tolerance: float, confidence: float
) -> list[Comparison]:
    """Contrast rows: the value of `drift_squared` and of `spread` at the last time over each law's forecast.

    The forecast is fitted to ln t from `window` to two thirds of the way to the end. Its error uses no correlation
    between times, of which nothing is known: that of a function of the values is at most the sum of its changes when
    each is moved by its standard error (Minkowski). Where the control is there, also the mean squared displacement at
    the end over that of the zero-temperature control: near 1, growth is drift and not diffusion.
    """
    rows = []
    dof = dataset.sizes["replica"] - 1
    time = np.asarray(dataset["time"].values, dtype=np.float64)
    later = time > 0.0
    ln_time = np.log(time[later])

    def row(
        quantity: str,
        law: str,
        measured: float,
        stderr: float,
        predicted: float,
        *,
        over: str,
        note: str,
        interval: Callable[[float], tuple[float, float]] | None = None,
    ) -> Comparison:
        asked: dict[str, Any] = {"confidence": confidence, "name": f"value at the end over {over}", "cure": "replicas"}
        if interval is None:
            assessed = assess_ratio(measured, stderr, predicted, dof=dof, tolerance=tolerance, **asked)
        else:
            band = Band(1.0 - tolerance, 1.0 + tolerance)
            assessed = assess_by_interval(measured / predicted, interval, replicas=dof + 1, band=band, **asked)
        return Comparison.from_assessment(
            assessed.with_note(note),
            model=model,
            quantity=Quantity(quantity),
            law=law,
            law_said=f"the {law}",
            role="contrast",
            measured=measured,
            standard_error=stderr,
            predicted=predicted,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
        )

    for part in PARTS:
        if part not in dataset or f"{part}_stderr" not in dataset:
            continue
        value, error = (np.asarray(dataset[name].values)[later] for name in (part, f"{part}_stderr"))
        squared = part == "drift_squared"
        usable = value > 2.0 * error  # the logarithm of what is lost in its noise means nothing
        usable[-1] = True
        if dof < 1 or not value[-1] > 0.0:
            continue
        for law in LAWS:
            forecast = _forecast(law, ln_time[usable], value[usable], error[usable], window)
            if forecast is not None:
                predicted, stderr, note = forecast
                last = float(value[-1])
                forecast_error = stderr / last - error[-1] / last
                ends = partial(_drift_interval, drift_of(dataset), predicted, forecast_error) if squared else None
                rows.append(row(part, law.name, last, stderr, predicted, over="the forecast", note=note, interval=ends))
    if "control_squared_displacement" in dataset and "squared_displacement" in dataset:
        each = np.asarray(dataset["squared_displacement"].transpose("replica", "time").values)[:, -1]
        control = float(dataset["control_squared_displacement"].values[-1])
        stderr = float(each.std(ddof=1)) / each.size**0.5 if dof > 0 else np.nan
        cold = "zero-temperature control"
        note = "what the control lacks is noise: near 1 the gradient alone drives the growth, and it is no diffusion"
        moved = float(each.mean())
        rows.append(row("squared_displacement", cold, moved, stderr, control, over="the control's", note=note))
    return rows


def _drift_interval(
    drift: SquaredMean, predicted: float, forecast_error: float, confidence: float
) -> tuple[float, float]:
    """Of the last squared drift over its forecast, whose relative error widens the interval at both ends."""
    low, high = drift.at(np.array([-1])).interval(confidence)
    factor = math.exp(float(scipy.special.stdtrit(drift.replicas - 1, 0.5 + confidence / 2.0)) * forecast_error)
    return float(low[0]) / predicted / factor, float(high[0]) / predicted * factor


def _forecast(
    law: GrowthLaw, ln_time: Array, value: Array, error: Array, window: float
) -> tuple[float, float, str] | None:
    """Forecast of the last value, standard error of the last value about it, and a note; None without enough times."""
    cut = window + FITTED * (ln_time[-1] - window)
    early = (ln_time >= window) & (ln_time <= cut)
    try:
        number = np.flatnonzero(early)[window_nodes(ln_time[early], ln_time_min=window)]
    except UserError:  # too few times: there is nothing to forecast from
        return None
    times = ln_time[number]
    relative = error[number] / value[number]
    moves = np.concatenate([np.zeros((1, number.size)), np.diag(relative), -np.diag(relative)])
    fitted = fit(law, times, np.log(value[number]) + moves, np.eye(number.size))
    predicted = fitted.predict(ln_time[-1:])[:, 0]
    change = np.abs(predicted[1:] - predicted[0]).reshape(2, -1).max(axis=0).sum()
    total = float(change + error[-1] / value[-1])
    note = f"fitted from ln t {times[0]:.3g} to {times[-1]:.3g}, forecast at {ln_time[-1]:.3g}"
    if law.exponent is None:
        variable = "ln t" if law is LOGARITHMIC else "t"
        note += f"; exponent {fitted.exponent[0]:.3g} of {variable}"
    return float(np.exp(predicted[0])), total * float(value[-1]), note
