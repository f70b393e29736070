"""Momentum is a learning rate, weight decay shrinks flat directions, and early stopping is like weight decay.

python analysis/gallery/08_quadratic_lessons.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, Row, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="quadratic_lessons",
    title="Lessons of a quadratic minimum: momentum, weight decay, early stopping",
    source="Polyak 1964; Bishop 1995; Goodfellow, Bengio and Courville 2016, chapter 7",
    says="momentum mu is the learning rate eta/(1 - mu); weight decay shrinks the minimum along eigenvectors of the Hessian "
    "by k/(k + l), flat ones most; stopping after t steps is like weight decay 1/(eta t)",
    expected="steps to a loss with momentum over those without within 5% of 1; slope of the shift of the minimum, for 10% "
    "more weight decay, against that of the formula within 5% of 1 over modes; effective parameters of early stopping "
    "over those of decay within 20% of 1 over two decades, and so the test losses",
)
LEVELS = (0.4, 0.3, 0.2)
RESAMPLES = 1000

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Times, slopes and ratios; intervals over replicas, over modes, and none of what is of one spectrum."""
    plain, heavy, minima = run["plain"], run["heavy"], run["minima"]
    rows = [_times(f"steps to training loss {level:g}: momentum over none", heavy, plain, level) for level in LEVELS]
    decays = minima.weight_decay.values.astype(np.float64)
    shifts = {other: shift(minima, decays[0], other) for other in (decays[1], 0.01)}
    (near, far) = shifts.values()
    rows += [
        _slope(f"shift of the minimum, decay {decays[0]:g} to {decays[1]:g}: slope", *near, least=0.95, most=1.05),
        _slope(f"the same, decay {decays[0]:g} to 0.01", *far),
    ]
    eta = float(plain.learning_rate)
    spectrum = minima.hessian_eigenvalue.sel(weight_decay=decays[0]).values - decays[0]
    strength = np.geomspace(1e-3, 1e-1, 41)
    ratio = np.array([stopped(spectrum, eta, 1.0 / (eta * each)) / decayed(spectrum, each) for each in strength])
    rows += [
        _exact("effective parameters of one spectrum, stopped over decayed: least", float(ratio.min()), least=0.8),
        _exact("effective parameters of one spectrum, stopped over decayed: largest", float(ratio.max()), most=1.2),
    ]
    at = decays[np.arange(decays.size) != 1]
    losses = {each: _losses(plain, minima, eta, each) for each in at}
    rows += [
        of_mean(
            f"test loss on one test set, stopped over decayed, decay {each:g}",
            losses[each][0] / losses[each][1],
            least=0.8,
            most=1.2,
        )
        for each in (0.1, 0.01, 0.001)
    ]
    seen = (
        f"With momentum 0.9 a tenth of the learning rate takes {rows[2].value:.3f} times the steps to a loss of {LEVELS[2]:g}. "
        f"The minimum moves by {rows[3].value:.3f} times the formula for 10% more decay, and by {rows[4].value:.2f} times for "
        f"ten times as much. Descent stopped at 1/(eta l) has {ratio.min():.2f} to {ratio.max():.2f} of the effective "
        f"parameters of decay l, and {rows[7].value:.2f}, {rows[8].value:.2f} and {rows[9].value:.2f} of its test loss for "
        "l = 0.1, 0.01 and 0.001."
    )
    return Finding(rows, _figure(plain, heavy, near, far, spectrum, losses), seen)


def steps_to(model: xr.DataTree, level: float) -> Array:
    """When the training loss of each replica first falls below, interpolated between records in logarithms."""
    seen = model.train_loss.where(model.evaluated, drop=True)
    step, loss = np.log(np.maximum(seen.step.values, 0.5)), np.log(seen.values)
    after = np.argmax(loss < np.log(level), axis=1)
    times = np.full(len(loss), np.nan)
    for replica, place in enumerate(after):
        if place > 0:
            high, low = loss[replica, place - 1], loss[replica, place]
            share = (high - np.log(level)) / (high - low)
            times[replica] = np.exp(step[place - 1] + share * (step[place] - step[place - 1]))
    return times


def shift(minima: xr.DataTree, decay: float, other: float) -> tuple[Array, Array, Array]:
    """By the modes at `decay`: k, the shift to the minimum with `other`, and -dl/(k + dl) times the component there."""
    one = minima.to_dataset().sel(weight_decay=decay)
    vectors = one.hessian_eigenvector.transpose("parameter", "mode").values
    component = vectors.T @ one.minimum.values
    measured = vectors.T @ (minima.minimum.sel(weight_decay=other).values - one.minimum.values)
    k, more = one.hessian_eigenvalue.values, other - decay
    return k, measured, -more / (k + more) * component


