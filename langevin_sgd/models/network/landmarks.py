"""Landmarks that were found, kept for whoever has the same: other points of a launch, other launches, resumed runs."""

from __future__ import annotations

import copy
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import Landmark, find_landmark
from langevin_sgd.progress import Progress
from langevin_sgd.storage.checkpoint import Checkpointing
from langevin_sgd.storage.keeper import Keeper
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.journal import Journal

Array = NDArray[np.float64]

_BYTES_IN_MEMORY = 1 << 28  # of all but the last one
_SECONDS_WORTH_KEEPING = 2.0  # what was found sooner is written with the first state of a training, or not at all

_found: OrderedDict[str, Landmark] = OrderedDict()


def forget() -> None:
    """Let go of what this process has found."""
    _found.clear()


class Landmarks:
    """The minima of one run with their curvature, each found once.

    A landmark goes by what it follows from: seed, data, architecture, loss, weight decay and tolerance, and the energy
    and its gradient where the search begins, which tell other data and other code by the same name apart. This process
    remembers some, and `kept` holds what others need: processes beside it, and a run that goes on after this one.
    """

    def __init__(self, kept: Checkpointing, search: Checkpointing, *, seed: int, device: str) -> None:
        """`search` keeps a search that is under way."""
        self._kept, self._search, self._origin = kept, search, f"seed {seed} on {device}"
        self._unsaved: dict[str, Landmark] = {}

    def find(
        self,
        model: NetworkModel,
        sgd: Sgd,
        full: FullBatch,
        start: Array,
        *,
        name: str,
        progress: Progress,
        lend: Callable[[], Landmark | None] = lambda: None,
    ) -> Landmark | None:
        """The landmark of a model, known or lent or found; None if it asks for no minimum.

        `full` is its energy, with its decay. Raises `UserError` if there is no minimum, or H and C would be too large.
        """
        if model.start != "minimum":
            return None
        key = self._key(model, sgd, full, start)
        known = _found.get(key)
        if known is not None:
            self._unsaved[key] = known
        elif (saved := self._kept.part(key).load()) is not None:
            known = Landmark.of(saved)
        if known is None:
            known = lend()
        if known is None:
            known = self._look_for(key, model, full, start, name=name, progress=progress)
        _remember(key, known)
        return copy.deepcopy(known)  # whoever is given a result may change it

    def save(self) -> None:
        """Write what is not written yet."""
        while self._unsaved:
            key, landmark = next(iter(self._unsaved.items()))
            part = self._kept.part(key)
            if part.load() is None:
                part.save(landmark.state())
            del self._unsaved[key]

    def _look_for(
        self, key: str, model: NetworkModel, full: FullBatch, start: Array, *, name: str, progress: Progress
    ) -> Landmark:
        began = time.monotonic()
        try:
            with Keeper(self._search.part(key)) as search:
                found = find_landmark(
                    Journal(full, search),
                    start,
                    tolerance=model.gradient_tolerance,
                    curved=model.measure_curvature,
                    modes=model.curvature_modes(),
                    name=name,
                    progress=progress,
                )
        except KeyboardInterrupt:
            self.save()
            raise
        self._unsaved[key] = found
        if time.monotonic() - began > _SECONDS_WORTH_KEEPING:
            self.save()
        return found

    def _key(self, model: NetworkModel, sgd: Sgd, full: FullBatch, start: Array) -> str:
        said = (
            self._origin,
            *(section.model_dump_json() for section in (model.data, model.architecture, model.loss)),
            *(sgd.weight_decay, model.gradient_tolerance, model.measure_curvature, model.curvature_modes()),
            *(() if model.curvature is None else ("step left",)),  # which earlier versions did not measure
        )
        energy, gradient = full.energy_and_gradient(start)
        digest = hashlib.sha256(repr(said).encode())
        for array in (start, np.asarray(energy), gradient):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _remember(key: str, landmark: Landmark) -> None:
    _found[key] = landmark
    _found.move_to_end(key)
    while len(_found) > 1 and sum(each.bytes for each in _found.values()) - landmark.bytes > _BYTES_IN_MEMORY:
        _found.popitem(last=False)
