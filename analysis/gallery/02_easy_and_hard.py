"""Real data has easy and hard examples, random data has not; borders lie closer to samples the more labels are noise.

python analysis/gallery/02_easy_and_hard.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, Row, of_difference, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main

CLAIM = Claim(
    name="easy_and_hard",
    title="Real data has easy and hard examples",
    source="Arpit et al. 2017",
    says="after one epoch the accuracies of single samples of real data differ far beyond chance, and those of random data "
    "less; networks on random labels have more critical samples, with another answer close by",
    expected="the spread over samples of their probability to be told, over the largest there can be at that accuracy, at "
    "least 0.5 for true labels and larger than for random ones; more critical samples at the end with random labels",
)
RESAMPLES = 1000

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """Spreads with intervals over samples, critical samples with intervals over replicas."""
    model = run["network"]
    shares = {float(noise): model.example_accuracy.sel(label_noise=noise).values[0] for noise in model.label_noise}
    replicas = model.sizes["replica"]
    drawn = {noise: _resampled(values, replicas) for noise, values in shares.items()}
    critical = model.critical_share.isel(critical_look=-1)
    rows = [
        _interval("true labels: spread of samples over the largest possible", drawn[0.0], least=0.5),
        _interval("random labels: the same", drawn[1.0]),
        _interval("true less random labels", drawn[0.0] - drawn[1.0], least=0.0),
        of_difference(
            "critical samples: random less true labels",
            critical.sel(label_noise=1.0),
            critical.sel(label_noise=0.0),
            least=0.0,
        ),
        of_mean("critical samples: true labels", critical.sel(label_noise=0.0)),
        of_mean("training accuracy after one epoch: true labels", shares[0.0]),
        of_mean("training accuracy after one epoch: random labels", shares[1.0]),
    ]
    more = rows[3].value + rows[4].value
    seen = (
        f"After one epoch samples differ by {100 * rows[0].value:.0f}% of the most they could with true labels, and by "
        f"{100 * rows[1].value:.0f}% with random ones. At the end {100 * more:.0f}% of samples are critical with random labels and "
        f"{100 * rows[4].value:.0f}% with true ones."
    )
    return Finding(rows, _figure(model, shares, critical), seen)


def relative_spread(shares: Array, replicas: int) -> float:
    """Standard deviation of samples' own probabilities over sqrt(q (1 - q)), which it is where all are 0 or 1."""
    q = float(shares.mean())
    own = float(((replicas * shares**2 - shares) / (replicas - 1)).mean()) - q**2
    return float(np.sqrt(max(own, 0.0) / (q * (1.0 - q))))


def _resampled(shares: Array, replicas: int) -> Array:
    generator = np.random.default_rng(0)
    picks = generator.integers(shares.size, size=(RESAMPLES, shares.size))
    return np.array([relative_spread(shares[pick], replicas) for pick in (np.arange(shares.size), *picks)])


def _interval(quantity: str, drawn: Array, *, least: float | None = None) -> Row:
    """The first is the estimate, the others are bootstrap resamples of the samples."""
    low, high = np.quantile(drawn[1:], [0.025, 0.975])
    return Row(quantity, float(drawn[0]), float(low), float(high), least)


def _figure(model: xr.DataTree, shares: dict[float, Array], critical: xr.DataArray) -> Figure:
    figure = Figure(figsize=(10.5, 3.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for noise, values in shares.items():
        left.plot(np.sort(values)[::-1], label=f"{100 * noise:.0f}% random")
    left.set(title="accuracy of each sample after one epoch", xlabel="sample, sorted", ylim=(-0.02, 1.03))
    left.legend(frameon=False, fontsize=8)
    for noise in model.label_noise.values:
        path = model.critical_share.sel(label_noise=noise)
        middle.semilogx(path.critical_step, path.mean("critical_replica"), ".-", label=f"{100 * noise:.0f}% random")
    middle.set(title="share of critical samples", xlabel="step")
    error = critical.std("critical_replica", ddof=1) / np.sqrt(critical.sizes["critical_replica"])
    right.errorbar(critical.label_noise, critical.mean("critical_replica"), error, fmt="o-", capsize=3)
    right.set(title="critical samples at the end", xlabel="share of random labels", ylim=(0, None))
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
