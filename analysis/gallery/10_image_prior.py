"""An untrained network prefers images to noise: a noisy photograph is made clean on the way to being made noisy.

python analysis/gallery/10_image_prior.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, main, of_mean
from matplotlib.figure import Figure

CLAIM = Claim(
    name="image_prior",
    title="An untrained network prefers images to noise",
    source="Ulyanov, Vedaldi and Lempitsky 2017",
    says="fitted to one noisy image, a network of convolutions comes close to the clean one first and learns the noise later",
    expected="with noise of 0.1 (20 dB) the signal-to-noise ratio against the clean image has a peak at least 1 dB above that "
    "of the noisy image itself, and ends at least 1 dB below its peak; fitted to the clean image it ends less than 1 dB "
    "below its peak",
)
NOISE = 0.1
PIXELS = 1024


def found(run: xr.DataTree) -> Finding:
    """Peaks and ends against the clean image, with intervals over networks."""
    model = run["network"]
    clean, noisy = (decibels(model.test_loss.sel(noise=noise)) for noise in (0.0, NOISE))
    given = -20.0 * np.log10(NOISE)
    peak, end = noisy.max("time"), noisy.isel(time=-1)
    fit = decibels(model.train_loss.sel(noise=NOISE)).isel(time=-1)
    rows = [
        of_mean("noisy: peak above the noisy image itself, dB", peak - given, least=1.0),
        of_mean("noisy: end below the peak, dB", peak - end, least=1.0),
        of_mean("clean: end below the peak, dB", clean.max("time") - clean.isel(time=-1), most=1.0),
        of_mean("noisy: end, dB", end),
        of_mean("noisy: end against the noisy image, dB", fit),
        of_mean("clean: end, dB", clean.isel(time=-1)),
        of_mean("noisy: log10 of the step of the peak", np.log10(model.step.values[noisy.argmax("time").values])),
    ]
    seen = (
        f"Fitted to an image of {given:.0f} dB the network comes to {float(peak.mean()):.1f} dB against the clean one, and "
        f"has {float(end.mean()):.1f} dB at the end, where the noise is learnt. Fitted to the clean image single networks end "
        f"at {float(clean.isel(time=-1).min()):.0f} to {float(clean.isel(time=-1).max()):.0f} dB, after swings at errors this "
        "small, which the expectation of no peak had not thought of."
    )
    return Finding(rows, _figure(model, clean, noisy, given), seen)


def decibels(loss: xr.DataArray) -> xr.DataArray:
    """10 log10 of 1 over the mean square of a pixel's error; the loss is half the sum of squares."""
    return -10.0 * np.log10(2.0 * loss / PIXELS)


def _figure(model: xr.DataTree, clean: xr.DataArray, noisy: xr.DataArray, given: float) -> Figure:
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, noise, tests, name in zip(axes, (0.0, NOISE), (clean, noisy), ("clean", "noisy"), strict=True):
        for replica, values in enumerate(decibels(model.train_loss.sel(noise=noise)).values):
            axis.semilogx(model.step, values, color="tab:orange", lw=0.8, label="against the target" * (replica == 0))
        for replica, values in enumerate(tests.values):
            axis.semilogx(
                model.step, values, color="tab:blue", lw=0.8, label="against the clean image" * (replica == 0)
            )
        axis.set(
            title=f"target: {name} image",
            xlabel="step",
            ylabel="signal-to-noise ratio, dB (above 45 not shown)",
            ylim=(5, 45),
        )
    axes[1].axhline(given, color="grey", ls="--", lw=0.8, label="the noisy image itself")
    for axis in axes:
        axis.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