def stopped(spectrum: Array, eta: float, steps: float) -> float:
    """Effective parameters of descent for so many steps: sum 1 - (1 - eta k)^t."""
    return float((1.0 - (1.0 - eta * spectrum) ** steps).sum())


def decayed(spectrum: Array, decay: float) -> float:
    """Those of weight decay: sum k/(k + l)."""
    return float((spectrum / (spectrum + decay)).sum())


def _times(quantity: str, one: xr.DataTree, other: xr.DataTree, level: float) -> Row:
    """The ratio of mean times of independent replicas, by the delta method; Student of 30, two sets of 16."""
    a, b = steps_to(one, level), steps_to(other, level)
    ratio = float(a.mean() / b.mean())
    error = ratio * np.sqrt(a.var(ddof=1) / a.size / a.mean() ** 2 + b.var(ddof=1) / b.size / b.mean() ** 2)
    return Row(quantity, ratio, ratio - 2.05 * error, ratio + 2.05 * error, 0.95, 1.05)


def _slope(
    quantity: str, k: Array, measured: Array, formula: Array, *, least: float | None = None, most: float | None = None
) -> Row:
    """Of the shift against the formula, through the origin; the interval is that of modes drawn anew."""
    picks = np.random.default_rng(0).integers(k.size, size=(RESAMPLES, k.size))
    drawn = (measured[picks] * formula[picks]).sum(1) / (formula[picks] ** 2).sum(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Row(quantity, float(measured @ formula / (formula @ formula)), float(low), float(high), least, most)


def _exact(quantity: str, value: float, *, least: float | None = None, most: float | None = None) -> Row:
    return Row(quantity, value, value, value, least, most)


def _losses(plain: xr.DataTree, minima: xr.DataTree, eta: float, decay: float) -> tuple[Array, float]:
    """Test losses (replica,) after 1/(eta l) steps, and that of the minimum with weight decay l."""
    seen = plain.test_loss.where(plain.evaluated, drop=True)
    step = np.log(np.maximum(seen.step.values, 0.5))
    paths = np.array([np.interp(np.log(1.0 / (eta * decay)), step, path) for path in seen.values])
    return paths, float(minima.test_loss.sel(weight_decay=decay).isel(time=0, replica=0))


def _figure(
    plain: xr.DataTree,
    heavy: xr.DataTree,
    near: tuple[Array, Array, Array],
    far: tuple[Array, Array, Array],
    spectrum: Array,
    losses: dict[float, tuple[Array, float]],
) -> Figure:
    figure = Figure(figsize=(13, 3.5), layout="constrained")
    time, mode, count, test = figure.subplots(1, 4)
    for model, label in ((plain, "0.1, no momentum"), (heavy, "0.01, momentum 0.9")):
        seen = model.train_loss.where(model.evaluated, drop=True).mean("replica")
        time.loglog(np.maximum(seen.step, 1), seen, label=label)
    time.set(title="training loss", xlabel="step")
    time.legend(frameon=False, fontsize=8, title="learning rate")
    for (_, measured, formula), label in ((far, "to 0.01"), (near, "to 0.0011")):
        mode.loglog(np.abs(formula), np.abs(measured), ".", ms=3, label=label)
    ends = [1e-7, 1.0]
    mode.plot(ends, ends, "k-", lw=0.8)
    mode.set(title="shift along each mode", xlabel="formula", ylabel="measured", xlim=ends, ylim=ends)
    mode.legend(frameon=False, fontsize=8, title="decay 0.001")
    strength = np.geomspace(1e-4, 1.0, 81)
    count.loglog(strength, [stopped(spectrum, 0.1, 10.0 / each) for each in strength], label="stopped at 1/(eta l)")
    count.loglog(strength, [decayed(spectrum, each) for each in strength], "--", label="weight decay l")
    count.set(title="effective parameters", xlabel="l")
    count.legend(frameon=False, fontsize=8)
    test.loglog(list(losses), [path.mean() for path, _ in losses.values()], "o-", label="stopped at 1/(eta l)")
    test.loglog(list(losses), [least for _, least in losses.values()], "s--", label="weight decay l")
    test.set(title="test loss", xlabel="l")
    test.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
