"""Low frequencies are learnt first, in a time that grows as k^2; clipped weights bound the highest that is learnt.

python analysis/gallery/04_spectral_bias.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from numpy.typing import NDArray
from running import main
from scipy import stats

CLAIM = Claim(
    name="spectral_bias",
    title="Low frequencies are learnt first",
    source="Rahaman et al. 2019; Basri et al. 2019",
    says="on a circle the time to learn the wave k grows as k^2; small weights cannot make high frequencies",
    expected="the time until a wave has lost 30% of its amplitude grows as k^p, p within 0.3 of 2, fitted over k = 3 "
    "to 8; the number of waves learnt to half grows with the bound K of the weights: rank correlation at least 0.9",
)
LEFT, LEARNT = 0.7, 0.5

Array = NDArray[np.float64]


def found(run: xr.DataTree) -> Finding:
    """The exponent of each replica, and the rank correlation of K with the number of waves learnt."""
    wide, clipped = run["wide"], run["clipped"]
    left = wide.error_amplitude / wide.target_amplitude
    times = steps_to(left, LEFT)
    k = wide.frequency.values
    slopes = [np.polyfit(np.log(k), np.log(of), 1)[0] for of in times]
    limit = limit_eigenvalues(k.astype(int))
    learnt = ((clipped.error_amplitude / clipped.target_amplitude).isel(error_look=-1) < LEARNT).sum("frequency")
    bound = clipped.clip_weights.values
    ranks = [float(stats.spearmanr(bound, of).statistic) for of in learnt.transpose("replica", "clip_weights").values]
    rows = [
        of_mean("exponent p of the time to learn wave k", slopes, least=1.7, most=2.3),
        of_mean("the same of the kernel's limit at infinite width", [-np.polyfit(np.log(k), np.log(limit), 1)[0]] * 2),
        of_mean("rank correlation of K and waves learnt", ranks, least=0.9),
        of_mean(f"waves learnt, of 8, at K = {bound[0]:g}", learnt.isel(clip_weights=0)),
        of_mean(f"waves learnt, of 8, at K = {bound[-1]:g}", learnt.isel(clip_weights=-1)),
    ]
    first, limited = rows[:2]
    seen = (
        f"Waves are learnt in the order of their number, in times that grow as k^{first.value:.2f} [{first.low:.2f}, "
        f"{first.high:.2f}] at width 1,024: the kernel changes meanwhile, and its limit at infinite width would "
        f"give {limited.value:.2f} over these k. With weights clipped at {bound[0]:g} the network learns "
        f"{rows[3].value:.1f} of 8 waves, at {bound[-1]:g} {rows[4].value:.1f}."
    )
    return Finding(rows, _figure(left, times, limit, clipped), seen)


def steps_to(left: xr.DataArray, level: float) -> Array:
    """When an amplitude falls to a level, (replica, frequency), between looks as its logarithm goes; NaN if never."""
    step, result = (
        left.error_step.values.astype(float),
        np.full((left.sizes["replica"], left.sizes["frequency"]), np.nan),
    )
    for replica, frequency in np.ndindex(result.shape):
        path = np.log(left.isel(replica=replica, frequency=frequency).values / level)
        below = np.flatnonzero(path < 0)
        if below.size and below[0] > 0:
            last = below[0]
            share = path[last - 1] / (path[last - 1] - path[last])
            result[replica, frequency] = step[last - 1] + share * (step[last] - step[last - 1])
    return result


def limit_eigenvalues(k: NDArray[np.int64], points: int = 4096) -> Array:
    """Eigenvalues of the neural tangent kernel at infinite width: one hidden layer of ReLU, biases as large as weights.

    z = w.x/sqrt(2) + b has variance q = 3/2 on the circle, and the kernel is E h h' + 1 + E 1 1' (cos t/2 + 1).
    """
    turn = 2 * np.pi * np.arange(points) / points
    q, between = 1.5, 0.5 * np.cos(turn) + 1.0
    angle = np.arccos(np.clip(between / q, -1, 1))
    outputs = q * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    kernel = outputs + 1.0 + (np.pi - angle) / (2 * np.pi) * between
    result: Array = np.fft.rfft(kernel).real[k] / points
    return result


def _figure(left: xr.DataArray, times: Array, limit: Array, clipped: xr.DataTree) -> Figure:
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    for k in left.frequency.values:
        first.semilogx(left.error_step, left.sel(frequency=k).mean("replica"), label=f"k = {k:g}")
    first.axhline(LEFT, color="0.5", linewidth=1, linestyle=":")
    first.set(title="amplitude left of each wave", xlabel="step", ylim=(0, 1.05))
    first.legend(frameon=False)
    k, mean = left.frequency.values, times.mean(axis=0)
    second.errorbar(k, mean, times.std(axis=0, ddof=1) / np.sqrt(len(times)), fmt="o", capsize=3, label="measured")
    second.plot(k, mean[0] * (k / k[0]) ** 2, "--", color="0.4", label="k^2")
    second.plot(k, mean[0] * limit[0] / limit, ":", color="C1", label="infinite width")
    second.set(title="steps to lose 30% of it", xlabel="k", xscale="log", yscale="log")
    second.set_xticks(k, [f"{each:g}" for each in k])
    second.minorticks_off()
    second.legend(frameon=False)
    end = (clipped.error_amplitude / clipped.target_amplitude).isel(error_look=-1).mean("replica")
    for bound in end.clip_weights.values:
        third.plot(end.frequency, end.sel(clip_weights=bound), "o-", label=f"K = {bound:g}")
    third.set(title="left at the end, weights in [-K, K]", xlabel="k", ylim=(0, 1.05))
    third.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
