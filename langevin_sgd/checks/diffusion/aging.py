"""Aging in Sinai's potential: the probability to be, at ln t = h ln t_w, where the walker was at t_w."""

from __future__ import annotations

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.estimators.logarithmic_law import LogarithmicFit
from langevin_sgd.theory import logarithmic_diffusion as theory

LARGEST_CENSORED = 0.01


def aging_rows(
    dataset: xr.Dataset, fit: LogarithmicFit, *, model: str, bound: float, confidence: float
) -> list[Comparison]:
    """`return_probability` (waiting_time, ratio) minus h^-2 [5/3 - (2/3) exp(-(h - 1))], within `bound`.

    h is taken of the logarithms shifted by that of `fit`. The law holds for t_w -> infinity and then a distance -> 0:
    the rows of the longest waiting time have the role "law", earlier ones, whose residuals show the approach, and the
    law without shift are contrasts.
    """
    waits = np.asarray(dataset["ln_waiting_time"].values, dtype=np.float64)
    dof = dataset.sizes["disorder"] - 1
    distance = float(dataset["return_distance"])
    rows = []
    for w, wait in enumerate(waits):
        for r, ratio in enumerate(np.asarray(dataset["ratio"].values, dtype=np.float64)):
            measured = float(dataset["return_probability"].values[w, r])
            stderr = float(dataset["return_probability_stderr"].values[w, r])
            if measured in (0.0, 1.0):  # all alike do not scatter: one disorder's worth stands for the error
                stderr = 1.0 / (dof + 1)
            censored = float(dataset["two_time_censored"].values[:, w, r].mean())
            for law, shift in (("aging", fit.shift), ("aging, no shift", 0.0)):
                if wait + shift <= 0.0:
                    continue
                predicted = float(theory.aging_probability(theory.shifted_ratio(ratio, wait, shift)))
                assessed = assess(
                    measured - predicted,
                    stderr,
                    dof=dof,
                    band=Band(-bound, bound),
                    confidence=confidence,
                    name=f"{measured:.4f}, within {distance:g} of the scale, less the law's {predicted:.4f}",
                    cure="disorders",
                )
                row = Comparison.from_assessment(
                    assessed,
                    model=model,
                    quantity=Quantity(
                        f"return_probability[h={ratio:g}, ln t_w={wait:g}]",
                        f"aging h={ratio:g}, ln t_w={wait:g}",
                        {"ratio": float(ratio), "ln_waiting_time": float(wait)},
                        (1, 5),
                    ),
                    law=law,
                    role="law" if shift and w == waits.size - 1 else "contrast",
                    measured=measured - predicted,
                    standard_error=stderr,
                    predicted=0.0,
                    tolerance=bound,
                    eigenvalues=np.empty(0),
                )
                fault = f"censored: {censored:.2%} of the disorders reached the ends of their box; take a wider one"
                rows.append(row.spoiled(fault if censored > LARGEST_CENSORED else ""))
    return rows
