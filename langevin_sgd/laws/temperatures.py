"""Which thermal energy a law takes: T/2 of the noise, or the one that positions feel under momentum.

T = eta sigma^2/B is the temperature of the noise and theta = T/2 = eta sigma^2/(2B) its thermal energy, whatever the
momentum. The heavy ball m <- mu m + g, w <- w - eta m moves at the rate eta/(1 - mu), and its positions are distributed
about a minimum, to leading order in eta/(1 - mu) times the curvature, at theta/(1 - mu): Boltzmann factors, Kramers'
formula and equipartition take that one (Liu, Ziyin and Ueda 2021).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Value = TypeVar("Value", float, NDArray[np.float64], xr.DataArray)


def effective(thermal_energy: Value, momentum: Value | float) -> Value:
    """theta/(1 - mu), the thermal energy of the positions of a heavy ball; theta itself without momentum."""
    return thermal_energy / (1.0 - momentum)


def of_positions(dataset: xr.Dataset) -> xr.DataArray | None:
    """theta/(1 - mu) of a model, from its `thermal_energy` and its `momentum` if it has one; None without the first.

    The dimensions are those of the scan, none without one.
    """
    if "thermal_energy" not in dataset:
        return None
    return effective(dataset["thermal_energy"], dataset["momentum"] if "momentum" in dataset.variables else 0.0)


def variables(temperature: Value, momentum: Value | float) -> dict[str, ArrayLike]:
    """The observables of a process at noise of temperature T, or of many."""
    theta = temperature / 2.0
    return {
        "temperature": temperature,
        "thermal_energy": theta,
        "effective_thermal_energy": effective(theta, momentum),
    }


def symbol(dataset: xr.Dataset) -> str:
    """How headings call what `of_positions` gives: theta, or theta/(1 - mu) where there is momentum."""
    moving = "momentum" in dataset.variables and bool((dataset["momentum"] > 0).any())
    return "θ/(1 − μ)" if moving else "θ"


def of_structures(dataset: xr.Dataset) -> float:
    """theta/(1 - mu) by sigma^2 at the inherent structures, averaged as they are occupied.

    Taken from `structure_noise_scale`, eta, B and mu; in runs that have no noise scale from `structure_thermal_energy`,
    which was theta/(1 - mu); from `thermal_energy`, by the noise at the minimum, where neither was measured. Raises
    `KeyError` without any.
    """
    if "structure_noise_scale" in dataset:
        noise = dataset["structure_noise_scale"] ** 2 * dataset["learning_rate"] / (2.0 * dataset["batch_size"])
        return float((effective(noise, dataset["momentum"]) * dataset["structure_occupancy"]).sum())
    if "structure_thermal_energy" in dataset:
        return float((dataset["structure_thermal_energy"] * dataset["structure_occupancy"]).sum())
    found = of_positions(dataset)
    if found is None:
        raise KeyError("the model has no thermal energy: neither structure_noise_scale nor thermal_energy")
    return float(found)
