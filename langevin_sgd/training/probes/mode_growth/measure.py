"""Displacements along every mode at half of the training and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.laws.companion import about_minimum
from langevin_sgd.training.curvature import Curvature
from langevin_sgd.training.probes.mode_growth.config import SHORTEST, ModeGrowthProbe, too_short
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.top_modes import TopModes

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class ModeGrowth(Probe):
    """The probe: positions (replica, 2, mode)."""

    def __init__(self, section: ModeGrowthProbe, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.beside is not None
        if watched.steps < SHORTEST:
            raise UserError(f"probe {section.kind}: {too_short(watched.steps)}")
        self._beside = watched.beside
        self._steps = np.array([watched.steps // 2, watched.steps])
        self._positions: Array = np.full((watched.replicas, 2, self._curvature.eigenvalues.size), np.nan)

    @property
    def _curvature(self) -> Curvature | TopModes:
        assert self._beside.curvature is not None
        return self._beside.curvature

    @property
    def steps(self) -> NDArray[np.int64]:
        """Half of the training, and its end."""
        return self._steps

    def observe(self, view: View) -> None:
        """Keep the modes."""
        assert self._beside.minimum is not None
        displaced = view.positions - self._beside.minimum.position
        self._positions[:, self._steps == view.step] = (displaced @ self._curvature.eigenvectors)[:, None]

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The modes, and what the noise would add to their variance in a step, without and with the curvature."""
        sgd, measured = self._beside.sgd, self._curvature
        rate = sgd.learning_rate / (1.0 - sgd.momentum)
        process = about_minimum(
            measured.eigenvalues,
            measured.noise_in_modes,
            sgd,
            step=self._beside.step,
            samples=len(self._beside.samples),
        )
        (grown,) = np.diff(process.transient_variance(self._steps), axis=0)
        return {
            "mode_position": self._positions,
            "mode_growth_free": rate**2 / sgd.batch_size * np.diagonal(measured.noise_in_modes),
            "mode_growth_linear": grown / (self._steps[1] - self._steps[0]),
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps."""
        return {"growth_step": self._steps}

    def state(self) -> State:
        """The modes seen so far."""
        return {"positions": self._positions.copy()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._positions[...] = state["positions"]
