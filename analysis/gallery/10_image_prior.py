"""An untrained network prefers images to noise: a noisy photograph is made clean on the way to being made noisy.

And a coarse one is made fine: an image of which only averages over squares of two by two pixels are told.

python analysis/gallery/10_image_prior.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, config_of, of_mean
from matplotlib.figure import Figure
from running import main
from scipy import ndimage

import langevin_sgd as lsgd
from langevin_sgd.training.data import photograph

CLAIM = Claim(
    name="image_prior",
    title="An untrained network prefers images to noise",
    source="Ulyanov, Vedaldi and Lempitsky 2017",
    says="fitted to one noisy image, a network of convolutions comes close to the clean one first and learns the noise later; fitted to a coarse image it makes a fine one better than interpolation does",
    expected="with noise of 0.1 (20 dB) the signal-to-noise ratio against the clean image has a peak at least 1 dB above that "
    "of the noisy image itself, and ends at least 1 dB below its peak; fitted to the clean image it ends less than 1 dB "
    "below its peak; fitted to a quarter of the pixels it ends no farther from the whole image than cubic interpolation of "
    "them, and at least 1 dB nearer than each of them repeated",
)
NOISE = 0.1
PIXELS = 1024


def found(run: xr.DataTree) -> Finding:
    """Peaks and ends against the clean image, with intervals over networks."""
    model = run["network"]
    clean, noisy = (decibels(model.test_loss.sel(noise=noise)) for noise in (0.0, NOISE))
    given = -20.0 * np.log10(NOISE)
    peak, end = noisy.max("time"), noisy.isel(time=-1)
    fine = decibels(run["super_resolution"].test_loss)
    cubic, repeated = interpolated()
    fit = decibels(model.train_loss.sel(noise=NOISE)).isel(time=-1)
    rows = [
        of_mean("noisy: peak above the noisy image itself, dB", peak - given, least=1.0),
        of_mean("noisy: end below the peak, dB", peak - end, least=1.0),
        of_mean("clean: end below the peak, dB", clean.max("time") - clean.isel(time=-1), most=1.0),
        of_mean("coarse: end above cubic interpolation, dB", fine.isel(time=-1) - cubic, least=0.0),
        of_mean("coarse: end above repeated pixels, dB", fine.isel(time=-1) - repeated, least=1.0),
        of_mean("noisy: end, dB", end),
        of_mean("noisy: end against the noisy image, dB", fit),
        of_mean("clean: end, dB", clean.isel(time=-1)),
        of_mean("coarse: end, dB", fine.isel(time=-1)),
        of_mean("noisy: log10 of the step of the peak", np.log10(model.step.values[noisy.argmax("time").values])),
    ]
    seen = (
        f"Fitted to an image of {given:.0f} dB the network comes to {float(peak.mean()):.1f} dB against the clean one, and "
        f"has {float(end.mean()):.1f} dB at the end, where the noise is learnt. Fitted to the clean image single networks end "
        f"at {float(clean.isel(time=-1).min()):.0f} to {float(clean.isel(time=-1).max()):.0f} dB, after swings at errors this "
        "small, which the expectation of no peak had not thought of. Of a quarter of the pixels it makes an image of "
        f"{float(fine.isel(time=-1).mean()):.1f} dB; cubic interpolation has {cubic:.1f} dB, each pixel repeated {repeated:.1f} dB."
    )
    return Finding(rows, _figure(model, clean, noisy, given, fine, (cubic, repeated)), seen)


def decibels(loss: xr.DataArray) -> xr.DataArray:
    """10 log10 of 1 over the mean square of a pixel's error; the loss is half the sum of squares."""
    return -10.0 * np.log10(2.0 * loss / PIXELS)


def interpolated() -> tuple[float, float]:
    """How near to the whole image the coarse one is, in dB, by cubic splines and with each pixel repeated."""
    data = lsgd.load(config_of(CLAIM)).models["super_resolution"].data
    whole = photograph.grey(data)
    coarse = photograph.averaged(whole, data.coarse)
    cubic = ndimage.zoom(coarse, data.coarse, order=3, mode="nearest", grid_mode=True)
    repeated = np.kron(coarse, np.ones((data.coarse, data.coarse)))
    return tuple(float(-10.0 * np.log10(((image - whole) ** 2).mean())) for image in (cubic, repeated))


def _figure(
    model: xr.DataTree,
    clean: xr.DataArray,
    noisy: xr.DataArray,
    given: float,
    fine: xr.DataArray,
    interpolations: tuple[float, float],
) -> Figure:
    figure = Figure(figsize=(13.5, 3.8), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, noise, tests, name in zip(axes[:2], (0.0, NOISE), (clean, noisy), ("clean", "noisy"), strict=True):
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
    for replica, values in enumerate(fine.values):
        axes[2].semilogx(model.step, values, color="tab:blue", lw=0.8, label="against the whole image" * (replica == 0))
    for decibel, style, name in zip(
        interpolations, ("--", ":"), ("cubic interpolation", "pixels repeated"), strict=True
    ):
        axes[2].axhline(decibel, color="grey", ls=style, lw=0.8, label=name)
    axes[2].set(title="target: a quarter of the pixels", xlabel="step", ylabel="signal-to-noise ratio, dB")
    for axis in axes:
        axis.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
