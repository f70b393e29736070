"""First passage to the far basin: survival, and the Arrhenius plot of the mean time over a scan."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.checks.occupancy.crossing import scanned_axis
from langevin_sgd.checks.occupancy.escape import first_passages, mean_passage
from langevin_sgd.estimators.survival import SurvivalCurve, kaplan_meier
from langevin_sgd.laws import temperatures
from langevin_sgd.laws.cache import title_of
from langevin_sgd.observables.points_done import partly
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.reporting.plots.figure import Subject, each_model, each_scan, figure
from langevin_sgd.reporting.plots.style import BAND, INK, Array, canvas, law_line, plain_ticks, title
from langevin_sgd.reporting.run_parameters import time_label

_LEAST_SHARE = 0.005  # down to which the curve is shown


@figure(
    "Share of replicas that have not yet entered the far basin's core (Kaplan-Meier, 95% band), with "
    "exponentials of the laws' mean times.",
    each_model("escape_time_law"),
)
def survival(subject: Subject) -> Figure:
    """Share of replicas not yet arrived against time (Kaplan-Meier), with exponentials of the laws' mean times."""
    model = subject.model
    times, end = first_passages(model)
    figure = canvas(5.2)
    axes: Axes = figure.subplots()
    found = mean_passage(times, end)
    whole = np.ones(1)
    curve = kaplan_meier(times, end) if np.isfinite(times).any() else SurvivalCurve(end * whole, whole, whole, whole)
    at, share, low, high = (
        np.append(first, values)
        for first, values in ((0.0, curve.time), (1.0, curve.survival), (1.0, curve.low), (1.0, curve.high))
    )
    axes.step(at, share, where="post", color=INK, label=f"{subject.name}, Kaplan-Meier")
    axes.fill_between(at, low, high, step="post", color=INK, alpha=0.15, linewidth=0)
    grid = np.linspace(0.0, end, 200)
    for law, mean in zip(model["law"].values, model["escape_time_law"].values, strict=True):
        if np.isfinite(mean):
            label = f"exponential, mean {mean:.4g}: {title_of(str(law), model)}"
            axes.plot(grid, np.exp(-grid / mean), label=label, **{**law_line(str(law)), "linewidth": 1.4})
    seen = share >= min(1.0, max(2.0 / times.size, _LEAST_SHARE))
    lowest = 0.8 * max(float(low[seen][-1]), _LEAST_SHARE)
    axes.set(xlabel=time_label(model), ylabel="not yet arrived", yscale="log", ylim=(lowest, 1.1))
    axes.set_xlim(0.0, float(at[seen][-1]) or end)
    plain_ticks(axes.yaxis, lowest, 1.0)
    censored = f"{np.isnan(times).mean():.1%} of {times.size:,} not arrived by t = {end:.4g}"
    remark = "" if found is None else f"mean {found.mean:.4g} ± {found.stderr:.2g}, "
    title(axes, "First passage", subject, remark + censored)
    axes.legend(loc="best")
    return figure


@figure(
    "Mean time of first entry into the far basin with the laws, and its ratio to the exact one; grey is "
    "the tolerance. What the asymptotic laws miss falls as the barrier grows.",
    each_scan("escape_time_law", numbers=True),
    stands=True,
    leads=1,
)
def arrhenius(subject: Subject) -> Figure:
    """Mean first-passage time against 1/theta, or another scanned key, with the laws; below, over the exact one."""
    model = subject.model
    along, x, label = _axis(model)
    others = [dim for dim in dimensions(model) if dim != along]
    line = model.isel(dict.fromkeys(others, 0))
    order = np.argsort(x)
    x = x[order]
    points = [line.isel({along: int(i)}) for i in order]
    passages = [first_passages(point) for point in points]
    found = [mean_passage(*each) for each in passages]
    mean = np.array([np.nan if each is None else each.mean for each in found])
    error = np.array([np.nan if each is None else each.stderr for each in found])
    laws = np.stack([point["escape_time_law"].values for point in points], axis=-1)
    names = [str(law) for law in line["law"].values]
    exact = _exact(points[0], names, laws)
    figure = canvas(6.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.2))
    mark = {"color": INK, "marker": "o", "linestyle": "none", "markersize": 6, "capsize": 2.5, "zorder": 4}
    upper.errorbar(x, mean, error, label=subject.name, **mark)
    reference = laws[exact] if exact is not None else mean
    tolerance = subject.criterion("occupancy", "escape_tolerance")
    lower.axhspan(1 - tolerance, 1 + tolerance, color=BAND, alpha=0.7, zorder=0)
    lower.errorbar(x, mean / reference, error / reference, **mark)
    for name, values in zip(names, laws, strict=True):
        if np.isfinite(values).any():
            upper.plot(x, values, label=title_of(name, model), zorder=2, **law_line(name))
            lower.plot(x, values / reference, zorder=2, **law_line(name))
    upper.set(yscale="log", ylabel="mean first-passage time")
    plain_ticks(upper.yaxis, *upper.get_ylim())
    over = title_of(names[exact], model) if exact is not None else "the measured"
    lower.set(xlabel=label, ylabel=f"over {over}")
    held = partly(model, dict.fromkeys(others, 0)).replace("=", " = ")
    title(upper, "Escape", subject, held)
    upper.legend(loc="best")
    return figure


def _axis(model: xr.Dataset) -> tuple[str, Array, str]:
    """The scanned dimension of the plot, its values as shown, and their name: barrier/theta where the barrier is."""
    along, values, hot = scanned_axis(model)
    if hot:
        return along, 2.0 / values, "1/θ"
    theta = temperatures.of_positions(model)
    if along.endswith("barrier") and theta is not None and theta.ndim == 0:
        symbol = temperatures.symbol(model)
        return along, values / float(theta), f"barrier/{symbol if symbol == 'θ' else f'[{symbol}]'}"
    return along, values, str(model[along].attrs.get("long_name", along))


def _exact(point: xr.Dataset, names: list[str], laws: Array) -> int | None:
    flags = point["law_is_exact"].values.tolist()
    able = [i for i in range(len(names)) if flags[i] == 1 and np.isfinite(laws[i]).all()]
    return able[0] if able else None
