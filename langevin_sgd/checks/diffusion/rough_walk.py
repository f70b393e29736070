"""A network beside the walker in a random potential that its loss would be: contrasts, by what was measured on it."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from langevin_sgd.checks.diffusion.resampled import assess_resampled
from langevin_sgd.checks.diffusion.walk import Walk
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess_ratio, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.logarithmic_law import fit_logarithmic_law, select_window
from langevin_sgd.estimators.resampling import RESAMPLES
from langevin_sgd.theory import logarithmic_diffusion as theory

SCALE_TOLERANCE = 0.9
"""The law of the scale knows its factor of order one for alpha = 1 alone."""
_NEEDED = ("trajectory_alpha", "trajectory_amplitude", "trajectory_thermal_energy")
_LAW = "random potential as measured"


def rough_walk_rows(
    point: xr.Dataset, *, model: str, window: float, tolerance: float, confidence: float, seed: int
) -> list[Comparison]:
    """Contrasts with a random potential of the alpha, A and theta measured along the trajectories; none without them.

    - `rough_exponent`: p of A (ln t + c)^p fitted to the squared displacement over ln t >= `window`, against 4/alpha;
    - `rough_spread`: the spread over replicas at the last time against the squared scale r^2 of barriers that are
      crossed, r^2 = ((theta ln t)^2/A)^(2/alpha) along one line, whose factor is of order one.

    The structure function along trajectories leaves open how many weights share it. If the energy varies along one line
    alone, the squared distance is r^2; if it is a sum of independent potentials, one of each of the d weights, each
    has A d^(alpha/2 - 1), so that all together come d^(2/alpha) times as far. Between the two the spread fits some
    potential, and nothing can be said; outside it is held against the nearer of them.

    A descent without noise has an alpha too, so that an exponent near 4/alpha says nothing by itself.
    """
    if any(name not in point for name in _NEEDED):
        return []
    alpha, amplitude, theta = (float(point[name]) for name in _NEEDED)
    if not (0.0 < alpha < 2.0 and amplitude > 0.0 and theta > 0.0):
        return []
    rows = [_exponent_row(point, alpha, model, window, tolerance, confidence, seed)]
    ln_time = math.log(float(point["effective_time"].values[-1]))
    if "spread" in point and "trajectory_dimension" in point and ln_time > 0.0:
        line = float(theory.length_scale(ln_time, alpha=alpha, amplitude=amplitude, thermal_energy=theta)) ** 2
        told = f"at ln t = {ln_time:.3g}, with thermal energy {theta:.3g} and amplitude {amplitude:.3g}"
        rows.append(_spread_row(point, line, alpha, told, model=model, confidence=confidence))
    return rows


def _spread_row(
    point: xr.Dataset, line: float, alpha: float, told: str, *, model: str, confidence: float
) -> Comparison:
    """The spread against r^2 = `line`, or against that of as many lines as there are weights."""
    spread, error = float(point["spread"].values[-1]), float(point["spread_stderr"].values[-1])
    weights = float(point["trajectory_dimension"])
    all_lines = line * weights ** (2.0 / alpha)
    near = all_lines if spread > all_lines else line
    where = "each of the weights" if near > line else "one line"
    assessed = assess_ratio(
        spread, error, near, dof=point.sizes["replica"] - 1, tolerance=SCALE_TOLERANCE, confidence=confidence,
        name=f"spread over the squared scale of the barriers that are crossed along {where}:", cure="replicas",
    )  # fmt: skip
    row = _row(
        assessed.with_note(told), "rough_spread", "spread over that among barriers", model,
        (spread, error, near, SCALE_TOLERANCE),
    )  # fmt: skip
    if not line < spread < all_lines or assessed.verdict is Verdict.AGREES:
        return row
    return row.spoiled(
        f"the spread, {spread:.3g}, lies between {line:.3g}, if the potential is rough along one line, and "
        f"{all_lines:.3g}, if it is along each of {weights:.0f} weights, and how many are rough is not known; {told}"
    )


def _exponent_row(
    point: xr.Dataset, alpha: float, model: str, window: float, tolerance: float, confidence: float, seed: int
) -> Comparison:
    exponent, error, walk = theory.exponent(alpha), float(point["trajectory_alpha_stderr"]), Walk.from_dataset(point)
    try:
        selected = select_window(walk.ln_time, walk.squares, ln_time_min=window)
    except UserError as why:  # too few times are left
        assessed, fitted, fault = inconclusive(math.nan, math.nan, str(why)), math.nan, ""
    else:
        fault = walk.fault(selected)
        fit = fit_logarithmic_law(selected, seed=seed, resamples=RESAMPLES)
        fitted = fit.exponent
        assessed = assess_resampled(
            fit.exponent / exponent,
            fit.exponents / exponent,
            band=Band(1.0 - tolerance, 1.0 + tolerance),
            confidence=confidence,
            name=f"p/(4/alpha) with 4/alpha = {exponent:.4g}, fitted shift {fit.shift:.3g}:",
            cure="replicas",
        )
    told = f"alpha is {alpha:.3g}({error:.1g}) along trajectories, and a path without noise has one too"
    numbers = (fitted, assessed.stderr * exponent, exponent, tolerance)
    row = _row(assessed.with_note(told), "rough_exponent", "exponent by the measured alpha", model, numbers)
    return row.spoiled(fault)


def _row(
    assessed: Assessment, quantity: str, title: str, model: str, numbers: tuple[float, float, float, float]
) -> Comparison:
    measured, stderr, predicted, tolerance = numbers
    return Comparison.from_assessment(
        assessed,
        model=model,
        quantity=Quantity(quantity, title, ranks=(1, 4)),
        law=_LAW,
        law_said=f"the {_LAW}",
        role="contrast",
        measured=measured,
        standard_error=stderr,
        predicted=predicted,
        tolerance=tolerance,
        eigenvalues=np.empty(0),
    )
