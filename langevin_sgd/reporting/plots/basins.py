"""A landscape with the stationary density on it, and the probability current, measured beside predicted."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from langevin_sgd.checks.occupancy.density import cell_volumes
from langevin_sgd.laws import temperatures
from langevin_sgd.laws.cache import title_of
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import GREY, INK, WIDTH, Array, canvas, law_line, title
from langevin_sgd.reporting.run_parameters import parameters

_CONTOURS = 12
_ABOVE = 0.6  # inches for the title
_EMPTY = 2e-3  # of the largest density, below which the plane is not shown
_FAINT = 0.06  # of the strong arrows, below which none is drawn
_ARROWS = 20  # along a side
_COLOURS = "Blues"


@figure(
    "Landscape and stationary density, measured beside predicted.",
    each_model("density_law"),
    leads=0,
)
def landscape_and_density(subject: Subject) -> Figure:
    """E and the measured density with those of the laws, along a line; in the plane, density beside the exact law's."""
    model = subject.model
    if model.sizes["y_cell"] == 1:
        return _on_a_line(subject)
    fields = _measured_and_exact(model, "density", ("x_cell", "y_cell"))
    remark = ""
    if len(fields) > 1:
        measured, predicted = fields.values()
        distance = float((np.abs(measured - predicted) * cell_volumes(model)).sum())
        remark = f"L1 distance {distance:.3g}"
    return _plane(subject, fields, "Density", remark)[0]


@figure(
    "Stationary probability current on the density, measured beside the exact law's, arrows to one scale.",
    each_model("current_law"),
)
def probability_current(subject: Subject) -> Figure:
    """The current on the density, measured beside the exact law's, arrows to one scale; the circulation of both."""
    model = subject.model
    currents = _measured_and_exact(model, "current", ("coordinate", "x_cell", "y_cell"))
    densities = _measured_and_exact(model, "density", ("x_cell", "y_cell"))
    remark = ""
    if "circulation" in model:
        remark = f"circulation {float(model['circulation']):.4g} ± {float(model['circulation_stderr']):.2g}"
        law = _law(model, "current_law")
        if law is not None and "circulation_law" in model:
            remark += f", predicted {float(model['circulation_law'].sel(law=law)):.4g}"
    fields = {name: densities.get(name, densities["measured"]) for name in currents}
    figure, panels = _plane(subject, fields, "Current", remark)
    coarse = {name: _coarse(field) for name, field in currents.items()}
    length = float(np.quantile(np.hypot(*list(coarse.values())[-1]), 0.98)) or 1.0
    x, y = (
        _coarse_line(values, cells)
        for values, cells in zip(_centres(model), currents["measured"].shape[1:], strict=True)
    )
    spacing = min(x[1] - x[0], y[1] - y[0])
    for axes, field in zip(panels, coarse.values(), strict=True):
        shown = np.where(np.hypot(*field) > _FAINT * length, field, np.nan)
        axes.quiver(
            *np.meshgrid(x, y, indexing="ij"), *shown, color=INK, pivot="mid", angles="xy", scale_units="xy",
            scale=length / (1.3 * spacing), width=0.006, zorder=5,
        )  # fmt: skip
    return figure


def _measured_and_exact(model: xr.Dataset, variable: str, dims: tuple[str, ...]) -> dict[str, Array]:
    """A field as measured, and that of the exact law by its name."""
    fields: dict[str, Array] = {"measured": model[variable].transpose(*dims).values}
    law = _law(model, f"{variable}_law")
    if law is not None:
        fields[title_of(law, model)] = model[f"{variable}_law"].sel(law=law).transpose(*dims).values
    return fields


def _on_a_line(subject: Subject) -> Figure:
    model = subject.model
    figure = canvas(6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.5))
    edges = model["x_edge"].values
    (x,) = _centres(model)[:1]
    seen = model["density"].values[:, 0]
    laws = (
        {}
        if "density_law" not in model
        else {str(law): model["density_law"].sel(law=law) for law in model["law"].values}
    )
    likely = (seen > 1e-4 * seen.max()) | (seen.max() <= 0.0)  # a box that no walker visits is shown in full
    first, last = np.flatnonzero(likely)[[0, -1]]
    shown = slice(max(0, first - 2), last + 3)
    if "landscape" in model:
        energy = model["landscape"].values[:, 0]
        upper.plot(x[shown], energy[shown] - energy[shown].min(), color=INK)
    theta = temperatures.of_positions(model)
    if theta is not None:
        value, symbol = float(theta), temperatures.symbol(model)
        upper.axhline(value, color=GREY, linewidth=1.0, linestyle=(0, (2, 2)), label=f"{symbol} = {value:.3g}")
        upper.legend(loc="best")
    upper.set_ylabel("energy")
    lower.stairs(seen, edges, fill=True, color=GREY, alpha=0.35, label="measured")
    for law, values in laws.items():
        if np.isfinite(values).all():
            lower.plot(x, values.values[:, 0], label=title_of(law, model), **law_line(law))
    lower.set(xlabel=_coordinate(model, 0), ylabel="density", xlim=(edges[shown][0], x[shown][-1]), ylim=(0.0, None))
    lower.legend(loc="best")
    title(upper, "Landscape and density", subject)
    return figure


