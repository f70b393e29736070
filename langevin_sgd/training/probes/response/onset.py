"""What is under way since a field was switched on: the copies it pushes, and the replicas beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.storage.keeper import part, prefixed
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.ensemble_record import project
from langevin_sgd.training.probes.response.basis import Basis
from langevin_sgd.training.probes.response.copies import Pairs

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Times:
    """When a field is switched on, when its response is measured, and from which steps displacements are."""

    onset: int
    delays: Integers
    origins: Integers

    @property
    def longest(self) -> int:
        """The longest delay."""
        return int(self.delays[-1])

    @property
    def last(self) -> int:
        """The last step that is looked at."""
        return int(self.origins[-1]) + self.longest

    @property
    def steps(self) -> Integers:
        """All that are looked at."""
        found: Integers = np.union1d(self.origins, self.origins[:, None] + self.delays)
        return np.union1d(found, self.onset + np.append(0, self.delays))


class Onset:
    """The modes and directions of one onset, with copies until the longest delay, and projections of the replicas.

    Of P fields the first `strengths.size` are along all modes at once, with random signs, and the others along one
    direction each.
    """

    def __init__(
        self, beside: Beside, times: Times, mean: Array, *, strengths: Array, directions: tuple[str, ...]
    ) -> None:
        self.times, self._beside, self._mean, self._strengths = times, beside, mean, strengths
        # a replica's numbers do not depend on others where the modes do not
        measured, minimum = beside.curvature, beside.minimum
        self._reference = mean if measured is None or minimum is None else minimum.position
        self.basis = Basis.at(beside, mean, directions)
        self._along = np.concatenate([self.basis.vectors, self.basis.directions], axis=1)
        self._field, self._field_along = self.basis.fields(beside.sgd, times.longest)
        self._pairs: Pairs | None = None
        replicas = len(beside.start)
        slots = _slots(times)
        self._begun: Array = np.zeros((slots, replicas, self._along.shape[1]))

    @property
    def signs(self) -> Array:
        """Signs (replica, mode) of the fields, of independent fair coins."""
        words = streams.words(
            self._beside.seed,
            trajectories=np.arange(len(self._beside.start)),
            steps=[self.times.onset],
            components=self._field.size,
            stream=Stream.FIELD_SIGN,
        )
        return np.where(words[0] & 1, 1.0, -1.0)

    def switch_on(self, view: View) -> None:
        """Let copies begin where the replicas are."""
        self._pairs = self._copies(view.weights, view.optimiser_state)

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1 of those that are within the longest delay."""
        if self._pairs is not None:
            self._pairs.advance(first, last)

    def responses(self, step: int) -> tuple[Array, Array]:
        """Response of modes (replica, field, mode) and along directions (replica, direction); NaN without a field."""
        assert self._pairs is not None
        moved = self._pairs.displacements()
        replicas, count = moved.shape[0], self._strengths.size
        along = project(moved.reshape(-1, moved.shape[-1]), self._along, self._beside.workers)
        along = along.reshape(replicas, -1, self._along.shape[1])
        modes = self._field.size
        with np.errstate(invalid="ignore", divide="ignore"):
            by_mode = along[:, :count, :modes] * self.signs[:, None] / (self._strengths[:, None] * self._field)
        own = along[:, count:, modes:]
        by_direction = np.diagonal(own, axis1=1, axis2=2) / (self._strengths[0] * self._field_along)
        if step >= self.times.onset + self.times.longest:
            self._pairs = None
        along_modes = np.where(self._field > 0.0, by_mode, np.nan)
        return along_modes, np.where(self._field_along > 0.0, by_direction, np.nan)

    def increments(self, view: View) -> list[tuple[int, Array]]:
        """Places of delays that end at this step with displacements (replica, mode and direction); a new origin too."""
        times = self.times
        found: list[tuple[int, Array]] = []
        ends = np.argwhere(times.origins[:, None] + times.delays == view.step)
        begins = np.flatnonzero(times.origins == view.step)
        if not (ends.size or begins.size):
            return found
        along = project(view.positions - self._reference, self._along, self._beside.workers)
        for origin, delay in ends:
            found.append((int(delay), along - self._begun[origin % len(self._begun)]))
        for origin in begins:
            self._begun[origin % len(self._begun)] = along
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """What must be kept to go on from here."""
        kept = {"mean": self._mean, "begun": self._begun.copy()}
        return kept if self._pairs is None else {**kept, **prefixed("copies", self._pairs.state())}

    @classmethod
    def restored(
        cls, beside: Beside, times: Times, state: Mapping[str, NDArray[Any]], *, strengths: Array,
        directions: tuple[str, ...],
    ) -> Onset:  # fmt: skip
        """The one that had this state; its modes are found again."""
        found = cls(beside, times, state["mean"], strengths=strengths, directions=directions)
        found._begun[...] = state["begun"]
        copies = part(state, "copies")
        if copies:
            found._pairs = found._copies(beside.start, {})
            found._pairs.restore(copies)
        return found

    def _copies(self, weights: torch.Tensor, slots: Mapping[str, torch.Tensor]) -> Pairs:
        staggered = (self.signs * self._field) @ self.basis.vectors.T
        fields = [strength * staggered for strength in self._strengths]
        first = float(self._strengths[0])
        for size, direction in zip(self._field_along, self.basis.directions.T, strict=True):
            fields.append(np.tile(first * size * direction, (len(staggered), 1)))
        return Pairs(self._beside, weights, slots, np.stack(fields, axis=1))


def _slots(times: Times) -> int:
    """Origins that wait for their last delay at once."""
    waiting = times.origins[None, :] <= times.origins[:, None] + times.longest
    begun = times.origins[None, :] >= times.origins[:, None]
    return int((waiting & begun).sum(axis=1).max())
