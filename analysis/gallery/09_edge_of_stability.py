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
    source="Cohen et al. 2021; Andreyev and Beneventano 2024, as of 2025",
    says="the largest eigenvalue of the Hessian rises to 2/eta in full-batch descent and stays there; in SGD the mean "
    "curvature of a minibatch along its own gradient does",
    expected="in full-batch descent eta lambda/2 within 3% of 1 after it first came within 3%, mean from each of three "
    "initial weights; what SGD does is a contrast: it is known to depend on eta, batch size and label noise",
)
TOLERANCE = 0.03
LATE = 0.5  # the part of the steps of SGD over which its ratios are taken
BEFORE = 0.25  # and from where on to LATE the ratios are taken that these are held against
SGD = {"sgd": "SGD", "sgd_smaller_step": "SGD, half the step", "sgd_label_noise": "SGD, 20% label noise"}


def found(run: xr.DataTree) -> Finding:
    """Ratios to 2/eta, after the crossing and late in SGD."""
    descent = run["descent"]
    ratio = float(descent.learning_rate) * descent.hessian_top.isel(top=0) / 2.0
    rows, crossed, stayed = [], [], []
    for replica in range(ratio.sizes["spectrum_replica"]):
        path = ratio.isel(spectrum_replica=replica).values
        at = np.flatnonzero(path >= 1.0 - TOLERANCE)
        after = path[at[0] :] if at.size > 1 else np.array([np.nan, np.nan])
        rows.append(
            of_mean(f"descent {replica + 1}: eta lambda/2, over looks", after, least=1 - TOLERANCE, most=1 + TOLERANCE)
        )
        if at.size > 1:
            crossed.append(f"{int(descent.spectrum_step[at[0]]):,}")
            stayed += [*after]
    of_sgd = [_of_sgd(run[name], title) for name, title in SGD.items()]
    rows += [row for case in of_sgd for row in case]
    seen = (
        f"Full-batch descent comes within 3% of 2/eta at steps {', '.join(crossed)}, and has {min(stayed):.3f} to "
        f"{max(stayed):.3f} of it from then on."
        if stayed
        else "Full-batch descent does not come to 2/eta."
    )
    own = ", ".join(f"{along.value:.2f} ({title})" for (along, _, _), title in zip(of_sgd, SGD.values(), strict=True))
    seen += f" Of SGD nothing was expected: late the mean curvature of a minibatch along its gradient is {own} of 2/eta"
    if all(along.value < top.value for along, top, _ in of_sgd):
        seen += ", less than the largest eigenvalue each time"
    if all(rise.low > 0.0 for *_, rise in of_sgd):
        seen += ". It still rises, so that where it would stay is not seen here"
    return Finding(rows, _figure(run, ratio), f"{seen}.")


def _of_sgd(model: xr.DataTree, title: str) -> list[Row]:
    """Of each replica the curvature along gradients and the largest late, and what the first has risen by."""
    half = float(model.learning_rate) / 2.0
    own, top = half * model.batch_sharpness, half * model.hessian_top.isel(top=0)
    part, looks = (step / step[-1] for step in (own.batch_sharpness_step, top.spectrum_step))
    late = own.where(part >= LATE, drop=True).mean("batch_sharpness_look")
    before = own.where((part >= BEFORE) & (part < LATE), drop=True).mean("batch_sharpness_look")
    return [
        of_mean(f"{title}: eta g'Hg/(2 g'g), late", late),
        of_mean(f"{title}: eta lambda/2, late", top.where(looks >= LATE, drop=True).mean("spectrum_look")),
        of_mean(f"{title}: the first, second half less second quarter of the steps", late - before),
    ]


def _figure(run: xr.DataTree, ratio: xr.DataArray) -> Figure:
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for replica in range(ratio.sizes["spectrum_replica"]):
        left.semilogx(ratio.spectrum_step, ratio.isel(spectrum_replica=replica), ".-", label=f"descent {replica + 1}")
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
    left.legend(frameon=False)
    right.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.0, 0.93))
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