def _plane(subject: Subject, fields: dict[str, Array], what: str, remark: str) -> tuple[Figure, list[Axes]]:
    """Densities as colours to one scale, contours of the landscape on them."""
    model = subject.model
    x, y = model["x_edge"].values, model["y_edge"].values
    populated = (fields["measured"] > _EMPTY * fields["measured"].max()) | (fields["measured"].max() <= 0.0)
    xlim, ylim = _reach(x, populated.any(axis=1)), _reach(y, populated.any(axis=0))
    height = (WIDTH - 1.9) / len(fields) * (ylim[1] - ylim[0]) / (xlim[1] - xlim[0])
    figure = canvas(height + _ABOVE + 0.9)
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0.0, 0.0, 1.0, 1.0 - _ABOVE / figure.get_figheight()))  # type: ignore[call-arg]
    panels: list[Axes] = list(figure.subplots(1, len(fields), sharex=True, sharey=True, squeeze=False)[0])
    top = max(float(np.quantile(field, 0.998)) for field in fields.values()) or 1.0
    image = None
    for axes, (name, field) in zip(panels, fields.items(), strict=True):
        image = axes.pcolormesh(x, y, field.T, cmap=_COLOURS, vmin=0.0, vmax=top, rasterized=True)
        if "landscape" in model:
            energy = model["landscape"].transpose("x_cell", "y_cell").values
            levels = np.linspace(energy.min(), energy[populated].max(), _CONTOURS)[1:]
            axes.contour(*_centres(model), energy.T, levels=levels, colors=GREY, linewidths=0.6, alpha=0.7)
        axes.set(xlabel=_coordinate(model, 0), aspect="equal", xlim=xlim, ylim=ylim)
        axes.grid(visible=False)
        axes.set_title(name, color=INK, fontsize=11)
    panels[0].set_ylabel(_coordinate(model, 1))
    assert image is not None
    figure.colorbar(image, ax=panels, label="density", shrink=0.8, aspect=30)
    below = " · ".join(text for text in (parameters(model), remark) if text)
    at = 1.0 - 0.08 / figure.get_figheight()
    figure.text(0.01, at, f"{what} · {subject.name}", fontweight="bold", fontsize=12, color=INK, va="top")
    figure.text(0.01, at - 0.27 / figure.get_figheight(), below, fontsize=10.5, color=GREY, va="top")
    return figure, panels


def _law(model: xr.Dataset, variable: str) -> str | None:
    """The exact law of the current or density, the first that has an answer if none is exact."""
    if variable not in model:
        return None
    able = [str(law) for law in model["law"].values if bool(model[variable].sel(law=law).notnull().all())]
    exact = [law for law in able if bool(model["law_is_exact"].sel(law=law))]
    return next(iter([*exact, *able]), None)


def _centres(model: xr.Dataset) -> tuple[Array, Array]:
    x, y = (model[name].values.astype(np.float64) for name in ("x_edge", "y_edge"))
    return (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2


def _reach(edges: Array, populated: NDArray[np.bool_]) -> tuple[float, float]:
    """From the first to the last populated cell and one more at either end."""
    first, last = np.flatnonzero(populated)[[0, -1]]
    return float(edges[max(0, first - 1)]), float(edges[min(edges.size - 1, last + 2)])


def _block(cells: int) -> int:
    return max(1, cells // _ARROWS)


def _coarse_line(values: Array, cells: int) -> Array:
    block = _block(cells)
    kept: Array = values[: cells // block * block].reshape(-1, block).mean(axis=1)
    return kept


def _coarse(field: Array) -> Array:
    """Means of (coordinate, x_cell, y_cell) over blocks of cells, so that arrows stay apart and noise is averaged."""
    _, nx, ny = field.shape
    bx, by = _block(nx), _block(ny)
    cut = field[:, : nx // bx * bx, : ny // by * by]
    means: Array = cut.reshape(2, nx // bx, bx, ny // by, by).mean(axis=(2, 4))
    return means


def _coordinate(model: xr.Dataset, number: int) -> str:
    if "coordinate" in model.coords and model.sizes["coordinate"] > number:
        return str(model["coordinate"].values[number])
    return ("x", "y")[number]
