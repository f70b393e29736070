"""A figure: how often walkers turn."""

from matplotlib.figure import Figure

from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import canvas


@figure("How often each walker turned.", each_model("turns"))
def turn_histogram(subject: Subject) -> Figure:
    """The distribution over walkers."""
    made = canvas(4.0)
    axes = made.subplots()
    axes.hist(subject.model["turns"].values, bins=12)
    axes.set(xlabel="fraction of steps that turn", ylabel="walkers")
    return made
