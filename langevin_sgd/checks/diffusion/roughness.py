"""The exponent of the loss along trajectories beside that of the noise-free path: roughness, or the descent alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess
from langevin_sgd.checks.verdicts.table import Comparison

TOLERANCE = 0.1


def roughness_rows(point: xr.Dataset, *, model: str, confidence: float) -> list[Comparison]:
    """A contrast: alpha along trajectories less that along full-batch descent, within 0.1 if all of it is descent.

    None where no path was measured. An alpha in the range that random potentials have says nothing by itself: the loss
    along a path without noise has one too. The tolerance is that of the window which the probe takes by itself, a tenth
    of the way to all of it: over shorter distances SGD at B = 4 on digits has 0.12 more, on the same paths.
    """
    if "trajectory_alpha" not in point or "control_alpha" not in point:
        return []
    own, control = float(point["trajectory_alpha"]), float(point["control_alpha"])
    error = float(point["trajectory_alpha_stderr"])
    assessed = assess(
        own - control,
        error,
        dof=int(point.sizes["replica"]) - 1,
        band=Band(-TOLERANCE, TOLERANCE),
        confidence=confidence,
        name=f"alpha along trajectories {own:.4g} less that of the control, {control:.4g}:",
        cure="replicas",
    )
    what = "descent" if abs(own - control) <= TOLERANCE else "more than descent"
    return [
        Comparison.from_assessment(
            assessed.with_note(f"{what}, by a difference of 0.1; a path without noise has an alpha too"),
            model=model,
            quantity=Quantity("trajectory_alpha", "alpha of the loss along trajectories", ranks=(1, 2)),
            law="zero-temperature control",
            law_said="the zero-temperature control",
            role="contrast",
            measured=own,
            standard_error=error,
            predicted=control,
            tolerance=TOLERANCE,
            eigenvalues=np.empty(0),
            scale="difference",
        )
    ]
