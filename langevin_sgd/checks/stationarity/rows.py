"""Whether |w|^2 stands still: layer by layer, in the last windows of a training.

The verdict of the whole is an intersection: stationary if the interval of every layer in every window lies inside the
tolerance, which needs no correction for their number, and not stationary if one lies outside at a confidence that is
corrected for it (Bonferroni). Both rules hold however layers and windows are correlated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.stationarity.config import StationarityCheck
from langevin_sgd.checks.verdicts.labels import Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, Role

Array = NDArray[np.float64]

LAW = "weights at rest"
NECESSARY = "necessary for equilibrium, not sufficient"
STATIONARY = Quantity(
    "stationarity",
    "|w|² of every layer",
    ranks=(0, 1),
    said=Said(
        "|w|² of every layer stands still",
        "|w|² of some layer does not stand still",
        "whether |w|² of every layer stands still is open",
        "balance furthest from 1,",
    ),
)
TOTAL = Quantity("norm_balance_total", "|w|² of all layers together", ranks=(2, 2))
FULL_GRADIENT = Quantity("gradient_balance_total", "w·∇E over its noise", ranks=(2, 2))


def rows(judged: Judged, check: StationarityCheck) -> list[Comparison]:
    """The comparisons of one network at every point of a scan."""
    return [
        replace(row, point=label)
        for label, point in judged.points()
        for row in stationarity(point, judged.name, check.tolerance, check.windows, check.confidence)
    ]


def remark(point: xr.Dataset, check: StationarityCheck) -> str:
    """What rows of other checks are told of this network; nothing of one that the probe did not watch."""
    if "norm_balance" not in point:
        return ""
    found, worst = conclusion(parts(point, check.windows), check.tolerance, check.confidence, check.windows)
    told = f"{worst.called} at {found.estimate:.4g}" if worst else "too few windows"
    return {
        Verdict.AGREES: f"|w|² of every layer stands still ({NECESSARY})",
        Verdict.DISAGREES: f"the weights are not stationary: |w|² {told} of balance",
        Verdict.INCONCLUSIVE: f"whether |w|² of every layer stands still is not told: {told} of balance",
    }[found.verdict]


@dataclass(frozen=True)
class Part:
    """Y of one layer in one window, (replica,); of all layers together if it has no name."""

    layer: str
    first: int
    last: int
    values: Array

    @property
    def called(self) -> str:
        """In words."""
        return f"{f'of layer {self.layer} ' if self.layer else ''}in steps {self.first} to {self.last}"

    def assess(self, tolerance: float, confidence: float) -> Assessment:
        """Against 1, by Student's interval over replicas."""
        replicas = self.values.size
        stderr = float(self.values.std(ddof=1)) / math.sqrt(replicas) if replicas > 1 else math.nan
        return assess(
            float(self.values.mean()),
            stderr,
            dof=replicas - 1,
            band=Band(1.0 - tolerance, 1.0 + tolerance),
            confidence=confidence,
            name="balance",
            cure="replicas, or steps,",
        )


def parts(point: xr.Dataset, windows: int) -> list[Part]:
    """Every layer in each of the last windows; none if there are fewer."""
    if point.sizes["window"] < windows:
        return []
    balance = _values(point["norm_balance"].transpose("layer", "window", "replica"))
    names, ends = point["layer"].values.tolist(), _ends(point)
    return [
        Part(str(name), *ends[window], balance[place, window])
        for window in range(len(ends) - windows, len(ends))
        for place, name in enumerate(names)
    ]


