"""One training against all that is said of it: its variance over that of every law and of every twin."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter, NullLocator

from langevin_sgd.checks.modes import eigenvalue_bins
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.two_ensembles import MeanOverReplicas, assess_ratio_of_two
from langevin_sgd.reporting.plots.figure import Results, Subject, figure, has, same_process
from langevin_sgd.reporting.plots.modes import law_label
from langevin_sgd.reporting.plots.style import BAND, GREY, INK, Array, Mask, canvas, law_line, model_look, title

_BINS = 8
_TWIN = "time_step_fraction"
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_CLOSE_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
_WIDEST = 2.0  # of the axis of bins: what is further off than that is told of
_MARKERS = ("o", "d", "<", ">", "p", "h", "*")
_FULL = 0.95  # of the intervals


def _with_twins(results: Results) -> dict[str, Subject]:
    """Of every network in a stationary window that has twins beside it."""
    windows = {
        name: model for name, model in results.single.items() if has(model, "mode_variance", "mode_variance_law")
    }
    twins = {name: model for name, model in windows.items() if _TWIN in model}
    found = {}
    for name in windows.keys() & results.trained.keys() - twins.keys():
        beside = {other: model for other, model in twins.items() if same_process(windows[name], model)}
        if beside:
            found[name] = results.subject(name, windows[name], beside)
    return found


@dataclass(frozen=True)
class _Theory:
    """One theory: what is over it in all modes and in bins of them, each as (ratio, low, high)."""

    label: str
    colour: str
    marker: str
    total: Array
    bins: Array


@figure(
    "Variance of SGD about its minimum over what each theory says, with 95% intervals: in all modes, and in bins of "
    "modes with similar eigenvalue. A theory that holds lies at 1. Laws take H and C from the minimum; a twin is run, "
    "and its errors are in the intervals.",
    _with_twins,
    leads=1,
)
def theories(subject: Subject) -> Figure:
    """The total above, a line a theory; the bins below, against the eigenvalue."""
    trained = StationaryWindow.from_dataset(subject.model)
    assert trained is not None
    masks = eigenvalue_bins(trained.eigenvalue, trained.noisy, _BINS)
    said = list(_theories(subject, trained, masks))
    figure = canvas(4.2 + 0.33 * len(said))
    upper, lower = figure.subplots(2, 1, height_ratios=[0.33 * len(said) + 0.4, 3.0])
    tolerance = subject.criterion("twin", "tolerance")
    upper.axvspan(1 - tolerance, 1 + tolerance, color=BAND, zorder=0)
    lower.axhspan(1 - tolerance, 1 + tolerance, color=BAND, zorder=0, label=f"within {tolerance:.0%}")
    eigenvalue = [float(np.exp(np.log(trained.eigenvalue[modes]).mean())) for modes in masks]
    for place, theory in enumerate(said):
        ratio, low, high = theory.total
        look = {"color": theory.colour, "fmt": theory.marker, "elinewidth": 1.4, "capsize": 2.5}
        upper.errorbar([ratio], [place], xerr=[[ratio - low], [high - ratio]], markersize=6, **look)
        upper.annotate(
            f"{ratio:.3f}",
            (ratio, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
        middle, below, above = theory.bins.T
        lower.errorbar(eigenvalue, middle, yerr=[middle - below, above - middle], markersize=4, alpha=0.9, **look)
        lower.plot(eigenvalue, middle, color=theory.colour, linewidth=0.8, alpha=0.6)
    upper.axvline(1.0, color=GREY, linewidth=0.8)
    lower.axhline(1.0, color=GREY, linewidth=0.8)
    upper.set(xscale="log", ylim=(len(said) - 0.4, -0.9), xlabel="total variance of SGD over that of the theory")
    upper.set_yticks(range(len(said)), [theory.label for theory in said])
    upper.set_ylabel("theory")
    lower.set(
        xscale="log",
        yscale="log",
        xlabel="eigenvalue of the Hessian",
        ylabel="variance of SGD over\nthat of the theory",
    )
    close = np.concatenate([theory.bins for theory in said])
    reach = float(np.exp(1.15 * np.abs(np.log(close[(close > 1 / _WIDEST) & (close < _WIDEST)])).max(initial=0.1)))
    lower.set_ylim(1 / reach, reach)
    far = [theory.label for theory in said if (np.abs(np.log(theory.bins[:, 0])) > np.log(reach)).any()]
    if far:
        note = f"{', '.join(far)}: in part beyond these axes"
        lower.text(0.99, 0.02, note, transform=lower.transAxes, ha="right", fontsize=9, color=GREY)
    for axis, ticks in ((upper.xaxis, _TICKS), (lower.yaxis, _CLOSE_TICKS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(NullFormatter())
    title(upper, "SGD over every theory of it", subject)
    lower.legend(loc="best")
    return figure


def _theories(subject: Subject, trained: StationaryWindow, masks: list[Mask]) -> Iterator[_Theory]:
    every = np.ones(trained.noisy.shape, dtype=np.bool_)
    markers = itertools.cycle(_MARKERS)  # laws may share a colour
    for law, variances in trained.laws.items():
        if not np.isfinite(variances[trained.noisy]).all():
            continue
        over = [_over_law(trained, variances, modes) for modes in (every, *masks)]
        colour = law_line(law)["color"]
        yield _Theory(law_label(law, subject.model), colour, next(markers), np.array(over[0]), np.array(over[1:]))
    for place, (name, model) in enumerate(subject.others.items()):
        twin = StationaryWindow.from_dataset(model)
        assert twin is not None
        over = [_over_twin(trained, twin, modes) for modes in (every, *masks)]
        colour, marker = model_look(place)
        yield _Theory(_called(name, model), colour, marker, np.array(over[0]), np.array(over[1:]))


def _called(name: str, twin: xr.Dataset) -> str:
    return f"{name}, step {float(twin[_TWIN]):g} η"


def _over_law(trained: StationaryWindow, variances: Array, modes: Mask) -> tuple[float, float, float]:
    measured, stderr = trained.summed_variance(modes)
    found = assess_ratio(
        measured, stderr, float(variances[modes].sum()), dof=trained.replicas - 1, tolerance=0.5, confidence=_FULL,
        name="ratio",
    )  # fmt: skip
    return found.estimate, found.low, found.high


def _over_twin(trained: StationaryWindow, twin: StationaryWindow, modes: Mask) -> tuple[float, float, float]:
    sides = [MeanOverReplicas(*each.summed_variance(modes), each.replicas) for each in (trained, twin)]
    found, _ = assess_ratio_of_two(*sides, tolerance=0.5, confidence=_FULL, name="ratio", cure="replicas")
    return found.estimate, found.low, found.high
