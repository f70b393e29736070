"""Growth of <x^2> where no logarithmic law is claimed: its local exponent, and ordinary diffusion at late times."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from langevin_sgd.checks.diffusion.held_out import assess_held_out
from langevin_sgd.checks.diffusion.walk import LARGEST_CENSORED, Array, Walk
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, assess_ratio, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.growth_laws import DIFFUSION, LOGARITHMIC
from langevin_sgd.estimators.local_exponent import LocalExponent, local_exponent
from langevin_sgd.estimators.logarithmic_law import select_window

E_FOLD = 1.0
LATE = 2.0  # of ln t, over whose end the diffusion coefficient is measured
DIFFUSIVE = 0.9  # least local exponent over it that counts as ordinary diffusion
BEYOND = 10.0  # correlation lengths from which on barriers no longer grow
_SHOWN = 4


def growth_exponent_row(walk: Walk, *, model: str, tolerance: float, confidence: float) -> Comparison:
    """d ln<x^2>/d ln t over the last e-fold that the walk spent in the range of the power law, against 1 (contrast)."""
    squares, ln_time, last = _within_reach(walk)
    measured = stderr = math.nan
    try:
        found = local_exponent(np.exp(ln_time), squares, width=E_FOLD)
    except UserError:
        why = f"window too short: {ln_time.size} recorded times count; {walk.range_note or walk.note}"
        assessed = inconclusive(measured, stderr, f"{why}; run longer, or take a wider valid_range")
    else:
        measured, stderr = float(found.exponent[-1]), float(found.stderr[-1])
        assessed = _ratio(measured, stderr, 1.0, walk, tolerance, confidence, "d ln<x^2>/d ln t")
        for note in (_by_time(found, np.log(found.ln_time)), walk.range_note, _valid_to(walk, last)):
            assessed = assessed.with_note(note)
    return _row(assessed, model, "local_exponent", DIFFUSION.name, "contrast", measured, stderr, 1.0, tolerance)


def logarithmic_exponent_row(
    walk: Walk, *, exponent: float, model: str, tolerance: float, confidence: float
) -> Comparison:
    """d ln<x^2>/d ln ln t, without a shift, at the latest times before 1% are censored, against 4/alpha (contrast)."""
    squares, ln_time, last = _within_reach(walk)
    positive = ln_time > 0.0
    try:
        found = local_exponent(ln_time[positive], squares[:, positive])
    except UserError as error:
        assessed = inconclusive(math.nan, math.nan, f"window too short: {error}")
        measured = stderr = math.nan
    else:
        measured, stderr = float(found.exponent[-1]), float(found.stderr[-1])
        assessed = _ratio(measured, stderr, exponent, walk, tolerance, confidence, "d ln<x^2>/d ln ln t over 4/alpha")
        for note in (_by_time(found, found.ln_time), _valid_to(walk, last)):
            assessed = assessed.with_note(note)
    law = f"{LOGARITHMIC.name}, no shift"
    return _row(assessed, model, "local_exponent", law, "contrast", measured, stderr, exponent, tolerance)


def late_rows(
    dataset: xr.Dataset, walk: Walk, *, exponent: float | None, model: str, tolerance: float, confidence: float
) -> list[Comparison]:
    """Ordinary diffusion of a walk whose barriers are bounded by a correlation length, for as far as it was reached.

    - `effective_diffusion`: (<x^2>(t) - <x^2>(t e^-2))/(2 (t - t e^-2)) at the end, against the exact D; inconclusive
      if <x^2> still grows by less than t^0.9 there;
    - `late_held_out_likelihood`, a contrast: the logarithmic law over the times at which sqrt<x^2> exceeds ten
      correlation lengths, against its closest competitor; it has to fail there.
    """
    length, predicted = float(dataset["correlation_length"]), float(dataset["effective_diffusion_predicted"])
    late = walk.root_mean_square > BEYOND * length
    gone = f"sqrt<x^2> is {walk.root_mean_square[-1] / length:.3g} correlation lengths at the end"
    rows = [_diffusion_row(walk, predicted, gone, model, tolerance, confidence)]
    try:
        window = select_window(walk.ln_time[late], walk.squares[:, late], ln_time_min=-math.inf)
    except UserError:
        return rows
    assessed, law = assess_held_out(window, exponent=exponent, confidence=confidence, dimension=walk.dimension)
    assessed = assessed.with_note(f"ln t from {window.ln_time[0]:.3g} to {window.ln_time[-1]:.3g}, where {gone}")
    row = _row(
        assessed, model, "late_held_out_likelihood", law, "contrast", assessed.estimate, assessed.stderr, 0.0, 0.0
    )
    return [*rows, row.spoiled(walk.fault_until(float(window.ln_time[-1])))]


def _diffusion_row(
    walk: Walk, predicted: float, gone: str, model: str, tolerance: float, confidence: float
) -> Comparison:
    end = walk.ln_time[-1]
    begin = int(np.abs(walk.ln_time - (end - LATE)).argmin())
    times = np.exp(walk.ln_time)
    each = (walk.squares[:, -1] - walk.squares[:, begin]) / (2.0 * (times[-1] - times[begin]))
    measured, stderr = float(each.mean()), float(each.std(ddof=1)) / math.sqrt(each.size)
    assessed = _ratio(measured, stderr, predicted, walk, tolerance, confidence, "D over the exact one").with_note(gone)
    mean = walk.squares.mean(axis=0)
    slope = math.log(mean[-1] / mean[begin]) / (end - walk.ln_time[begin])
    fault, role = walk.fault_until(float(end)), walk.role
    if slope < DIFFUSIVE:
        role = "contrast"  # nobody claims ordinary diffusion so early
        fault = (
            f"window too short: <x^2> grows as t^{slope:.2g} over the last {end - walk.ln_time[begin]:.2g} of ln t, "
            f"not yet as ordinary diffusion does; {gone}; a longer run would settle it"
        )
    row = _row(assessed, model, "effective_diffusion", DIFFUSION.name, role, measured, stderr, predicted, tolerance)
    return row.spoiled(fault)


def _within_reach(walk: Walk) -> tuple[Array, Array, float]:
    """Squared displacements and ln t in the range of the power law and before 1% are censored, and where that ends."""
    inside = walk.in_range & (walk.censored_share() <= LARGEST_CENSORED)
    last = float(walk.ln_time[inside][-1]) if inside.any() else math.nan
    return walk.squares[:, inside], walk.ln_time[inside], last


def _valid_to(walk: Walk, last: float) -> str:
    share = walk.censored_share()
    if last == walk.ln_time[-1]:
        return f"{walk.squares.shape[0]} {walk.dimension}s, valid to the end, ln t = {last:.3g}"
    return f"valid to ln t = {last:.3g} only; {share[-1]:.2%} of the {walk.dimension}s are censored by the end"


def _by_time(found: LocalExponent, ln_time: Array) -> str:
    """A few of the local exponents, with their errors, by ln t."""
    different = np.unique(ln_time, return_index=True)[1]
    chosen = different[np.unique(np.linspace(0, different.size - 1, _SHOWN).astype(int))]
    shown = (f"{found.exponent[i]:.3g} +- {found.stderr[i]:.1g} at ln t {ln_time[i]:.3g}" for i in chosen)
    return f"local exponent {', '.join(shown)}"


def _ratio(
    measured: float, stderr: float, predicted: float, walk: Walk, tolerance: float, confidence: float, name: str
) -> Assessment:
    return assess_ratio(
        measured, stderr, predicted, dof=walk.squares.shape[0] - 1, tolerance=tolerance, confidence=confidence,
        name=name, cure=f"{walk.dimension}s",
    )  # fmt: skip


def _row(
    assessed: Assessment, model: str, quantity: str, law: str, role: Role, measured: float, stderr: float,
    predicted: float, tolerance: float,
) -> Comparison:  # fmt: skip
    return Comparison.from_assessment(
        assessed, model=model, quantity=Quantity(quantity), law=law, role=role, measured=measured,
        standard_error=stderr, predicted=predicted, tolerance=tolerance, eigenvalues=np.empty(0),
    )  # fmt: skip
