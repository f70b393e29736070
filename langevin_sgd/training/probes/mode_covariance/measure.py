"""Products of the displacements along every two modes, averaged over the stationary window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import pooled_covariance
from langevin_sgd.training.ensemble_record import project
from langevin_sgd.training.probes.mode_covariance.config import ModeCovarianceProbe, too_many
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class ModeCovariance(Probe):
    """The probe: sums over the window of x_i (replica, mode) and of x_i x_j (replica, mode, mode)."""

    def __init__(self, section: ModeCovarianceProbe, watched: Watched) -> None:
        assert watched.beside is not None
        self._beside = watched.beside
        assert self._beside.curvature is not None
        assert self._beside.minimum is not None
        measured = self._beside.curvature.eigenvectors
        count = measured.shape[1] if section.modes is None else min(section.modes, measured.shape[1])
        if (fault := too_many(count, watched.replicas)) is not None:
            raise UserError(f"probe {section.kind}: {fault}")
        self._vectors, self._centre = np.ascontiguousarray(measured[:, :count]), self._beside.minimum.position
        self._first: Array = np.zeros((watched.replicas, count))
        self._second: Array = np.zeros((watched.replicas, count, count))

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the stationary window."""
        return self._beside.sample

    def observe(self, view: View) -> None:
        """Add the displacements and their products, replica by replica."""
        modes = project(view.positions - self._centre, self._vectors, self._beside.workers)
        self._first += modes
        for own, sums in zip(modes, self._second, strict=True):
            sums += np.outer(own, own)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The covariance about the mean over replicas and time."""
        number = self._beside.sample.size
        found = pooled_covariance(self._first / number, self._second / number)
        return {"mode_covariance": found.value, "mode_covariance_stderr": found.stderr}

    def coords(self) -> Mapping[str, ArrayLike]:
        """Which modes."""
        return {"covariance_mode": np.arange(self._first.shape[1])}

    def state(self) -> State:
        """The sums so far."""
        return {"first": self._first.copy(), "second": self._second.copy()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._first[...] = state["first"]
        self._second[...] = state["second"]
