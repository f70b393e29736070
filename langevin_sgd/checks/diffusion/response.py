"""Rows of a training beside linear response about its noise-free path: drift over control, spread over tangent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy

from langevin_sgd.checks.diffusion.evidence import COLD, LATE, SETTLED, WARM, Evidence
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess, assess_ratio, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, Role

DRIFT_TOLERANCE, WARM_DRIFT_TOLERANCE = 0.01, 0.02
SPREAD_TOLERANCE, WARM_SPREAD_TOLERANCE = 0.05, 0.10
EXPONENT_TOLERANCE = 0.15

_CONTROL, _RESPONSE = "zero-temperature control", "linear response"
_HEAT_ROUNDING = 1.0 + 1e-9


def response_rows(evidence: Evidence, *, model: str, confidence: float) -> list[Comparison]:
    """`drift_over_control` and `spread_over_tangent` at the last times at which they are claimed, and at the last ones.

    Claimed are: the drift from an effective time of 31 on, within 1% for learning rate / batch size up to that of 64
    samples at 0.1, within 2% up to that of 16; the spread within 5% up to that of 64 samples, within 10% up to that of
    16 until an effective time of 300. Both while learning rate x largest eigenvalue of the control stays below 1.9, the
    spread where the loss is smooth. At other times and temperatures the rows are contrasts.
    """
    cold, warm = (evidence.heat <= bound * _HEAT_ROUNDING for bound in (COLD, WARM))
    end = evidence.last()
    if end is None:
        return []
    rows = []
    settled = evidence.time[end] >= SETTLED
    tolerance = DRIFT_TOLERANCE if cold else WARM_DRIFT_TOLERANCE
    role: Role = "law" if warm and settled else "contrast"
    rows.append(_row(evidence, end, "drift_over_control", tolerance, role, model=model, confidence=confidence))
    covered = end if cold else evidence.last(LATE)
    tolerance = SPREAD_TOLERANCE if cold else WARM_SPREAD_TOLERANCE
    for at in dict.fromkeys(place for place in (covered, end) if place is not None):
        role = "law" if warm and at == covered else "contrast"
        rows.append(_row(evidence, at, "spread_over_tangent", tolerance, role, model=model, confidence=confidence))
    return rows


def _row(
    evidence: Evidence, at: int, quantity: str, tolerance: float, role: Role, *, model: str, confidence: float
) -> Comparison:
    drift = quantity == "drift_over_control"
    values, errors = (evidence.drift, evidence.drift_stderr) if drift else (evidence.ratio, evidence.ratio_stderr)
    time = float(evidence.time[at])
    assessed = assess_ratio(
        float(values[at]),
        float(errors[at]),
        1.0,
        dof=evidence.replicas - 1,
        tolerance=tolerance,
        confidence=confidence,
        name="squared drift over the control's" if drift else "spread over that of linear response",
        cure="replicas",
    )
    left_out = f"linear response leaves out {evidence.residual[at]:.3g} of the squared deviations"
    title = "drift over control" if drift else "spread over linear response"
    row = Comparison.from_assessment(
        assessed if drift else assessed.with_note(left_out),
        model=model,
        quantity=Quantity(
            f"{quantity}[t={time:.4g}]", f"{title}, t = {time:.4g}", {"effective_time": time}, (0, 3), said=title
        ),
        law=_CONTROL if drift else _RESPONSE,
        law_said=f"the {_CONTROL}" if drift else _RESPONSE,
        role=role,
        measured=float(values[at]),
        standard_error=float(errors[at]),
        predicted=1.0,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
    )
    return row.spoiled(evidence.unfit(at, smooth=not drift) if role == "law" else "")


def residual_row(points: Sequence[Evidence], *, model: str, confidence: float) -> Comparison | None:
    """The exponent of what linear response leaves out in the temperature, 1 to lowest order, from the points of a scan.

    At the last effective time that all have reached, 300 at most, from points at which linear theory is claimed; None
    without two temperatures among them. Least squares of logarithms, with the errors of the points. Where points differ
    in their learning rate, and so in more than temperature, it is a contrast.
    """
    fit = [each for each in points if each.heat <= WARM * _HEAT_ROUNDING and each.last(LATE) is not None]
    if len({round(math.log(each.heat), 6) for each in fit}) < 2:
        return None
    shared = min(float(each.time[each.last(LATE) or 0]) for each in fit)
    places = [_nearest(each, shared) for each in fit]
    spoilt = next((why for each, at in zip(fit, places, strict=True) if (why := each.unfit(at, smooth=True))), "")
    heat, left, error = (
        np.array(values)
        for values in zip(
            *(
                (math.log(each.heat), each.residual[at], each.residual_stderr[at])
                for each, at in zip(fit, places, strict=True)
            ),
            strict=True,
        )
    )
    name = "exponent of what linear response leaves out in the temperature"
    dof = min(each.replicas for each in fit) - 1
    if not (np.isfinite(left) & (left > 0.0) & np.isfinite(error) & (error > 0.0)).all():
        assessed = inconclusive(math.nan, math.nan, f"{name}: it is lost in rounding; take more steps or less samples")
    else:
        weight = (left / error) ** 2
        centred = heat - np.average(heat, weights=weight)
        information = float((weight * centred**2).sum())
        exponent = float((weight * centred * np.log(left)).sum()) / information
        assessed = assess(
            exponent,
            information**-0.5,
            dof=dof,
            band=Band(1.0 - EXPONENT_TOLERANCE, 1.0 + EXPONENT_TOLERANCE),
            confidence=confidence,
            name=name,
            cure="replicas",
        )
    told = f"at effective time {shared:.4g}, of {len(fit)} points: " + ", ".join(f"{value:.3g}" for value in left)
    row = Comparison.from_assessment(
        assessed.with_note(told),
        model=model,
        quantity=Quantity("tangent_residual_exponent", "exponent in T of the rest", {"effective_time": shared}, (0, 3)),
        law=_RESPONSE,
        role="law" if len({each.rate for each in fit}) == 1 else "contrast",
        measured=assessed.estimate,
        standard_error=assessed.stderr,
        predicted=1.0,
        tolerance=EXPONENT_TOLERANCE,
        eigenvalues=np.empty(0),
    )
    return row.spoiled(spoilt)


def _nearest(evidence: Evidence, time: float) -> int:
    moved = np.where(evidence.time > 0.0, evidence.time, math.nan)
    return int(np.nanargmin(np.abs(np.log(moved / time))))


def interval(value: float, stderr: float, dof: int, confidence: float) -> tuple[float, float]:
    """Student's interval of a positive value, on the logarithmic scale."""
    reach = float(scipy.special.stdtrit(dof, 0.5 + confidence / 2.0)) * stderr / value
    return value * math.exp(-reach), value * math.exp(reach)
