"""The weights of all replicas after the last step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.probes.final_weights.config import FinalWeightsProbe, too_many
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.snapshot import snapshot

if TYPE_CHECKING:
    from langevin_sgd.training.view import View


class FinalWeights(Probe):
    """The probe: a copy of the weights at the end."""

    def __init__(self, section: FinalWeightsProbe, watched: Watched) -> None:
        assert watched.steps is not None
        if (fault := too_many(watched)) is not None:
            raise UserError(f"probe {section.kind}: {fault}")
        self._last = watched.steps
        self._weights: NDArray[Any] | None = None

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Copy them."""
        self._weights = snapshot(view.weights)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The weights (replica, d)."""
        assert self._weights is not None
        return {"final_weights": self._weights}

    def state(self) -> State:
        """The weights, once they are there."""
        return {} if self._weights is None else {"weights": self._weights}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._weights = state.get("weights")
