"""The preconditioner of an update rule in the stationary window, averaged over replicas and samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.update_rules.rule import UpdateRule

if TYPE_CHECKING:
    import torch

    from langevin_sgd.training.view import View


class PreconditionerRecord(Probe):
    """Takes D, what the rule multiplies gradients by, at the `sample` steps: 1/mean(1/D) of every coordinate."""

    def __init__(self, rule: UpdateRule, sample: NDArray[np.int64], dimension: int) -> None:
        self._rule, self._sample = rule, sample
        self._summed = np.zeros(dimension)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the window."""
        return self._sample

    def observe(self, view: View) -> None:
        """Add 1/D of all replicas."""
        import torch

        kept: dict[str, torch.Tensor] = {
            name: torch.from_numpy(snapshot(slot, torch.float64)) for name, slot in view.optimiser_state.items()
        }
        found = self._rule.preconditioner(kept, view.step)
        self._summed += (1.0 / found.numpy()).mean(axis=0)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """`preconditioner`, (parameter,)."""
        return {"preconditioner": self._sample.size / self._summed}

    def state(self) -> State:
        """The sum."""
        return {"summed": self._summed.copy()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._summed[...] = state["summed"]
