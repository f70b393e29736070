"""Spectra of layers decay, their degrees of freedom are few, and networks can be pruned to them without loss.

python analysis/gallery/06_degrees_of_freedom.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, Row, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="degrees_of_freedom",
    title="Layers have few degrees of freedom, and can be pruned to them",
    source="Suzuki et al. 2018, 2020",
    says="the eigenvalues of the covariance of a layer's activations decay as j^-a with a > 1, so that N(lambda) is small "
    "against the width; with 5 N log N units kept of each layer the network does as well, without training",
    expected="of both hidden layers at the end: a more than 1 over j = 3 to 50, N at most a tenth of the width where lambda "
    "is 0.01 of the largest eigenvalue; test error there within 0.01 of that before with 5 N log N units kept, and "
    "larger by more than 0.01 with N",
)
LAMBDA = 0.01
FIRST, LAST = 3, 50

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Exponents, shares and errors of the last look, with intervals over replicas."""
    model = run["network"].isel(freedom_look=-1)
    at = int(np.abs(model.freedom_lambda.values - LAMBDA).argmin())
    freedom = model.degrees_of_freedom.isel(freedom_lambda=at)
    rows: list[Row] = []
    for layer in (1, 2):
        decay = exponents(model.activation_spectrum.isel(freedom_layer=layer).values)
        share = freedom.isel(freedom_layer=layer) / float(model.freedom_width[layer])
        rows += [
            of_mean(f"hidden layer {layer}: exponent a", decay, least=1.0),
            of_mean(f"hidden layer {layer}: N({LAMBDA:g}) over the width", share, most=0.1),
        ]
    change = model.pruned_test_error - model.unpruned_test_error
    less = model.overpruned_test_error - model.unpruned_test_error
    rows += [
        of_mean(
            f"5 N({LAMBDA:g}) log N kept: change of test error", change.isel(freedom_lambda=at), least=-0.01, most=0.01
        ),
        of_mean(f"N({LAMBDA:g}) kept: change of test error", less.isel(freedom_lambda=at), least=0.01),
        of_mean("test error before", model.unpruned_test_error),
        of_mean("the inputs: exponent a", exponents(model.activation_spectrum.isel(freedom_layer=0).values, last=40)),
        of_mean(f"the inputs: N({LAMBDA:g})", freedom.isel(freedom_layer=0)),
    ]
    n = freedom.mean("freedom_replica").values
    kept = np.minimum(5.0 * n * np.log(n), model.freedom_width.values)
    seen = (
        f"The hidden layers of {int(model.freedom_width[1])} units have {n[1]:.0f} and {n[2]:.0f} degrees of freedom. With "
        f"5 N log N of them kept, or all of fewer ({kept[1]:.0f} and {kept[2]:.0f}) the test error changes from {100 * rows[6].value:.1f}% by "
        f"{100 * rows[4].value:.1f} points, and with N by {100 * rows[5].value:.1f}."
    )
    return Finding(rows, _figure(run["network"], at), seen)


def exponents(spectra: Array, *, last: int = LAST) -> Array:
    """a of mu_j ~ j^-a for each spectrum (replica, mode), by least squares of the logarithms over j = FIRST to last."""
    j = np.log(np.arange(FIRST, last + 1))
    slope: Array = -np.polyfit(j, np.log(spectra[:, FIRST - 1 : last]).T, 1)[0]
    return slope


def _figure(model: xr.DataTree, at: int) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    names = ["inputs", "hidden layer 1", "hidden layer 2"]
    end = model.isel(freedom_look=-1)
    for layer, name in enumerate(names):
        mu = end.activation_spectrum.isel(freedom_layer=layer).mean("freedom_replica").values
        mu = mu[mu > 1e-9 * mu[0]]
        left.loglog(np.arange(1, mu.size + 1), mu / mu[0], label=name)
        freedom = model.degrees_of_freedom.isel(freedom_layer=layer, freedom_lambda=at).mean("freedom_replica")
        middle.semilogx(model.freedom_step, freedom, "o-", label=name)
    left.set(title="spectrum of activations", xlabel="j", ylabel="eigenvalue over the largest", ylim=(1e-9, 2))
    left.legend(frameon=False, fontsize=8)
    middle.set(title=f"degrees of freedom N({LAMBDA:g})", xlabel="step", ylim=(0, None))
    for name, label in (("pruned", "5 N log N kept"), ("overpruned", "N kept")):
        errors = end[f"{name}_test_error"]
        spread = errors.std("freedom_replica", ddof=1) / np.sqrt(errors.sizes["freedom_replica"])
        right.errorbar(end.freedom_lambda, errors.mean("freedom_replica"), spread, fmt="o-", capsize=3, label=label)
    right.axhline(float(end.unpruned_test_error.mean()), color="black", lw=0.8, ls="--", label="before")
    right.set(title="test error, pruned", xlabel="lambda over the largest eigenvalue", xscale="log", ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
