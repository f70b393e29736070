"""A network beside the walker in a random potential that its loss would be: contrasts, by what was measured on it."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from langevin_sgd.checks.diffusion.resampled import assess_resampled
from langevin_sgd.checks.diffusion.walk import Walk
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, assess_ratio, inconclusive
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
    - `rough_spread`: the spread over replicas at the last time against the scale ((theta ln t)^2/A)^(2/alpha), whose
      factor is of order one.

    A descent without noise has an alpha too, so that an exponent near 4/alpha says nothing by itself.
    """
    if any(name not in point for name in _NEEDED):
        return []
    alpha, amplitude, theta = (float(point[name]) for name in _NEEDED)
    if not (0.0 < alpha < 2.0 and amplitude > 0.0 and theta > 0.0):
        return []
    rows = [_exponent_row(point, alpha, model, window, tolerance, confidence, seed)]
    ln_time = math.log(float(point["effective_time"].values[-1]))
    if "spread" in point and ln_time > 0.0:
        scale = float(theory.length_scale(ln_time, alpha=alpha, amplitude=amplitude, thermal_energy=theta)) ** 2
        spread, error = float(point["spread"].values[-1]), float(point["spread_stderr"].values[-1])
        assessed = assess_ratio(
            spread, error, scale, dof=point.sizes["replica"] - 1, tolerance=SCALE_TOLERANCE, confidence=confidence,
            name="spread over the squared scale of the barriers that are crossed:", cure="replicas",
        )  # fmt: skip
        told = f"at ln t = {ln_time:.3g}, with thermal energy {theta:.3g} and amplitude {amplitude:.3g}"
        title = "spread over that among barriers"
        rows.append(
            _row(assessed.with_note(told), "rough_spread", title, model, (spread, error, scale, SCALE_TOLERANCE))
        )
    return rows


def _exponent_row(
    point: xr.Dataset, alpha: float, model: str, window: float, tolerance: float, confidence: float, seed: int
) -> Comparison:
    exponent, error, walk = theory.exponent(alpha), float(point["trajectory_alpha_stderr"]), Walk.from_dataset(point)
    try:
        selected = select_window(walk.ln_time, walk.squares, ln_time_min=window)
    except UserError as why:  # too few times are left
        assessed, fitted = inconclusive(math.nan, math.nan, str(why)), math.nan
    else:
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
    return _row(assessed.with_note(told), "rough_exponent", "exponent by the measured alpha", model, numbers)


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
