"""Copies of replicas in pairs, one pushed by a field and one by its opposite, on the replicas' own minibatches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.training.beside import Beside
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.sgd.config import SgdRule

Array = NDArray[np.float64]

_FIELD = "field"


class Pushed(UpdateRule):
    """The step of a rule with the gradient less a constant vector, which every row has in the slot `field`."""

    def __init__(self, rule: UpdateRule) -> None:
        self._rule = rule

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        torch._foreach_add_(replicas.summed, replicas.slot_parameters[_FIELD], alpha=-float(replicas.batch_size))
        self._rule.update(replicas)


class Pairs:
    """Two copies of every replica for each of P fields, h and -h: what they differ by is linear in h up to h^3.

    They see the same minibatches, so that the noise is in both and not in their difference, and are in float64. A
    replica's copies lie side by side, and so do not move when there are more replicas.
    """

    def __init__(self, beside: Beside, weights: Tensor, slots: Mapping[str, Tensor], fields: Array) -> None:
        """From `weights` and `slots` (replica, d), with `fields` (replica, P, d)."""
        exact = beside.exact()
        replicas, self._fields, dimension = fields.shape
        of_row = np.repeat(np.arange(replicas), 2 * self._fields)
        rule, own_slots = exact.rule, tuple(exact.slots)
        if rule is None:
            heavy_ball = SgdRule(kind="sgd")
            rule, own_slots = heavy_ball.build(exact.sgd), heavy_ball.slots(exact.sgd)
        rows = torch.from_numpy(of_row).to(weights.device)
        start = weights.to(torch.float64)[rows]
        self._ensemble = exact.ensemble(start, rule=Pushed(rule), slots=(*own_slots, _FIELD))
        self._minibatches = exact.minibatches(of_row)
        kept = self._ensemble.optimiser_state
        for name, slot in slots.items():
            kept[name].copy_(slot.to(torch.float64)[rows])
        both = np.stack([fields, -fields], axis=2).reshape(-1, dimension)
        kept[_FIELD].copy_(torch.from_numpy(both))

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1."""
        self._ensemble.advance(self._minibatches, first, last)

    def displacements(self) -> Array:
        """Half of what the copies of each pair differ by, (replica, P, d)."""
        weights: Array = snapshot(self._ensemble.weights, torch.float64)
        pairs = weights.reshape(-1, self._fields, 2, weights.shape[-1])
        half: Array = 0.5 * (pairs[:, :, 0] - pairs[:, :, 1])
        return half

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next steps depend on."""
        return self._ensemble.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._ensemble.restore(state)
