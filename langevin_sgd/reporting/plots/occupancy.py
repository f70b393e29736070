"""Occupancy of basins: against time from every start, and against temperature with the laws."""

from __future__ import annotations

import numpy as np
import scipy
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from langevin_sgd.checks.occupancy.crossing import scanned_axis
from langevin_sgd.checks.occupancy.starts import Starts
from langevin_sgd.laws.cache import title_of
from langevin_sgd.observables.points_done import partly
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.reporting.plots.figure import Subject, each_model, each_scan, figure
from langevin_sgd.reporting.plots.style import (
    BAND,
    INK,
    Array,
    canvas,
    law_line,
    model_look,
    plain_ticks,
    title,
)
from langevin_sgd.reporting.run_parameters import time_label

_LEAST_LOGIT = 1e-4
_PAD = 0.5  # of the log-odds at either end
_TICKS = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 0.99, 0.999, 0.9999)
_FEW_TIMES = 3
_MOST_TICKS = 10
_FURTHEST = 6.0  # tolerances that the lower panel shows: what is further off is seen in the upper one


@figure(
    "Fraction of the replicas in the basin from every start, with one standard error, and what each law "
    "says of the long run. Where the starts have not met there is no equilibrium.",
    each_model("mean_occupancy"),
)
def occupancy_in_time(subject: Subject) -> Figure:
    """Fraction of replicas in the first basin against time, one curve a start, with the window and the laws.

    With more than two basins a panel each but the last.
    """
    model = subject.model
    starts = Starts.from_dataset(model)
    shown = starts.told_apart()
    figure = canvas(1.2 + 3.8 * len(shown))
    panels: list[Axes] = list(figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0])
    time = model["time"].values
    shares = model["occupancy_from"].transpose("start", "basin", "time").values
    errors = model["occupancy_from_stderr"].transpose("start", "basin", "time").values
    for axes, (basin, label) in zip(panels, shown, strict=True):
        axes.axvspan(*starts.window, color=BAND, alpha=0.6, linewidth=0, zorder=0)
        for number, start in enumerate(starts.starts):
            colour, _ = model_look(number)
            y, error = shares[number, basin], errors[number, basin]
            axes.fill_between(time, y - error, y + error, color=colour, alpha=0.3, linewidth=0)
            axes.plot(time, y, color=colour, linewidth=1.4, label=f"started in {start}")
        for law in model["law"].values if "law" in model.coords else ():
            value = float(model["mean_occupancy_law"].sel(law=law).values[basin])
            if np.isfinite(value):
                axes.axhline(
                    value, label=title_of(str(law), model), zorder=2, **{**law_line(str(law)), "linewidth": 1.4}
                )
        axes.set(ylabel=f"fraction in {label}", ylim=(-0.02, 1.02))
    positive = time[time > 0]
    panels[-1].set_xlim(0.0, time[-1])
    if positive.size > _FEW_TIMES and positive[0] < 0.02 * positive[-1] and not _even(time):
        panels[-1].set_xscale("log")
        panels[-1].set_xlim(positive[0], positive[-1])
    panels[-1].set_xlabel(time_label(model))
    title(panels[0], "Occupancy", subject, "grey: window of the time average")
    panels[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


@figure(
    "Share of time in a basin against temperature, on the scale of log-odds, from both starts, with the "
    "laws; below, its difference from the exact one with the tolerance in grey.",
    each_scan("mean_occupancy_law", numbers=True),
    stands=True,
    leads=0,
)
def occupancy_against_temperature(subject: Subject) -> Figure:
    """Time-averaged occupancy of the first basin against T, every start, with the laws, on the scale of log-odds.

    Against the scanned parameter itself where T does not change. The lower panel is the difference from the first exact
    law. Further scanned parameters stay at their first value, and basins beyond the first are left out.
    """
    model = subject.model
    along, temperature, hot = scanned_axis(model)
    others = [dim for dim in dimensions(model) if dim != along]
    line = model.isel(dict.fromkeys(others, 0))
    points = [Starts.from_dataset(line.isel({along: i})) for i in range(temperature.size)]
    laws = line["mean_occupancy_law"].transpose("law", along, "basin").values[..., 0]
    figure = canvas(6.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    exact = _first_exact(line, laws)
    order = np.argsort(temperature)
    for number, start in enumerate(points[0].starts):
        colour, marker = model_look(number)
        shares = np.array([point.mean[number, 0] for point in points])
        errors = np.array([point.stderr[number, 0] for point in points])
        upper.errorbar(
            temperature, shares, errors, color=colour, marker=marker, linestyle="none", markersize=6, capsize=2.5,
            label=f"started in {start}", zorder=4, markerfacecolor="none" if number else colour,
        )  # fmt: skip
        if exact is not None:
            lower.errorbar(
                temperature, shares - laws[exact], errors, color=colour, marker=marker, linestyle="none",
                markersize=5, capsize=2.5, zorder=4, markerfacecolor="none" if number else colour,
            )  # fmt: skip
    for law, values in zip(line["law"].values, laws, strict=True):
        if np.isfinite(values).any():
            upper.plot(
                temperature[order], values[order], label=title_of(str(law), model), zorder=2, **law_line(str(law))
            )
    _logit_scale(upper, np.concatenate([np.array([point.mean[:, 0] for point in points]).ravel(), laws.ravel()]))
    upper.axhline(0.5, color=INK, linewidth=0.8, zorder=1)
    if temperature.min() > 0 and temperature.max() > 3 * temperature.min():
        upper.set_xscale("log")
        if temperature.size <= _MOST_TICKS:
            lower.xaxis.set_major_locator(FixedLocator(temperature.tolist()))
            lower.xaxis.set_minor_locator(NullLocator())
            lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        else:
            plain_ticks(upper.xaxis, float(temperature.min()), float(temperature.max()))
    upper.set_ylabel(f"time spent in {points[0].basins[0]}")
    lower.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
    if exact is None:
        lower.set_visible(False)
    else:
        tolerance = subject.criterion("occupancy", "tolerance")
        lower.axhspan(-tolerance, tolerance, color=BAND, alpha=0.7, zorder=0)
        furthest = max(abs(bound) for bound in lower.get_ylim())
        lower.set_ylim(*(sign * min(furthest, _FURTHEST * tolerance) for sign in (-1, 1)))
        lower.set_ylabel(f"less {title_of(str(line['law'].values[exact]), model)}")
    lower.set_xlabel("temperature T = 2θ" if hot else str(model[along].attrs.get("long_name", along)))
    held = partly(model, dict.fromkeys(others, 0)).replace("=", " = ")
    title(upper, "Occupancy against temperature" if hot else f"Occupancy against {along}", subject, held)
    upper.legend(loc="best")
    return figure


def _first_exact(line: xr.Dataset, laws: Array) -> int | None:
    """The number of the first exact law that has an answer everywhere."""
    flags = line["law_is_exact"].transpose("law", ...).values.reshape(laws.shape[0], -1)
    able = [i for i in range(laws.shape[0]) if np.isfinite(laws[i]).all() and np.all(flags[i] == 1)]
    return able[0] if able else None


def _logit_scale(axes: Axes, values: Array) -> None:
    """Scale of log-odds, cut where nothing is measured any more."""
    inside = values[np.isfinite(values) & (values > 0.0) & (values < 1.0)]
    low, high = max(_LEAST_LOGIT, float(inside.min())), min(1.0 - _LEAST_LOGIT, float(inside.max()))
    if low > 0.15 and high < 0.85:
        axes.set_ylim(low - 0.05, high + 0.05)
        return
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_ylim(
        float(scipy.special.expit(scipy.special.logit(low) - _PAD)),
        float(scipy.special.expit(scipy.special.logit(high) + _PAD)),
    )
    axes.yaxis.set_major_locator(FixedLocator(list(_TICKS)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _even(time: Array) -> bool:
    steps = np.diff(time)
    return bool(np.allclose(steps, steps[0], rtol=0.05))
