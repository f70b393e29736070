"""Test error peaks where a model can just fit its training set; decay or stopping early take the peak away.

python analysis/gallery/07_double_descent.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="double_descent",
    title="Double descent in width, and what takes the peak away",
    source="Belkin et al. 2019; Nakkiran et al. 2020 and 2021",
    says="the test error of the fit has a peak where there are as many parameters as samples and falls beyond it; with the "
    "right weight decay, or stopped early, there is none",
    expected="random features, 128 samples, 20% label noise: test loss at 128 features at least twice that at 16 and at 1,024 "
    "without decay; with decay 0.01 not above that at 64 by more than 5%; descent at 128 features, stopped where the other "
    "seeds do best, at most half the loss of the fit",
)
NARROW, HALF, THRESHOLD, WIDE = 16, 64, 128, 1024
NO_DECAY, DECAY = 1e-6, 1e-2
FEATURES = (16, 32, 64, 96, 128, 192, 256, 512, 1024)
HIDDEN = (4, 8, 16, 32, 128)

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Ratios of test losses of each seed, by their logarithms."""
    fit = {n: run[f"features_{n}"].test_loss.isel(time=0, replica=0) for n in FEATURES}
    bare = {n: loss.sel(weight_decay=NO_DECAY).values for n, loss in fit.items()}
    decayed = {n: loss.sel(weight_decay=DECAY).values for n, loss in fit.items()}
    narrow = np.min([bare[n] for n in FEATURES if n < THRESHOLD], axis=0)
    descent = run["descent"].test_loss.mean("replica").transpose("seed", "time").values
    stopped = stopped_early(descent)
    end = {n: run[f"mlp_{n}"].test_loss.isel(time=-1).mean("replica").values for n in HIDDEN}
    rows = [
        of_mean("ln of test loss at 128 over 16 features", np.log(bare[THRESHOLD] / bare[NARROW]), least=np.log(2.0)),
        of_mean("ln of test loss at 128 over 1,024 features", np.log(bare[THRESHOLD] / bare[WIDE]), least=np.log(2.0)),
        of_mean("with decay 0.01: ln of 128 over 64", np.log(decayed[THRESHOLD] / decayed[HALF]), most=np.log(1.05)),
        of_mean(
            "stopped early: ln of descent over the fit at 128", np.log(stopped / bare[THRESHOLD]), most=np.log(0.5)
        ),
        of_mean("no decay: ln of 1,024 over the best below the peak", np.log(bare[WIDE] / narrow)),
        of_mean("MLP at the end of training: ln of 16 over 128 hidden units", np.log(end[16] / end[128])),
    ]
    peak = float(np.exp(rows[0].value))
    highest = max(FEATURES, key=lambda n: float(np.log(decayed[n]).mean()))
    seen = (
        f"At 128 features for 128 samples the test loss is {peak:.0f} times that at 16 and {np.exp(rows[1].value):.0f} times that "
        f"at 1,024; with decay 0.01 it is highest at {highest}. Descent at 128 features that is stopped early has "
        f"{np.exp(rows[3].value):.2f} of the test loss of the fit."
    )
    return Finding(rows, _figure(run, fit, descent, end), seen)


def stopped_early(loss: Array) -> Array:
    """Of each seed (seed, time) the loss at the time when the mean logarithm of the others is lowest."""
    logs = np.log(loss)
    others = (logs.sum(axis=0) - logs) / (len(logs) - 1)
    result: Array = loss[np.arange(len(loss)), np.nanargmin(others, axis=1)]
    return result


def _figure(run: xr.DataTree, fit: dict[int, xr.DataArray], descent: Array, end: dict[int, Array]) -> Figure:
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for decay in fit[THRESHOLD].weight_decay.values:
        values = np.array([loss.sel(weight_decay=decay).values for loss in fit.values()])
        mean, error = np.log(values).mean(axis=1), np.log(values).std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        left.errorbar(
            list(fit), np.exp(mean), np.exp(mean) * error, fmt="o-", capsize=2, label=f"weight decay {decay:g}"
        )
    left.axvline(THRESHOLD, color="0.5", linestyle=":", linewidth=1)
    left.set(title="test loss of the least squares fit", xlabel="random features", xscale="log", yscale="log")
    left.set_xticks([16, 64, 128, 256, 1024], ["16", "64", "128", "256", "1,024"])
    low, high = left.get_ylim()
    left.set(ylim=(low, 3.0 * high))
    left.set_yticks([0.3, 1.0, 3.0], ["0.3", "1", "3"])
    left.minorticks_off()
    left.legend(frameon=False, loc="upper left", fontsize=8)
    steps = run["descent"].step.values
    for path in descent:
        middle.loglog(steps[1:], path[1:], color="C0", linewidth=0.8)
    middle.set(title="descent at 128 features", xlabel="step", ylabel="test loss")
    for n in HIDDEN:
        path = run[f"mlp_{n}"].test_loss.mean(["replica", "seed"]).values
        right.loglog(run[f"mlp_{n}"].step.values[1:], path[1:], label=f"{n} hidden units")
    right.set(title="networks of one hidden layer", xlabel="step", ylabel="test loss")
    right.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
