"""A probe: the length of the weight vector where training ended."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import ProbeSection, Watched
from langevin_sgd.training.view import View


class Length(ProbeSection):
    """|w| of every replica at the last step."""

    PROBE: ClassVar[str] = f"{__name__}:LengthAtEnd"
    DECLARES: ClassVar[Declarations] = {"weight_length": Variable(("replica",), "length of the weights at the end")}


class LengthAtEnd(Probe):
    """What measures it."""

    def __init__(self, section: Length, watched: Watched) -> None:
        self._last = watched.steps
        self._length = np.full(watched.replicas, np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last step."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Measure at once."""
        self._length = np.linalg.norm(view.positions, axis=1)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """What was measured."""
        return {"weight_length": self._length}

    def state(self) -> State:
        """What was measured so far."""
        return {"length": self._length}

    def restore(self, state: State) -> None:
        """Go on from there."""
        self._length = state["length"]
