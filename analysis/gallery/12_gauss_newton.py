"""The Hessian is the second moment of the samples' gradients early in training; the gradient lies in its top directions.

python analysis/gallery/12_gauss_newton.py [RUN]
"""

from __future__ import annotations

import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from running import main

CLAIM = Claim(
    name="gauss_newton",
    title="The Hessian is the noise, early; the gradient lies in a few of its directions",
    source="Gur-Ari, Roberts and Dyer 2018; Martens 2014; Kunstner, Hennig and Balles 2019",
    says="H is close to F = C + g g^T, the second moment of the samples' gradients, while the network does not fit yet: F with "
    "labels drawn from the network itself is the Gauss-Newton part of H (Martens), and that the labels of the data do as well "
    "is often assumed, and disputed by Kunstner et al.; the gradient soon lies along the few sharpest eigenvectors of H, as "
    "many as there are classes (Gur-Ari et al.)",
    expected="|H - F|/|H| at most 0.5 at every look up to step 30, and larger at the end than there; the share of |g|^2 "
    "in the 10 sharpest directions at least 0.5 on average over looks from step 100 on",
)
EARLY, SOON = 30, 100


def found(run: xr.DataTree) -> Finding:
    """The distance early and late, and the share of the gradient."""
    model, linear = run["network"], run["softmax"]
    apart, step = model.gauss_newton_difference, model.gauss_newton_step
    share = model.gradient_in_top.sum("top")
    early = apart.where(step <= EARLY, drop=True)
    worst = early.max("gauss_newton_look")
    end = apart.isel(gauss_newton_look=-1)
    rows = [
        of_mean("|H - F|/|H|, largest up to step 30", worst, most=0.5),
        of_mean("|H - F|/|H| at the end less that", end - worst, least=0.0),
        of_mean(
            "softmax regression: |H - F|/|H|, first look", linear.gauss_newton_difference.isel(gauss_newton_look=0)
        ),
        of_mean("F over H by tr(HF)/tr(HH), first look", model.gauss_newton_scale.isel(gauss_newton_look=0)),
        of_mean("F over H by tr(HF)/tr(HH), at the end", model.gauss_newton_scale.isel(gauss_newton_look=-1)),
        of_mean(
            "share of |g|^2 in the 10 sharpest directions",
            share.where(step >= SOON, drop=True).mean("gauss_newton_look"),
            least=0.5,
        ),
        of_mean("the same in the sharpest one", model.gradient_in_top.isel(top=0).mean("gauss_newton_look")),
    ]
    seen = (
        f"Of H and F it {rows[0].verdict}: up to step {EARLY} H is off the second moment by {100 * rows[0].value:.0f}% of its "
        f"length in a network of two layers (softmax regression: {100 * rows[2].value:.0f}%), whose H then has a part of both "
        f"layers' own that no noise has. Of the gradient it {rows[5].verdict}: from step {SOON} on ten of 2,410 directions "
        f"have {100 * rows[5].value:.0f}% of its square."
    )
    return Finding(rows, _figure(model, linear.gauss_newton_difference, share), seen)


def _figure(model: xr.DataTree, linear: xr.DataArray, share: xr.DataArray) -> Figure:
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    step, apart = model.gauss_newton_step, model.gauss_newton_difference
    left.semilogx(step, linear.mean("gauss_newton_replica"), ":", color="C0", label="|H - F|/|H|, softmax regression")
    for replica in range(apart.sizes["gauss_newton_replica"]):
        left.semilogx(step, apart.isel(gauss_newton_replica=replica), ".-", color="C0", linewidth=1)
        left.semilogx(step, model.gauss_newton_scale.isel(gauss_newton_replica=replica), ".-", color="C1", linewidth=1)
        right.semilogx(step, share.isel(gauss_newton_replica=replica), ".-", color="C2", linewidth=1)
    left.plot([], [], color="C0", label="|H - F|/|H|")
    left.plot([], [], color="C1", label="tr(HF)/tr(HH)")
    left.axhline(0.0, color="0.6", linewidth=1)
    left.legend(frameon=False, loc="upper left", ncols=2, fontsize=8)
    left.set(title="Hessian H against F = C + g g^T", xlabel="step", ylim=(-0.05, 1.25))
    right.set(title="share of |g|^2 in the 10 sharpest directions", xlabel="step", ylim=(0, 1.03))
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
