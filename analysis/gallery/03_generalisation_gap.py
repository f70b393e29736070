"""Large batches generalise worse; a larger step, ghost batches and more updates close the gap.

python analysis/gallery/03_generalisation_gap.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_difference, of_mean
from matplotlib.figure import Figure
from running import main

CLAIM = Claim(
    name="generalisation_gap",
    title="The generalisation gap of large batches, and what closes it",
    source="Keskar et al. 2017; Hoffer, Hubara and Soudry 2017",
    says="at equal epochs large batches generalise worse; with the learning rate times the root of the ratio of batch sizes, "
    "ghost batches, and as many updates, the gap vanishes",
    expected="test accuracy of B = 16 above that of B = 240 at the same learning rate and epochs; with the root and as many "
    "updates within 1% of it. On digits one may not be able to tell",
)
TITLES = {
    "small": "B = 16",
    "large": "B = 240, equal epochs",
    "large_root": "the same, eta times the root",
    "large_linear": "the same, eta times the ratio",
    "large_longer": "B = 240, equal updates",
    "large_root_longer": "the same, eta times the root",
    "normalised_small": "batch normalisation, B = 16",
    "normalised_large": "batch normalisation, B = 240, root, equal updates",
    "ghost_large": "ghost batches of 16, B = 240, root, equal updates",
}


def found(run: xr.DataTree) -> Finding:
    """Differences of test accuracy at the end, over independent replicas."""
    accuracy = {name: run[name].test_accuracy.isel(time=-1).values for name in TITLES}
    small = accuracy["small"]
    rows = [
        of_difference("B = 16 less B = 240: equal eta and epochs", small, accuracy["large"], least=0.0),
        of_difference("root, equal updates", small, accuracy["large_root_longer"], least=-0.01, most=0.01),
        of_difference("root, equal epochs", small, accuracy["large_root"]),
        of_difference("linear, equal epochs", small, accuracy["large_linear"]),
        of_difference("equal eta, equal updates", small, accuracy["large_longer"]),
        of_difference(
            "ghost batches less whole ones, root, equal updates", accuracy["ghost_large"], accuracy["normalised_large"]
        ),
        of_mean("test accuracy of B = 16", small),
    ]
    train = {name: float(run[name].train_loss.isel(time=-1).mean()) for name in TITLES}
    seen = (
        f"Over as many epochs batches of 240 tell {100 * rows[0].value:.1f}% fewer test digits than batches of 16, at a training "
        f"loss of {train['large']:.2f} against {train['small']:.3f}: they are not trained yet. After as many updates with the "
        f"root the difference is {100 * rows[1].value:.2f}% [{100 * rows[1].low:.2f}, {100 * rows[1].high:.2f}]."
    )
    return Finding(rows, _figure(accuracy), seen)


def _figure(accuracy: dict[str, np.ndarray]) -> Figure:
    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(TITLES):
        values = accuracy[name]
        axes.plot(values, np.full(values.size, -place), ".", color="0.75", zorder=1)
        error = values.std(ddof=1) / np.sqrt(values.size)
        axes.errorbar(values.mean(), -place, xerr=error, fmt="o", color=f"C{place % 10}", capsize=3, zorder=2)
    axes.set_yticks([-place for place in range(len(TITLES))], list(TITLES.values()))
    axes.axvline(accuracy["small"].mean(), color="0.4", linewidth=1, linestyle=":")
    axes.set(xlabel="test accuracy at the end: replicas, mean and standard error")
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
