"""What measures: a probe of a training that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

State = Mapping[str, NDArray[Any]]


class Probe:
    """The base of all probes: it observes weights at steps of its own, and measures what it kept when training ended.

    What it keeps and what it has measured are its state, so that an interrupted run goes on to the same bits. It sees
    the training through a `View`, which evaluates what is asked of it and no more, once for all probes of a step.
    """

    @property
    def steps(self) -> NDArray[Any]:
        """The steps at which it wants to observe; 0 is before the first one."""
        raise NotImplementedError

    def observe(self, view: View) -> None:
        """See the training at one of `steps`."""
        raise NotImplementedError

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1 too: for a probe that runs something of its own beside the ensemble."""

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """Measure what was observed, once training has ended, and return the observables by name.

        `view` is of the last step. What is measured already, by a state that was restored, is not measured again;
        `view.progress(done, total)` tells how far it is, and `view.save()` may be called wherever the state is worth
        keeping.
        """
        raise NotImplementedError

    def coords(self) -> Mapping[str, ArrayLike]:
        """Coordinates that the observables need, once it has finished."""
        return {}

    def state(self) -> State:
        """What must be kept to go on from here: copies of what changes in place, by name."""
        return {}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
