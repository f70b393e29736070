"""What a scan found: one number a point against the scanned parameter, with the laws where there are any."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance, pooled_variance
from langevin_sgd.laws.cache import title_of
from langevin_sgd.observables.points_done import partly
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.reporting.plots.figure import Results, Subject, each_scan, figure
from langevin_sgd.reporting.plots.scan_panels import key_of
from langevin_sgd.reporting.plots.style import INK, Array, canvas, law_line, model_look, title

_CURVES = 8
_MOST_MARKED = 400  # points, above which their marks and bars hide one another: a line and a band then
_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (5, 2, 1, 2)))
_MEMBERS = ("replica", "disorder")


class _Curve(NamedTuple):
    """One number along the first scanned parameter, at fixed values of the others."""

    label: str
    model: xr.Dataset


class _Quantity(NamedTuple):
    """What is shown of a point: measured values with errors, and laws by name."""

    label: str
    measured: dict[str, tuple[Array, Array]]
    laws: dict[str, Array]


_NUMBERS = ("mode_variance", "occupancy", "energy", "squared_displacement")
"""Observables of which one number is shown, the first that a model has."""


def _with_a_number(results: Results) -> dict[str, Subject]:
    """Every scanned model that has one of the observables to show."""
    scanned = each_scan()(results)
    return {name: subject for name, subject in scanned.items() if any(each in subject.model for each in _NUMBERS)}


@figure(
    "One number at every point of the scan, with one standard error, and the laws where there are any.",
    _with_a_number,
    plain=True,
)
def scanned(subject: Subject) -> Figure:
    """The total variance, the occupancy of every basin or the mean energy at the end, against the scanned parameter.

    The first scanned parameter with several values is the axis; the others give one curve each, eight at most.
    """
    model = subject.model
    names = dimensions(model)
    along = next((name for name in names if model.sizes[name] > 1), names[0])
    others = [name for name in names if name != along]
    count = math.prod(model.sizes[name] for name in others)
    curves = list(islice(_curves(model, others), _CURVES))
    figure = canvas(5.2)
    axes: Axes = figure.subplots()
    key = key_of(model, along)
    x = key.positions
    ylabel = ""
    for position, curve in enumerate(curves):
        quantity = _quantity(curve.model.transpose(along, ...).isel({along: key.order}))
        ylabel = quantity.label
        for which, (label, (values, errors)) in enumerate(quantity.measured.items()):
            # several quantities have a colour each, and the curves of one a marker each
            colour, marker = model_look(which if len(quantity.measured) > 1 else position)[0], model_look(position)[1]
            text = ", ".join(part for part in (label, curve.label) if part) or subject.name
            colour = INK if len(curves) * len(quantity.measured) == 1 else colour
            dashes = "none" if quantity.laws else _DASHES[position % len(_DASHES)]
            if x.size > _MOST_MARKED:
                axes.plot(x, values, color=colour, label=text, zorder=4, linewidth=1.0)
                axes.fill_between(x, values - errors, values + errors, color=colour, alpha=0.25, linewidth=0, zorder=3)
                continue
            axes.errorbar(
                x, values, errors, color=colour, marker=marker, markersize=6, label=text, zorder=4, capsize=2.5,
                linewidth=1.0, linestyle=dashes,
            )  # fmt: skip
        for law, values in quantity.laws.items():
            axes.plot(
                x, values, label=f"{title_of(law, model)} law" if position == 0 else None, zorder=2, **law_line(law)
            )
    axes.set(ylabel=ylabel)
    key.show(axes, "x")
    _scale(axes, curves[0].model)
    left = count - len(curves)
    title(axes, "Scan", subject)
    axes.legend(loc="best", title=f"{left} curves not shown" if left > 0 else None)
    return figure


def _curves(model: xr.Dataset, others: list[str]) -> Iterator[_Curve]:
    for index in np.ndindex(*(model.sizes[name] for name in others)):
        chosen = dict(zip(others, index, strict=True))
        yield _Curve(partly(model, chosen).replace("=", " = "), model.isel(chosen))


def _quantity(curve: xr.Dataset) -> _Quantity:
    """Of a dataset with the scanned parameter as its first dimension."""
    if "mode_variance" in curve:
        first, second = curve["mode_moment_1"].values, curve["mode_moment_2"].values
        pairs = list(zip(first, second, strict=True))
        total = np.array([_sum(pooled_variance(one, two)) for one, two in pairs])
        errors = [jackknife_stderr(_sum(leave_one_out_variance(*pair))) for pair in pairs]
        laws = {str(law): _sum(curve["mode_variance_law"].sel(law=law).values) for law in curve["law"].values}
        return _Quantity("total stationary variance (weights²)", {"": (total, np.array(errors))}, laws)
    if "occupancy" in curve:
        shares = curve["occupancy"].isel(time=-1), curve["occupancy_stderr"].isel(time=-1)
        measured: dict[str, Any] = {
            str(basin): tuple(part.sel(basin=basin).values for part in shares) for basin in curve["basin"].values
        }
        return _Quantity("occupancy at the last step", measured, {})
    if "energy" in curve:
        return _Quantity("mean energy at the last step", {"": _at_the_end(curve["energy"])}, {})
    return _Quantity("mean squared displacement at the last time", {"": _at_the_end(curve["squared_displacement"])}, {})


def _at_the_end(values: xr.DataArray) -> tuple[Array, Array]:
    """Mean over replicas or disorders at the last time, with its standard error."""
    last = values.isel(time=-1)
    members = next(str(dim) for dim in last.dims if dim in _MEMBERS)
    return last.mean(members).values, last.std(members, ddof=1).values / np.sqrt(last.sizes[members])


def _sum(values: Array) -> Any:
    """Over the modes that a point has: another point may have more. NaN at a point that has none."""
    return np.where(np.isnan(values).all(-1), np.nan, np.nansum(values, axis=-1))


def _scale(axes: Axes, curve: xr.Dataset) -> None:
    if "mode_variance" in curve:
        axes.set_yscale("log")
    elif "occupancy" in curve:
        axes.set_ylim(0.0, 1.0)
