"""The `mode_covariance` probe in a config."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

MOST_NUMBERS = 1 << 25
"""Products of pairs of modes of all replicas of one point: a quarter of a gigabyte."""

_PAIR = ("covariance_mode", "covariance_mode_2")


class ModeCovarianceProbe(ProbeSection):
    """The covariance of the fluctuations along every two modes about the minimum, in the stationary window.

    S_ij = <(x_i - <x_i>)(x_j - <x_j>)>, x = V^T (w - w*) the displacement along the Hessian's eigenvectors V; its
    diagonal is `mode_variance`. By the law of with-replacement SGD S_ij = (eta/B) C_ij/(k_i + k_j - eta k_i k_j), with
    C in the eigenbasis: modes go together as their noise does, which the isotropic model denies.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.mode_covariance.measure:ModeCovariance"
    DECLARES: ClassVar[Declarations] = {
        "covariance_mode": Coordinate(("covariance_mode",), "number of a mode whose covariances are measured"),
        "mode_covariance": Variable(_PAIR, "stationary covariance of the displacements along two modes"),
        "mode_covariance_stderr": Variable(_PAIR, "standard error of the stationary covariance, over replicas"),
        "mode_covariance_predicted": Variable(
            _PAIR, "stationary covariance of the displacements along two modes, predicted by the process's own law"
        ),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"curvature", "beside"})
    kind: Literal["mode_covariance"]
    """Always `mode_covariance`."""
    modes: PositiveWholeNumber | None = 50
    """The first so many modes, largest eigenvalue first. null: all that are measured."""

    def emits(self) -> frozenset[str]:
        """All but what a law says."""
        return super().emits() - {"mode_covariance_predicted"}

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Too many pairs to be summed."""
        yield from super().problems(watched, model=model, probe=probe)
        modes = watched.parameters if self.modes is None else self.modes
        if modes is not None and watched.parameters is not None:
            modes = min(modes, watched.parameters)
        if modes is not None and (fault := too_many(modes, watched.replicas)) is not None:
            yield (*probe, "modes"), fault


def too_many(modes: int, replicas: int) -> str | None:
    """Why the covariances of so many modes are too many; None if they are not."""
    if replicas * modes**2 <= MOST_NUMBERS:
        return None
    most = math.isqrt(MOST_NUMBERS // replicas)
    mend = f"give modes: {most} or less" if most else "give fewer replicas"
    return f"{modes} modes of {replicas} replicas are {replicas * modes**2} products, at most {MOST_NUMBERS}; {mend}"
