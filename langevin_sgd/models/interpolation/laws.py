"""The laws of SGD on a line through two minima: the exact chain, and the diffusions that are meant to replace it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from langevin_sgd.laws import Law, NoAnswer, Point

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from langevin_sgd.models.interpolation.line_process import LineProcess

_PROCESS = "langevin_sgd.models.interpolation.line_process:LineProcess"
_SOURCE = "the stored line: E(s), its slope and the variance C(s) of its per-sample slopes"
_SUM = 1e-9  # by which probabilities may miss one for rounding


def _kept(point: Point) -> dict[str, ArrayLike]:
    """The answer that the run left, since per-sample slopes are not stored; its probabilities add up to one."""
    mine = point.data.sel(law="chain") if "law" in point.data.coords and "chain" in point.data["law"].values else None
    if mine is None:
        raise NoAnswer("the run has left no answer of the chain, and it cannot be solved without per-sample slopes")
    shares, density = mine["mean_occupancy_law"].values.copy(), mine["density_law"].values.copy()
    total = float((density[:, 0] * np.diff(point.data["x_edge"].values)).sum())
    if abs(shares.sum() - 1.0) > _SUM:
        shares = shares / shares.sum()
    if total > 1.0 + _SUM:
        density = density / total
    return {
        "mean_occupancy": shares, "relaxation_time_law": mine["relaxation_time_law"].values, "density": density,
    }  # fmt: skip


def _note_kept(point: Point) -> str:
    return str(point.data["law_note"].sel(law="chain").values)


def _twin_says(point: Point) -> dict[str, ArrayLike]:
    return _says(point, "twin")


def _ito_says(point: Point) -> dict[str, ArrayLike]:
    return _says(point, "ito")


def _boltzmann_says(point: Point) -> dict[str, ArrayLike]:
    return {**_says(point, "boltzmann"), "relaxation_time_kramers": point.process.kramers()}


def _says(point: Point, law: str) -> dict[str, ArrayLike]:
    process: LineProcess = point.process
    return process.answers[law].observables(process.split, process.cells)


def _note(law: str) -> Callable[[Point], str]:
    return lambda point: point.process.answers[law].note


def _claimed(point: Point) -> bool:
    return True


CHAIN = Law(
    name="chain", title="exact chain", source="stationary vector of the map of minibatch SGD on the line", version=1,
    predict=_kept, process=_PROCESS, exact_for=_claimed, note=_note_kept, kept=True, line=("purple", "solid"),
    said="the exact chain",
)  # fmt: skip
TWIN = Law(
    name="twin", title="Langevin twin", source=_SOURCE, version=1, predict=_twin_says, process=_PROCESS,
    note=_note("twin"), line=("orange", "dash-dot"), said="its Langevin twin",
)  # fmt: skip
ITO = Law(
    name="ito", title="Itô, measured E, C", source=_SOURCE, version=1, predict=_ito_says, process=_PROCESS,
    note=_note("ito"), line=("blue", "dashed"), said="Itô's equation with the measured E and C",
)  # fmt: skip
BOLTZMANN = Law(
    name="boltzmann", title="Boltzmann", source=_SOURCE, version=1, predict=_boltzmann_says, process=_PROCESS,
    note=_note("boltzmann"), line=("green", "dotted"), said="Boltzmann's law",
)  # fmt: skip
