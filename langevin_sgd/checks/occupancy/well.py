"""Mean and variance of the position in one well against those of each law, once the run is seen to have settled.

All replicas begin in one place. That they have forgotten it is seen by both halves of the window saying the same, and
by what the relaxation time leaves of the start, exp(-t/tau), where it is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_sgd.checks.occupancy.laws import OccupancyLaw
from langevin_sgd.checks.verdicts.labels import Fault, Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess, assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, Role

SEE_HALVES = "(see the agreement of the halves)"
_ORDER = [Verdict.DISAGREES, Verdict.INCONCLUSIVE, Verdict.AGREES]
_APART = "not equilibrated"
_LEFT = 0.25  # of the tolerance, that the start may still add to an average over the window


def well_rows(
    dataset: xr.Dataset, known: Sequence[OccupancyLaw], *, model: str, tolerance: float, confidence: float
) -> list[Comparison]:
    """Rows of one well, at one point of a scan; none for a dataset without `position_variance`.

    - `halves_agreement[x]`: the variance of the second half of the window over that of the first less one, or the mean
      less that of the first in standard deviations, whichever agrees less, within `tolerance`. Where it is not, the run
      is not equilibrated, which is no fault of a law: the row is inconclusive;
    - `position_mean[x]`: measured less predicted, within `tolerance` standard deviations of the law;
    - `position_variance[x]`: measured over predicted, within `tolerance`.

    Rows against laws have no verdict where the halves disagree, or where the relaxation time says that the start may
    still add more than a quarter of the tolerance. Where no relaxation time is known the halves alone tell, and must be
    shown to agree; where one is, their row is a contrast, for it takes four times the looks that the laws do. A law
    without an answer has no row here.
    """
    if "position_variance" not in dataset:
        return []
    rows: list[Comparison] = []
    for name in map(str, dataset["coordinate"].values):
        halves = _halves(dataset, name, tolerance, confidence)
        fault = _fault(dataset, halves, tolerance)
        role: Role = "contrast" if math.isfinite(_relaxation(dataset)) else "law"
        rows.append(_halves_row(halves, model, name, tolerance, fault, role))
        for law in known:
            rows += [
                row.spoiled(f"{fault} {SEE_HALVES}; {row.measured:.4g}, the law's {row.predicted:.4g}")
                if fault
                else row
                for row in _law_rows(dataset, law, model, name, tolerance, confidence)
            ]
    return rows


def unsettled(dataset: xr.Dataset, tolerance: float, confidence: float) -> str:
    """Why the walkers of one well are not known to be stationary, or nothing."""
    for name in map(str, dataset["coordinate"].values):
        fault = _fault(dataset, _halves(dataset, name, tolerance, confidence), tolerance)
        if fault:
            return f"{fault} {SEE_HALVES}"
    return ""


def _number(dataset: xr.Dataset, variable: str, name: str) -> float:
    return float(dataset[variable].sel(coordinate=name))


def _halves(dataset: xr.Dataset, name: str, tolerance: float, confidence: float) -> Assessment:
    """The change from half to half that is further off: of the mean or of the variance, each at half the doubt."""
    width = math.sqrt(max(_number(dataset, "position_variance", name), 0.0)) or math.nan
    level, dof = 0.5 + 0.5 * confidence, dataset.sizes["replica"] - 1
    mean = assess(
        _number(dataset, "position_mean_change", name) / width,
        _number(dataset, "position_mean_change_stderr", name) / width,
        dof=dof,
        band=Band(-tolerance, tolerance),
        confidence=level,
        name=f"mean of {name}, second half of the window less the first, in standard deviations:",
    )
    variance = assess_ratio(
        _number(dataset, "position_variance_change", name),
        _number(dataset, "position_variance_change_stderr", name),
        1.0,
        dof=dof,
        tolerance=tolerance,
        confidence=level,
        name=f"variance of {name}, second half of the window over the first",
    )
    less_one = {end: getattr(variance, end) - 1.0 for end in ("estimate", "low", "high")}
    return min(mean, replace(variance, **less_one), key=lambda each: _ORDER.index(each.verdict))


def _fault(dataset: xr.Dataset, halves: Assessment, tolerance: float) -> str:
    """Why there is no verdict on a law."""
    if halves.verdict is Verdict.DISAGREES:
        return _APART
    tau = _relaxation(dataset)
    begin, end = map(float, dataset["occupancy_window"].values)
    if math.isfinite(tau):
        left = math.exp(-begin / tau) * min(1.0, tau / (end - begin))
        if left > _LEFT * tolerance:
            needed = tau * math.log(1.0 / (_LEFT * tolerance))
            return (
                f"{_APART}: the relaxation time is {tau:.3g} and the window begins at t = {begin:.3g}, when "
                f"{left:.2g} of the start may be left in it; a burn_in to t = {needed:.3g} would do"
            )
    elif halves.verdict is not Verdict.AGREES:
        return "no relaxation time is known, and the halves of the window are not shown to agree"
    return ""


def _relaxation(dataset: xr.Dataset) -> float:
    """The relaxation time of the slowest mode; NaN if none is known."""
    tau = float(dataset["relaxation_time"]) if "relaxation_time" in dataset else math.nan
    return tau if tau > 0.0 and math.isfinite(tau) else math.nan


def _halves_row(halves: Assessment, model: str, name: str, tolerance: float, fault: str, role: Role) -> Comparison:
    apart = fault.startswith(_APART)
    row = Comparison.from_assessment(
        halves,
        model=model,
        quantity=Quantity(f"halves_agreement[{name}]", f"halves agree on {name}", {"coordinate": name}, (0, 5)),
        law="other half",
        role=role,
        measured=halves.estimate,
        standard_error=halves.stderr,
        predicted=0.0,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
        scale="difference",
    )
    return replace(row.spoiled(f"{fault}; {halves.reason}"), fault=Fault.NOT_EQUILIBRATED) if apart else row


def _law_rows(
    dataset: xr.Dataset, law: OccupancyLaw, model: str, name: str, tolerance: float, confidence: float
) -> list[Comparison]:
    if "position_variance_law" not in dataset:
        return []
    one = dataset.sel(law=law.name)
    mean, variance = (_number(one, f"position_{what}_law", name) for what in ("mean", "variance"))
    if not (math.isfinite(mean) and variance > 0.0):
        return []
    width, dof = math.sqrt(variance), dataset.sizes["replica"] - 1
    measured = {what: _number(dataset, f"position_{what}", name) for what in ("mean", "variance")}
    errors = {what: _number(dataset, f"position_{what}_stderr", name) for what in ("mean", "variance")}
    found = {
        "mean": assess(
            measured["mean"] - mean,
            errors["mean"],
            dof=dof,
            band=Band(-tolerance * width, tolerance * width),
            confidence=confidence,
            name=f"mean {measured['mean']:.4g} less the law's {mean:.4g}, whose standard deviation is {width:.3g}:",
        ),
        "variance": assess_ratio(
            measured["variance"],
            errors["variance"],
            variance,
            dof=dof,
            tolerance=tolerance,
            confidence=confidence,
            name="ratio of the variances",
        ),
    }
    return [
        Comparison.from_assessment(
            assessed.with_note(law.note),
            model=model,
            quantity=Quantity(
                f"position_{what}[{name}]",
                f"{what} of {name}",
                {"coordinate": name},
                (0, 5),
                said=f"the {what} of {name}",
            ),
            law=law.name,
            role="law" if law.exact else "contrast",
            measured=measured[what],
            standard_error=errors[what],
            predicted={"mean": mean, "variance": variance}[what],
            tolerance=tolerance * width if what == "mean" else tolerance,
            eigenvalues=np.empty(0),
            scale="difference" if what == "mean" else "ratio",
        )
        for what, assessed in found.items()
    ]
