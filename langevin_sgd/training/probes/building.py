"""The probes that a config asks for, made for one training; those of the user's own called through the one door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.variable import Declarations, merged
from langevin_sgd.training.curvature_limit import refuse_too_large
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import ProbeSection, Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View


def build(sections: Sequence[ProbeSection], watched: Watched, *, declared: Declarations) -> dict[str, Probe]:
    """The probes by kind; `declared` is what the model declares.

    Raises `UserError` for a network that is too large for one, one that cannot be made, and one that says something
    else of an observable than the model or another probe.
    """
    for section in sections:
        try:
            declared = merged(declared, section.DECLARES)
        except ValueError as error:
            raise UserError(f"probe {section.kind}: {error}") from None
    return {section.kind: _built(section, watched) for section in sections}


def _built(section: ProbeSection, watched: Watched) -> Probe:
    if "hessian" in section.NEEDS:
        assert watched.parameters is not None  # a training that runs has its network
        refuse_too_large(watched.parameters, "probes")
    if type(section).__module__.startswith("langevin_sgd."):
        return section.build(watched)
    return _Own(section, watched)


class _Own(Probe):
    """A probe of the user's own: what it raises, and what it returns that does not fit, becomes one line."""

    def __init__(self, section: ProbeSection, watched: Watched) -> None:
        self._kind, self._declares = section.kind, section.DECLARES
        probe: Any = user_code.call(f"probe {self._kind}: it cannot be built", section.build, watched)
        if not isinstance(probe, Probe):
            raise UserError(
                f"probe {self._kind}: built {type(probe).__name__}; a subclass of langevin_sgd.training.Probe is needed"
            )
        self._probe, self._replicas = probe, watched.replicas
        steps = np.asarray(self._call("asking for its steps failed", lambda: probe.steps))
        last = watched.steps
        assert last is not None
        if steps.ndim != 1 or steps.dtype.kind not in "iu" or any(not 0 <= step <= last for step in steps.tolist()):
            raise UserError(f"probe {self._kind}: its steps must be a list of whole numbers from 0 to {last}")
        self._steps = steps.astype(np.int64)

    @property
    def steps(self) -> NDArray[Any]:
        """Those of the probe when it was made."""
        return self._steps

    def observe(self, view: View) -> None:
        """Let it observe."""
        self._call(f"observing step {view.step} failed", self._probe.observe, view)

    def advance(self, first: int, last: int) -> None:
        """Let it make its steps."""
        self._call("advancing failed", self._probe.advance, first, last)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """Its observables, once they fit what it declares."""
        found = dict(self._call("measuring at the end failed", self._probe.finish, view))
        coords = {"replica": np.arange(self._replicas), **self.coords()}
        self._call("what it measured does not fit", dataset, found, coords=coords, declares=self._declares)
        return found

    def coords(self) -> Mapping[str, ArrayLike]:
        """Its coordinates."""
        return dict(self._call("asking for its coordinates failed", self._probe.coords))

    def state(self) -> State:
        """Its state, as arrays that are its own no more."""
        kept = self._call("asking for its state failed", self._probe.state)
        return {name: np.array(value) for name, value in kept.items()}

    def restore(self, state: State) -> None:
        """Give it its state back."""
        self._call("going on from its state failed", self._probe.restore, state)

    def _call(self, what: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        return user_code.call(f"probe {self._kind}: {what}", function, *args, **kwargs)
