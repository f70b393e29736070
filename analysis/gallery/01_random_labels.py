"""Networks learn random labels perfectly; how long that takes, and what decay and early stopping change.

python analysis/gallery/01_random_labels.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="random_labels",
    title="Random labels are learnt perfectly",
    source="Zhang et al. 2017",
    says="networks fit random labels without error, with weight decay too, in a time that is a small multiple of that "
    "for true labels; early stopping may help where labels are noisy",
    expected="random labels: training accuracy at least 0.99, with weight decay too, test accuracy 0.05 to 0.15 "
    "(chance is 0.1); time to 99% of them over that of true labels at least 1; with 40% random labels test accuracy is "
    "higher where the other replicas do best than at the end",
)
FITTED = 0.99
NOISY = 0.4

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Accuracies at the end, times to fit, and what stopping early would give."""
    plain, decayed = run["plain"], run["decayed"]
    end = plain.isel(time=-1)
    times = steps_to_fit(plain)
    ratio = times.sel(label_noise=1.0).values / times.sel(label_noise=0.0).values
    noisy, noisy_decayed = (model.test_accuracy.sel(label_noise=NOISY).values for model in (plain, decayed))
    rows = [
        of_mean("random labels: training accuracy", end.train_accuracy.sel(label_noise=1.0), least=FITTED),
        of_mean("random labels: test accuracy", end.test_accuracy.sel(label_noise=1.0), least=0.05, most=0.15),
        of_mean(
            "random labels, weight decay: training accuracy",
            decayed.train_accuracy.sel(label_noise=1.0).isel(time=-1),
            least=FITTED,
        ),
        of_mean("steps to fit random labels over those of true ones", ratio, least=1.0),
        of_mean("40% random: test accuracy gained by stopping early", stopped_early(noisy), least=0.0),
        of_mean("40% random, weight decay: the same", stopped_early(noisy_decayed)),
    ]
    fit, late = rows[0].value, rows[3].value
    seen = (
        f"A network of 9,610 weights fits {100 * fit:.1f}% of 512 random labels, and tells {100 * rows[1].value:.0f}% "
        f"of the test set; it takes {late:.1f} times the steps that true labels take. With 40% random labels stopping "
        f"early would gain {100 * rows[4].value:.0f} points of test accuracy, and {100 * rows[5].value:.0f} with decay."
    )
    return Finding(rows, _figure(plain, times), seen)


def steps_to_fit(model: xr.DataTree) -> xr.DataArray:
    """The first recorded step at which 99% of the training labels are told, (label_noise, replica); NaN if none is."""
    there = model.train_accuracy >= FITTED
    return model.step.where(there).min("time")


def stopped_early(accuracy: Array) -> Array:
    """Of each replica (replica, time) the accuracy at the time when the mean of the others is highest, less the last.

    The time is chosen by others: a maximum of one's own would be above the end by its noise alone.
    """
    others = (accuracy.sum(axis=0) - accuracy) / (len(accuracy) - 1)
    best = np.nanargmax(others, axis=1)
    result: Array = accuracy[np.arange(len(accuracy)), best] - accuracy[:, -1]
    return result


def _figure(plain: xr.DataTree, times: xr.DataArray) -> Figure:
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for number, noise in enumerate(plain.label_noise.values):
        of = plain.to_dataset().sel(label_noise=noise)
        seen = of.train_accuracy.mean("replica").dropna("time")
        left.semilogx(seen.step + 1, seen, color=f"C{number}", label=f"{100 * noise:.0f}%")
        seen = of.test_accuracy.mean("replica").dropna("time")
        middle.semilogx(seen.step + 1, seen, color=f"C{number}")
    left.set(title="training accuracy", xlabel="step + 1", ylim=(0, 1.03))
    left.legend(frameon=False, fontsize=8, handlelength=1.0, title="random labels", title_fontsize=8)
    middle.set(title="test accuracy", xlabel="step + 1", ylim=(0, 1.03))
    middle.axhline(0.1, color="0.5", linewidth=1, linestyle=":")
    error = times.std("replica", ddof=1) / np.sqrt(times.sizes["replica"])
    right.errorbar(times.label_noise, times.mean("replica"), error, fmt="o-", color="C0", capsize=3)
    right.set(title="steps until 99% are fitted", xlabel="share of random labels", ylim=(0, None))
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
