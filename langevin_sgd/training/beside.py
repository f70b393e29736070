"""What runs beside an ensemble in training: on its data, by its rule and, if it likes, on its very minibatches.

Minibatches are functions of (seed, replica, step), so whoever runs beside draws them again and needs nothing of the
ensemble: copies with another start, with a field, linearised, or of noise frozen at the minimum see what SGD sees.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.theory.companion import Companion
from langevin_sgd.training.batched import Batched
from langevin_sgd.training.curvature import Curvature
from langevin_sgd.training.data.section import Supply
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.minibatches import ForRows, IndexSource, Minibatches, NoIndices
from langevin_sgd.training.minimum import Minimum
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.top_modes import TopModes
from langevin_sgd.training.update_rules.rule import UpdateRule
from langevin_sgd.training.view import Instruments

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Beside:
    """A training as those see it that run something of their own beside it.

    `network` and `samples` are in `dtype`, the precision of the training, `instruments` in float64 and with its weight
    decay. `start` (replica, d) is where the replicas begin, `record` are the steps at which energies are recorded, and
    `drawn()` gives the minibatches of the replicas 0..R-1, from the first step on, to whom nobody else listens.
    `minimum` and `curvature` are there where the training starts at a minimum, and where H and C are measured; then
    `step` is what the rule does to one mode, if it is linear, and `sample` are the steps of the stationary window.
    """

    network: Network
    samples: Samples
    sgd: Sgd
    loss: Loss
    rule: UpdateRule | None
    slots: Sequence[str]
    start: Tensor
    dtype: torch.dtype
    record: IntArray
    instruments: Instruments
    workers: Workers
    drawn: Callable[[], Minibatches | NoIndices]
    seed: int = 0
    supply: Supply | None = None
    minimum: Minimum | None = None
    curvature: Curvature | TopModes | None = None
    step: Companion | None = None
    sample: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    traced: dict[Hashable, Batched] = field(default_factory=dict)

    @classmethod
    def simple(
        cls,
        network: Network,
        samples: Samples,
        sgd: Sgd,
        *,
        start: Tensor,
        record: IntArray,
        instruments: Instruments,
        workers: Workers,
        seed: int = 0,
        loss: Loss = CROSS_ENTROPY,
    ) -> Beside:
        """That of heavy-ball SGD from `start` (replica, d), in the precision of the samples."""
        replicas = len(start)
        return cls(
            network=network,
            samples=samples,
            sgd=sgd,
            loss=loss,
            rule=None,
            slots=(),
            start=start,
            dtype=samples.inputs.dtype,
            record=record,
            instruments=instruments,
            workers=workers,
            drawn=lambda: Minibatches.of(sgd, seed=seed, replicas=replicas, samples=len(samples)),
            seed=seed,
        )

    def minibatches(self, replica: IntArray | None = None) -> IndexSource:
        """The minibatches of the training, drawn again: indices (steps, row, B).

        `replica` (row,) says of which replica a row sees the minibatches; None if the rows are the replicas. Where
        minibatches are not chosen among the samples, as with data that are `fresh`, a row has its replica's number in
        the place of an index, and `supply` the samples.
        """
        drawn = self.drawn()
        return drawn if replica is None else ForRows(drawn, replica)

    def exact(self) -> Beside:
        """The same in float64, for what takes differences of trajectories that are close to each other."""
        like = torch.float64
        return replace(self, network=self.instruments.network, samples=self.samples.to(like), dtype=like)

    def ensemble(self, weights: Tensor, *, rule: UpdateRule | None = None, slots: Sequence[str] = ()) -> Ensemble:
        """An ensemble of its own from `weights` (row, d): advance it on `minibatches` of as many rows.

        It is moved by the rule of the training or by another, `rule`, which remembers its `slots`.
        """
        return self._ensemble(weights, self.sgd, rule, slots, supply=self.supply)

    def descent(self, weights: Tensor) -> Ensemble:
        """Descent on the whole training set from `weights` (row, d), of the rule of the training: on `EverySample`."""
        whole = self.sgd.model_copy(update={"batch_size": len(self.samples)})
        return self._ensemble(weights, whole, None, (), companion=False)

    def _ensemble(
        self,
        weights: Tensor,
        sgd: Sgd,
        rule: UpdateRule | None,
        slots: Sequence[str],
        *,
        supply: Supply | None = None,
        companion: bool = True,
    ) -> Ensemble:
        return Ensemble(
            self.network,
            self.samples,
            sgd,
            weights=weights,
            dtype=self.dtype,
            workers=self.workers,
            loss=self.loss,
            rule=self.rule if rule is None else rule,
            slots=self.slots if rule is None else slots,
            companion=companion,
            traced=self.traced,
            supply=supply,
        )


@dataclass(frozen=True)
class EverySample:
    """Every minibatch is the whole set of so many samples, in order; for `Beside.descent` of so many rows."""

    samples: int
    rows: int = 1

    def block(self, step: int, at_most: int) -> IntArray:
        """Indices (steps, row, sample), for at most a hundred steps."""
        return np.tile(np.arange(self.samples), (min(at_most, 100), self.rows, 1))
