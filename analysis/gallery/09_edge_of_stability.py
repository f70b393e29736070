"""Full-batch descent sharpens to 2/eta; does a minibatch's curvature along its own gradient do so in SGD?

python analysis/gallery/09_edge_of_stability.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, Row, of_mean
from matplotlib.figure import Figure
from running import main

CLAIM = Claim(
    name="edge_of_stability",
    title="Gradient descent sharpens to the edge of stability",
    source="Cohen et al. 2021; Andreyev and Beneventano 2024",
    says="the largest eigenvalue of the Hessian rises to 2/eta in full-batch descent and stays there; in SGD the mean "
    "curvature of a minibatch along its own gradient does",
    expected="in full-batch descent eta lambda/2 within 3% of 1 after it first came within 3%, mean of each of three "
    "seeds; what SGD does is a contrast: it is known to depend on eta, batch size and label noise",
)
TOLERANCE = 0.03
LATE = 0.5  # the part of the steps of SGD over which its ratios are taken
SGD = {"sgd": "SGD", "sgd_smaller_step": "SGD, half the step", "sgd_label_noise": "SGD, 20% label noise"}


def found(run: xr.DataTree) -> Finding:
    """Ratios to 2/eta, after the crossing and late in SGD."""
    descent = run["descent"]
    ratio = float(descent.learning_rate) * descent.hessian_top.isel(top=0) / 2.0
    rows, crossed = [], []
    for seed in range(ratio.sizes["spectrum_replica"]):
        path = ratio.isel(spectrum_replica=seed).values
        at = np.flatnonzero(path >= 1.0 - TOLERANCE)
        after = path[at[0] :] if at.size > 1 else np.array([np.nan, np.nan])
        rows.append(of_mean(f"descent, seed {seed + 1}: eta lambda/2", after, least=1 - TOLERANCE, most=1 + TOLERANCE))
        crossed.append(int(descent.spectrum_step[at[0]]) if at.size > 1 else None)
    for name, title in SGD.items():
        rows += _of_sgd(run[name], title)
    reached = [f"step {step:,}" for step in crossed if step is not None]
    own = next(row for row in rows if row.quantity.startswith("SGD: eta g"))
    seen = (
        f"Full-batch descent comes within 3% of 2/eta at {', '.join(reached) or 'no step'} and stays there. The mean "
        f"curvature of a minibatch along its gradient is {own.value:.2f} [{own.low:.2f}, {own.high:.2f}] of 2/eta late "
        "in SGD here, and other elsewhere: no edge of its own that holds in general."
    )
    return Finding(rows, _figure(run, ratio), seen)


def _of_sgd(model: xr.DataTree, title: str) -> list[Row]:
    half = float(model.learning_rate) / 2.0
    steps = {name: model[name].values for name in ("batch_sharpness_step", "spectrum_step")}
    late = {name: values >= LATE * values[-1] for name, values in steps.items()}
    own = half * model.batch_sharpness.values[late["batch_sharpness_step"]].mean(axis=0)
    top = half * model.hessian_top.values[late["spectrum_step"], :, 0].mean(axis=0)
    return [of_mean(f"{title}: eta g'Hg/(2 g'g), late", own), of_mean(f"{title}: eta lambda/2, late", top)]


def _figure(run: xr.DataTree, ratio: xr.DataArray) -> Figure:
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for seed in range(ratio.sizes["spectrum_replica"]):
        left.semilogx(ratio.spectrum_step, ratio.isel(spectrum_replica=seed), ".-", label=f"seed {seed + 1}")
    left.set(title="full-batch descent", xlabel="step", ylabel="curvature over 2/eta")
    for number, (name, title) in enumerate(SGD.items()):
        model = run[name]
        half, colour = float(model.learning_rate) / 2.0, f"C{number}"
        own, top = half * model.batch_sharpness, half * model.hessian_top.isel(top=0)
        error = own.std("replica", ddof=1) / np.sqrt(own.sizes["replica"])
        right.errorbar(own.batch_sharpness_step, own.mean("replica"), error, fmt=".-", color=colour, label=title)
        right.plot(top.spectrum_step, top.mean("spectrum_replica"), "--", color=colour, linewidth=1)
    right.set(title="SGD along its own gradients (dashed: largest)", xlabel="step", xscale="log")
    for axes in (left, right):
        axes.axhline(1.0, color="0.4", linewidth=1)
        axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
