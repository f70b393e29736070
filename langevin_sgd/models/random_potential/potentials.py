"""The random potentials that a config asks for, and the times at which walkers in them are recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.landscapes.grid import Grid
from langevin_sgd.landscapes.line import Line
from langevin_sgd.landscapes.power_law import TOLERANCE
from langevin_sgd.models.random_potential.known import Known

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
"""What a method measures: observables by name, disorders first; `distance` and `time`, if there, are coordinates."""

Disorders = NDArray[np.int64]
"""Numbers of disorders."""


def landscape(model: Known) -> Line | Grid | Fourier:
    """The law of the potentials. Raises `DisorderError` for what does not exist."""
    return sites(model) if model.landscape != "fourier" else waves(model)


def sites(model: Known) -> Line | Grid:
    """A line or a grid."""
    assert model.half_width is not None
    assert model.spacing is not None
    if model.landscape == "line":
        return line(model)
    return Grid(model.dimension, model.alpha, model.amplitude, 2 * model.half_width + 1, model.spacing)


def line(model: Known) -> Line:
    """A line."""
    assert model.half_width is not None
    assert model.spacing is not None
    return Line(
        model.alpha, half_width=model.half_width, amplitude=model.amplitude, spacing=model.spacing,
        correlation_length=model.correlation_length,
    )  # fmt: skip


def waves(model: Known) -> Fourier:
    """A sum of waves, with cutoffs that take away 3% each at their end of the range of the power law."""
    assert model.valid_range is not None
    assert model.features is not None
    return Fourier.between(
        model.dimension, model.alpha, *model.valid_range, tolerance=2.0 * TOLERANCE, amplitude=model.amplitude,
        features=model.features,
    )  # fmt: skip


def ln_times(model: Known) -> Array:
    """ln t of the record, (time,)."""
    return np.linspace(*model.ln_time, model.record_times)
