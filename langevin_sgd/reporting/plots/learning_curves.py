"""Loss and accuracy of a network along training."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import BLUE, VERMILLION, band, canvas, title


@figure(
    "Loss and accuracy along training: median over replicas and the band that holds 80% of them.",
    each_model("train_loss"),
    leads=3,
)
def learning_curves(subject: Subject) -> Figure:
    """Loss and accuracy on training and test data against the step: median over replicas, band from 10% to 90%."""
    figure = canvas(6.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _panel(upper, subject.model, "loss")
    _panel(lower, subject.model, "accuracy")
    upper.set_ylabel("loss, without weight decay")
    lower.set(xlabel="step", ylabel="accuracy")
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
    title(upper, "Loss and accuracy", subject)
    upper.legend(loc="best", title="median and 10–90% of replicas", alignment="left")
    return figure


def _panel(axes: Axes, model: xr.Dataset, quantity: str) -> None:
    step = model["step"].values
    later = step > 0
    for part, label, colour in (("train", "training", BLUE), ("test", "test", VERMILLION)):
        if f"{part}_{quantity}" in model:
            values = model[f"{part}_{quantity}"].values
            there = later & ~np.isnan(values).all(axis=0)  # where it was evaluated
            band(axes, step[there], values[:, there], colour, label)
    axes.set_xscale("log")