def conclusion(each: list[Part], tolerance: float, confidence: float, windows: int) -> tuple[Assessment, Part | None]:
    """The verdict of all of them, with the numbers of the one whose interval reaches furthest from 1, which is told."""
    if not each:
        return inconclusive(math.nan, math.nan, f"there are fewer than {windows} windows; record more"), None
    found = [part.assess(tolerance, confidence) for part in each]
    strict = 1.0 - (1.0 - confidence) / len(each)
    moves = [part.assess(tolerance, strict).verdict is Verdict.DISAGREES for part in each]
    if any(moves):
        verdict = Verdict.DISAGREES
    elif all(one.verdict is Verdict.AGREES for one in found):
        verdict = Verdict.AGREES
    else:
        verdict = Verdict.INCONCLUSIVE
    reach = [max(abs(one.low - 1.0), abs(one.high - 1.0)) for one in found]
    considered = np.flatnonzero(moves) if any(moves) else np.arange(len(each))
    place = max(considered.tolist(), key=lambda at: math.inf if math.isnan(reach[at]) else reach[at])
    worst = found[place]
    among = f" ({len(each) // windows} layers, the last {windows} windows)"
    p_value = min(1.0, len(each) * min(one.p_value for one in found))
    reason = f"furthest from 1{among}: {each[place].called}: {worst.reason}; {NECESSARY}"
    return worst.because(verdict, p_value, reason), each[place]


def stationarity(point: xr.Dataset, model: str, tolerance: float, windows: int, confidence: float) -> list[Comparison]:
    """All comparisons of one network; none without the probe's `norm_balance`.

    - `stationarity`: all layers in the last `windows` windows, by the worst of them; the row that is claimed first;
    - `norm_balance[LAYER,FIRST-LAST]`: each of these alone;
    - contrasts: `norm_balance_total`, the same of all layers together, which layers that grow and layers that shrink
      may pass together, and `gradient_balance_total`, with the gradient of the whole energy, if that was taken. It is
      no identity but physics: epochs, whose minibatches remember each other, are off 1 in equilibrium.
    """
    if "norm_balance" not in point:
        return []
    each = parts(point, windows)
    row = partial(_row, model, tolerance)
    found, _ = conclusion(each, tolerance, confidence, windows)
    made = [row(STATIONARY, found)]
    for part in each:
        made.append(row(_alone(part), part.assess(tolerance, confidence).with_note(NECESSARY)))
    if each and point.sizes["layer"] > 1:
        made += [row(*one, role="contrast") for one in _totals(point, windows, tolerance, confidence)]
    if "gradient_balance_total" in point:
        part = Part("", *_ends(point)[-1], _values(point["gradient_balance_total"]))
        told = part.assess(tolerance, confidence).with_note("with the gradient of the whole energy")
        made.append(row(FULL_GRADIENT, told, role="contrast"))
    return made


def _totals(
    point: xr.Dataset, windows: int, tolerance: float, confidence: float
) -> Iterator[tuple[Quantity, Assessment]]:
    total, ends = _values(point["norm_balance_total"].transpose("window", "replica")), _ends(point)
    for window in range(len(ends) - windows, len(ends)):
        part = Part("", *ends[window], total[window])
        name = f"{TOTAL.name}[{part.first}-{part.last}]"
        about = {"first": part.first, "last": part.last}
        told = part.assess(tolerance, confidence).with_note("layers that grow and that shrink may pass together")
        yield replace(TOTAL, name=name, about=about), told


def _alone(part: Part) -> Quantity:
    about: dict[str, str | float] = {"layer": part.layer, "first": part.first, "last": part.last}
    return Quantity(
        f"norm_balance[{part.layer},{part.first}-{part.last}]",
        f"|w|² {part.called}",
        about,
    )


def _row(model: str, tolerance: float, quantity: Quantity, assessed: Assessment, *, role: Role = "law") -> Comparison:
    return Comparison.from_assessment(
        assessed, model=model, quantity=quantity, law=LAW, law_title=LAW, role=role, measured=assessed.estimate,
        standard_error=assessed.stderr, predicted=1.0, tolerance=tolerance, eigenvalues=np.empty(0),
    )  # fmt: skip


def _ends(point: xr.Dataset) -> list[tuple[int, int]]:
    return list(
        zip(*(point[name].values.astype(int).tolist() for name in ("window_first", "window_last")), strict=True)
    )


def _values(variable: xr.DataArray) -> Array:
    return np.asarray(variable.values, dtype=np.float64)
