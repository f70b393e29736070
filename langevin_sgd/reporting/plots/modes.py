"""What the figures of the modes share: which modes are shown, means over similar ones, and the axis of the ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

from langevin_sgd.laws.cache import title_of
from langevin_sgd.laws.quadratic import own_law
from langevin_sgd.reporting.plots.figure import Subject
from langevin_sgd.reporting.plots.style import BAND, GREY, Array, Mask

BINS = 14
_FEW = 40
_WIDEST = 2.2


@dataclass(frozen=True)
class Modes:
    """The modes that have noise and a restoring force: what was measured, and what the own law predicts."""

    shown: Mask
    noise_free: int
    eigenvalue: Array
    measured: Array
    stderr: Array
    own: Array

    @classmethod
    def of(cls, model: xr.Dataset) -> Modes:
        """The modes of a model that has a stationary window."""
        noisy = model["noisy"].values.astype(bool)
        shown = noisy & (model["hessian_eigenvalue"].values > 0)
        names = ("hessian_eigenvalue", "mode_variance", "mode_variance_stderr", "mode_variance_predicted")
        return cls(shown, int((~noisy).sum()), *(model[name].values[shown] for name in names))

    @property
    def remark(self) -> str:
        """How many modes are left out, for the title."""
        return f"{self.noise_free} noise-free modes of {self.shown.size} left out" if self.noise_free else ""

    @property
    def marker_size(self) -> float:
        """Of a marker a mode: small where there are many."""
        return 2.6 if self.eigenvalue.size > _FEW else 6.0


class Binned(NamedTuple):
    """Means over modes that lie close together along x; one entry a bin."""

    x: Array
    mean: Array
    ratio: Array
    stderr: Array


def binned(x: Array, values: Array, stderr: Array, own: Array, bins: int = BINS) -> Binned:
    """Mean of `values`, and ratio of their sum to that of `own` with its standard error, in logarithmic bins of x > 0.

    The ratio is that of the sums, so that no mode is weighted by its own noise; errors of modes are independent.
    """
    if not x.size:
        return Binned(x, x, x, x)
    edges = np.geomspace(x.min() * (1 - 1e-12), x.max() * (1 + 1e-12), min(bins, x.size) + 1)
    index = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, edges.size - 2)
    rows = [
        (
            np.exp(np.log(x[chosen]).mean()),
            values[chosen].mean(),
            values[chosen].sum() / own[chosen].sum(),
            np.sqrt((stderr[chosen] ** 2).sum()) / own[chosen].sum(),
        )
        for chosen in (index == number for number in range(edges.size - 1))
        if chosen.any()
    ]
    return Binned(*np.array(rows).T)


def laws(model: xr.Dataset) -> list[str]:
    """The laws that say something of a model's modes, the process's own first."""
    told = [str(law) for law in model["law"].values if model["mode_variance_law"].sel(law=law).notnull().any()]
    return sorted(told, key=lambda law: law != own_law(model))


def law_label(law: str, model: xr.Dataset) -> str:
    """The law as the legend calls it, with sampling spelt out where epochs were run."""
    with_replacement = law == "discrete" and model.attrs.get("law") == "epoch"
    return "discrete law, with replacement" if with_replacement else f"{title_of(law, model)} law"


def ratio_axis(axes: Axes, subject: Subject, measured: Array, contrast: Array) -> None:
    """Centre the ratio to the own law on 1, wide enough for what was measured and for a contrast not far off."""
    logarithms = np.abs(np.log(measured[np.isfinite(measured) & (measured > 0)]))
    close = np.abs(np.log(contrast[contrast > 0]))
    widest = max(logarithms.max(initial=0.0), close[close < np.log(_WIDEST)].max(initial=0.0))
    reach = float(np.clip(np.exp(1.3 * widest), 1.25, _WIDEST))
    tolerance = subject.criterion("equilibrium", "tolerance")
    label = f"within {tolerance:.3g}" if tolerance < 0.01 else f"within {tolerance:.0%}"
    axes.axhspan(1 - tolerance, 1 + tolerance, color=BAND, zorder=0, label=label)
    axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=1)
    claimed = law_label(own_law(subject.model), subject.model)
    axes.set(xscale="log", yscale="log", ylim=(1 / reach, reach), ylabel=f"ratio to the\n{claimed}")
    ticks = (0.5, 0.7, 1.0, 1.4, 2.0) if reach > 1.6 else (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if 1 / reach <= tick <= reach]))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%.1f"))
    axes.yaxis.set_minor_formatter(NullFormatter())
