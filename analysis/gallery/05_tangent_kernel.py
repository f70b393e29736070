"""The tangent kernel of a wide network stays as it is, and the residual decays mode by mode.

python analysis/gallery/05_tangent_kernel.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, Row, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="tangent_kernel",
    title="The tangent kernel is constant at large width",
    source="Jacot, Gabriel and Hongler 2018; Lee et al. 2019",
    says="the kernel's drift from the start falls as width^(-1/2), and residuals decay as exp(-eta k t)",
    expected="the drift at the end falls as width^p, p within 0.1 of -1/2, though counting of diagrams (Dyer and "
    "Gur-Ari 2020) gives -1 and Lee et al. call -1/2 a bound; at width 4,096 the residual along the eigenvectors of "
    "each wave, the constant and k = 1 to 3, is within 5% of (1 - eta k)^t until that has fallen to 1/e, of replicas "
    "where the wave has a tenth of the residual at the start. Nothing is expected later",
)
WAVES = {0: slice(0, 1), 1: slice(1, 3), 2: slice(3, 5), 3: slice(5, 7)}  # a constant, and sine and cosine of each
SHARE, LATER = 0.1, 0.01

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Exponents of drift and weights over width, and how far each wave is from its prediction at the largest width."""
    models = {int(name.removeprefix("width_")): model for name, model in run.children.items() if "width_" in name}
    widths = np.array(sorted(models))
    drift = np.stack([models[width].kernel_drift.isel(kernel_look=-1).values for width in widths])
    weights = np.stack([_moved(models[width].to_dataset(), width) for width in widths])
    widest = models[widths[-1]].to_dataset()
    until = float(np.exp(-1.0))
    rows = [
        of_mean("exponent p of the kernel's drift", _exponents(widths, drift), least=-0.6, most=-0.4),
        of_mean("the same from width 1,024 on", _exponents(widths[-3:], drift[-3:])),
        of_mean("exponent of |w - w_0|/|w_0|", _exponents(widths, weights)),
        of_mean("drift at width 64", drift[0]),
        of_mean("drift at width 4,096", drift[-1]),
    ]
    off = [_row(f"{_name(k)} off by, until 1/e is left", deviation(widest, k, until), most=0.05) for k in WAVES]
    later = [_row(f"{_name(k)} off by, until {LATER} is left", deviation(widest, k, LATER)) for k in (0, 1)]
    narrow = models[widths[0]].to_dataset()
    small = [_row(f"{_name(k)} off by, until 1/e is left, at width 64", deviation(narrow, k, until)) for k in WAVES]
    exponent, wide, moved, _, last = rows
    seen = (
        f"The kernel's drift falls as width^{exponent.value:.2f} [{exponent.low:.2f}, {exponent.high:.2f}], and as "
        f"width^{wide.value:.2f} [{wide.low:.2f}, {wide.high:.2f}] from 1,024 on, to {last.value:.1%} at width 4,096: "
        f"faster than claimed. The relative change of the weights falls as width^{moved.value:.2f}. At width 4,096 "
        f"residuals are off exponential decay by at most {max(row.value for row in off):.1%} until 1/e is left, wave 1 "
        f"by {later[1].value:.1%} until a hundredth is left; at width 64 wave 3 is off by {small[3].value:.0%}."
    )
    rows += off + later + small
    return Finding(rows, _figure(widths, drift, weights, widest), seen)


def deviation(model: xr.Dataset, wave: int, until: float) -> Array:
    """Largest |r - p|/|p| over looks until |p|/|r_0| falls to a level, (replica,), p being the prediction of r.

    Of the residual along the eigenvectors of a wave; NaN where that has less than a tenth of it at the start.
    """
    residual, predicted = (
        getattr(model, name).isel(kernel_mode=WAVES[wave]).values
        for name in ("kernel_residual", "kernel_residual_predicted")
    )
    size = np.linalg.norm(predicted, axis=-1)
    off = np.linalg.norm(residual - predicted, axis=-1)
    result: Array = np.divide(off, size, out=np.zeros_like(off), where=size >= until * size[0]).max(axis=0)
    result[size[0] < SHARE * model.kernel_residual_norm.values[0]] = np.nan
    return result


def _name(wave: int) -> str:
    return "constant" if wave == 0 else f"wave {wave}"


def _row(quantity: str, samples: Array, *, most: float | None = None) -> Row:
    """The mean over the replicas that have that wave, if there are two."""
    there = samples[np.isfinite(samples)]
    return of_mean(quantity, there if there.size > 1 else [np.nan, np.nan], most=most)


def _moved(model: xr.Dataset, width: int) -> Array:
    """|w - w_0|/|w_0| at the end, (replica,): all 4 width + 1 weights begin as standard normal numbers."""
    result: Array = np.sqrt(model.squared_displacement.isel(time=-1).values / (4 * width + 1))
    return result


def _exponents(widths: NDArray[np.int64], values: Array) -> list[float]:
    """The slope of ln(value) over ln(width), of each replica."""
    return [float(np.polyfit(np.log(widths), np.log(of), 1)[0]) for of in values.T]


def _figure(widths: NDArray[np.int64], drift: Array, weights: Array, widest: xr.Dataset) -> Figure:
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    first, second = figure.subplots(1, 2)
    for values, label in ((drift, "kernel"), (weights, "weights")):
        mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        first.errorbar(widths, mean, error, fmt="o", capsize=3, label=label)
    for power, style in ((-0.5, "--"), (-1.0, ":")):
        first.plot(
            widths, drift[0].mean() * (widths / widths[0]) ** power, style, color="0.4", label=f"width^{power:g}"
        )
    first.set(xscale="log", yscale="log", xlabel="width", title="relative change until the end")
    first.set_xticks(widths, [f"{width:,}" for width in widths])
    first.minorticks_off()
    first.legend(frameon=False)
    step = np.maximum(widest.kernel_step.values, 0.5)
    for k, modes in WAVES.items():
        size = [
            np.linalg.norm(getattr(widest, each).isel(kernel_mode=modes).values, axis=-1)
            for each in ("kernel_residual", "kernel_residual_predicted")
        ]
        left, predicted = (np.mean(each / size[0][0], axis=1) for each in size)
        second.loglog(step, left, "o", markersize=4, color=f"C{k}", label=_name(k))
        second.loglog(step, predicted, "-", linewidth=1, color=f"C{k}")
    second.axhline(np.exp(-1.0), color="0.5", linewidth=1, linestyle=":")
    second.set(
        ylim=(3e-5, 1.5),
        xlabel="step (0 at 1/2)",
        title=f"left of each wave at width {widths[-1]:,}; lines: (1 - eta k)^t",
    )
    second.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
