"""What the process of a quadratic valley says of a network's probes of two times: increments, and responses to a field.

The noise counts as constant, and by the variance that the process's own law gives: of least squares on finite data,
whose noise grows with the distance, that is the noise in equilibrium. Of epochs, whose minibatches know of each other,
only the response is known, which no noise enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws.law import Point
from langevin_sgd.theory import response as theory

if TYPE_CHECKING:
    from langevin_sgd.laws.linear_process import LinearProcess

Array = NDArray[np.float64]

_INDEPENDENT = ("discrete", "finite_data", "companion")
"""Laws of processes whose noise is another at every step."""
_CONSTANT = ("discrete", "companion")
"""Those among them whose noise is the same from the minimum on."""


def predicted(point: Point) -> dict[str, ArrayLike]:
    """The process's own law of what was measured of two times; nothing of what was not."""
    process: LinearProcess = point.process
    if process.since > 0:
        return {}
    responses: dict[str, ArrayLike] = {}
    if "mode_response" in point.names:
        responses = _responses(point, process, process.k, np.diagonal(process.covariance(process.own)))
    return responses | (_increments(point, process) if "squared_increment" in point.names else {})


def averaged(point: Point, curvature: Array, variance: Array) -> dict[str, ArrayLike]:
    """The same of responses where H is another than at the minimum: `curvature` of the modes and variance, (mode,)."""
    process: LinearProcess = point.process
    if process.since > 0 or "mode_response" not in point.names:
        return {}
    return _responses(point, process, curvature, variance)


def _responses(point: Point, process: LinearProcess, curvature: Array, stationary: Array) -> dict[str, ArrayLike]:
    """Response, variance of increments and thermal energy of every mode, each (onset, delay, mode)."""
    step, delays = process.linear_step(), point.array("delay_step")
    onsets = point.array("onset_step").size
    chi = theory.response(step, curvature, delays)
    found: dict[str, ArrayLike] = {"mode_response": np.tile(chi, (onsets, 1, 1))}
    if process.own not in _INDEPENDENT:
        return found
    noisy = process.noisy()
    k = curvature[noisy]
    unit = theory.stationary_states(step, k)
    noise = stationary[noisy] / unit[:, 0, 0]
    variance = np.zeros((onsets, delays.size, noisy.size))
    for place, origins in enumerate(point.array("origin_step")):
        states = theory.states_from_minimum(step, k, origins).mean(axis=0)
        variance[place][:, noisy] = theory.increment_variance(step, k, states, delays) * noise
    with np.errstate(invalid="ignore"):
        energy = variance / (2.0 * chi)
    return {**found, "mode_increment_variance": variance, "mode_thermal_energy": energy}


def _increments(point: Point, process: LinearProcess) -> dict[str, ArrayLike]:
    """Squared increment (waiting, separation) of a process that begins at the minimum and is followed in all modes."""
    if process.whole is not None or process.own not in _CONSTANT or process.start != "minimum":
        return {}
    step, noisy = process.linear_step(), process.noisy()
    k, noise = process.k[noisy], np.diagonal(process.c)[noisy] / process.sgd.batch_size
    states = theory.states_from_minimum(step, k, point.array("waiting_step"))
    return {"squared_increment": theory.increment_variance(step, k, states, point.array("separation_step")) @ noise}
