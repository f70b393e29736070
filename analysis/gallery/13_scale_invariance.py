"""Sharpness changes with the scale of layers and the function does not; what does not change beside it.

python analysis/gallery/13_scale_invariance.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from running import main

CLAIM = Claim(
    name="scale_invariance",
    title="Flatness is a matter of how weights are scaled",
    source="Dinh et al. 2017; Tsuzuku, Sato and Sugiyama 2020",
    says="with ReLU, W1 -> l W1, W2 -> W2/l is the same function, and its Hessian is as sharp as one likes: it goes as l^2; "
    "measures that are weighted by the weights do not change",
    expected="the largest eigenvalue grows from l = 20 to 40 as l^p, p from 1.9 to 2.1; the outputs change by less than 1e-9 "
    "of the largest, the weighted sum by less than 1e-6 of itself",
)
LARGE = (20.0, 40.0)


def found(run: xr.DataTree) -> Finding:
    """The exponent, and what stays."""
    model = run["network"]
    top, whole = model.rescaled_top, model.rescaled_invariant
    pair = [top.sel(rescaling=each) for each in LARGE]
    exponent = np.log(pair[1] / pair[0]) / np.log(LARGE[1] / LARGE[0])
    change = np.abs(whole / whole.sel(rescaling=1.0) - 1.0).max("rescaling")
    rows = [
        of_mean("exponent p of the largest eigenvalue, l = 20 to 40", exponent, least=1.9, most=2.1),
        of_mean("largest change of an output", model.rescaled_output_change.max("rescaling"), most=1e-9),
        of_mean("change of sum w^2 H_kk, largest over l", change, most=1e-6),
        of_mean("largest eigenvalue at l = 40 over that as trained", pair[1] / top.sel(rescaling=1.0)),
    ]
    seen = (
        f"The largest eigenvalue grows by {rows[3].value:.0f} at l = 40, in the end as l^{rows[0].value:.3f}; outputs change by "
        f"{rows[1].value:.0e} of the largest and the weighted sum by {rows[2].value:.0e} of itself, which is rounding."
    )
    return Finding(rows, _figure(model), seen)


def _figure(model: xr.DataTree) -> Figure:
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    scale = model.rescaling.values
    names = {"rescaled_top": "largest eigenvalue", "rescaled_trace": "trace", "rescaled_invariant": "sum of w^2 H_kk"}
    for number, (name, title) in enumerate(names.items()):
        ratio = (model[name] / model[name].sel(rescaling=1.0)).values
        axes.plot(scale, ratio, "-", color=f"C{number}", linewidth=0.8)
        axes.plot(scale, ratio.mean(axis=1), "o", color=f"C{number}", label=title)
    axes.plot(scale, scale**2, ":", color="0.4", label="l^2")
    axes.set(xscale="log", yscale="log", xlabel="l: W1 -> l W1, W2 -> W2/l", ylabel="over that as trained")
    axes.set_xticks(scale, [f"{each:g}" for each in scale])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
