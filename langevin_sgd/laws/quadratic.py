"""The laws of stationary fluctuations in a quadratic valley: networks at a minimum and Ornstein-Uhlenbeck models.

All follow from the Hessian H = diag(k), the noise covariance C in its eigenbasis, eta, B and mu (`LinearProcess`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws import two_times
from langevin_sgd.laws.law import Law, Point

if TYPE_CHECKING:
    from langevin_sgd.laws.linear_process import LinearProcess

Array = NDArray[np.float64]

_PROCESS = "langevin_sgd.laws.linear_process:LinearProcess"
REQUIRED = frozenset({"hessian_eigenvalue", "step", "sample_step"})
"""What every law of such a process takes."""
AVERAGES = "averaged_hessian"
"""The observable of a training that has measured how H and C change where it fluctuates: then no law with both frozen
at the minimum is claimed, but that of `laws.self_consistent`, if it holds."""


def stationary(point: Point, law: str) -> dict[str, ArrayLike]:
    """What a law of a process in a quadratic valley gives, by its covariance; the process's own, transients too."""
    process: LinearProcess = point.process
    values: dict[str, ArrayLike] = {
        "mode_variance": np.diagonal(process.covariance(law)),
        "energy_law_weight": process.energy_weights(law),
    }
    return values | (_transient(point) if is_claimed(point, law) else {})


def _transient(point: Point) -> dict[str, ArrayLike]:
    """What the process's own law says of the way to equilibrium."""
    process: LinearProcess = point.process
    # the displacement from the start is that in all directions, and at this learning rate
    told = process.whole is None and process.since == 0
    moved = process.transients(point.array("step")) if told else {}
    return {
        **moved,
        **two_times.predicted(point),
        **between_modes(point, process.covariance(process.own)),
        **relaxation(point),
    }


def between_modes(point: Point, covariance: Array) -> dict[str, ArrayLike]:
    """The stationary `covariance` (mode, mode) of the modes of which it was measured; nothing if of none."""
    if "mode_covariance" not in point.names:
        return {}
    modes = point.array("covariance_mode")
    return {"mode_covariance": covariance[np.ix_(modes, modes)]}


def relaxation(point: Point) -> dict[str, ArrayLike]:
    """How fast the modes relax, and what is left of the start in the window."""
    process: LinearProcess = point.process
    return {
        "autocorrelation_time": process.autocorrelation_time(),
        "transient_deficit": process.window_deficit(point.array("sample_step")),
    }


def _discrete(point: Point) -> dict[str, ArrayLike]:
    """S from S = (I - eta H) S (I - eta H) + (eta^2/B) C, and its generalisation to momentum."""
    return stationary(point, "discrete")


def _continuum(point: Point) -> dict[str, ArrayLike]:
    """S_ij = eta C_ij / (B (k_i + k_j)), over 1 - mu with momentum."""
    return stationary(point, "continuum")


def _isotropic(point: Point) -> dict[str, ArrayLike]:
    """S = T/(2k), T = eta sigma^2/B, sigma^2 = tr C/d, over 1 - mu with momentum."""
    return stationary(point, "isotropic")


def over_an_epoch(point: Point, law: str) -> dict[str, ArrayLike]:
    """A law of minibatches without replacement: of the map over an epoch, averaged over its phases."""
    process: LinearProcess = point.process
    return {
        **stationary(point, law),
        "energy_law_phase_weight": process.phase_energy_weights(),
        "phase": process.phases(),
    }


def _epoch(point: Point) -> dict[str, ArrayLike]:
    """The law of the map of heavy-ball SGD over an epoch."""
    return over_an_epoch(point, "epoch")


def is_own(point: Point, law: str) -> bool:
    """Whether a law is that of the process itself."""
    own: str = point.process.own
    return own == law


def is_claimed(point: Point, law: str) -> bool:
    """Whether it is, and nothing is measured that a better law than one with H and C frozen follows from."""
    return is_own(point, law) and not (law in FROZEN_LAWS and AVERAGES in point.names)


FROZEN_LAWS = ("discrete", "epoch")
"""Laws of heavy-ball SGD with H and C as they are at the minimum."""

HEAVY_BALL_LAWS = ("discrete", "epoch", "finite_data")
"""Laws of processes that are the map of heavy-ball SGD, which then is known to be stable."""


def _has_stationary_state(point: Point) -> bool:
    process: LinearProcess = point.process
    return process.own in HEAVY_BALL_LAWS or process.stable()


DISCRETE = Law(
    name="discrete",
    title="discrete",
    said="the discrete law of its H and C",
    line=("blue", "solid"),
    source="Ziyin, Liu, Mori and Ueda, Strength of minibatch noise in SGD (2022); exact for with-replacement SGD",
    version=1,
    predict=_discrete,
    requires=REQUIRED,
    process=_PROCESS,
    applies=_has_stationary_state,
    exact_for=partial(is_claimed, law="discrete"),
)
CONTINUUM = Law(
    name="continuum",
    title="continuum",
    said="the continuum limit",
    line=("vermillion", "dashed"),
    source="Mandt, Hoffman and Blei, Stochastic gradient descent as approximate Bayesian inference (2017)",
    version=1,
    predict=_continuum,
    requires=REQUIRED,
    process=_PROCESS,
    exact_for=partial(is_own, law="continuum"),
)
ISOTROPIC = Law(
    name="isotropic",
    title="isotropic",
    said="one temperature T = ησ²/B",
    line=("green", "dotted"),
    source="Boltzmann's law at T = eta sigma^2/B, sigma^2 = tr C/d",
    version=1,
    predict=_isotropic,
    requires=REQUIRED,
    process=_PROCESS,
)
EPOCH = Law(
    name="epoch",
    title="epoch",
    said="the law of epoch sampling at its H and C",
    line=("purple", "solid"),
    source="sampling without replacement: the linear map over one epoch",
    version=1,
    predict=_epoch,
    requires=REQUIRED,
    process=_PROCESS,
    applies=partial(is_own, law="epoch"),
    exact_for=partial(is_claimed, law="epoch"),
)


def own_law(dataset: xr.Dataset) -> str:
    """The law that is claimed for a model with a stationary window: that of its process, unless another is.

    Empty where none is claimed.
    """
    named = str(dataset.attrs.get("law", ""))
    if "law_is_exact" not in dataset or not named:
        return named
    flags = dataset["law_is_exact"].values.tolist()
    claimed = [str(law) for law, flag in zip(dataset["law"].values, flags, strict=True) if flag is True]
    if named in claimed or AVERAGES not in dataset:
        return named
    return claimed[0] if claimed else ""


def energy_law_weights(dataset: xr.Dataset, law: str) -> Array:
    """Weights of the energy's law as an equal mixture of weighted chi-squared laws, (component, mode).

    One component, except for epoch sampling: the covariance then depends on the phase of the epoch, and samples at all
    phases are a mixture.
    """
    if law in ("epoch", "companion_epoch") and "energy_law_phase_weight" in dataset:
        return np.asarray(dataset["energy_law_phase_weight"].values, dtype=np.float64)
    return np.asarray(dataset["energy_law_weight"].sel(law=law).values[None], dtype=np.float64)
