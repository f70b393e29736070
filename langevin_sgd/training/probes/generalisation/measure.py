"""Measures errors on training and test set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.energy import Evaluation
from langevin_sgd.training.probes.generalisation.config import GeneralisationProbe
from langevin_sgd.training.probes.looking import Looking
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = 24
_FORWARD = 0.4  # of a gradient
_NAMES = ("train_error", "test_error", "train_loss", "test_loss")


class Generalisation(Looking):
    """The probe: every replica at some of the recorded steps."""

    def __init__(self, section: GeneralisationProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        test = beside.instruments.test
        if test is None:
            raise UserError("generalisation: the data have no test set; give data.test_fraction, or remove the probe")
        samples = len(beside.instruments.samples)
        super().__init__(
            watched,
            dict.fromkeys(_NAMES, ()),
            passes=_FORWARD * watched.replicas * (samples + test.samples) / samples,
            looks=section.looks,
            most=_LOOKS,
            replicas=watched.replicas,
        )

    def observe(self, view: View) -> None:
        """Evaluate where the replicas are."""
        place, test = int(np.searchsorted(self._steps, view.step)), view.test
        assert test is not None  # or it was refused
        for name, found in (("train", view.train), ("test", test)):
            self._found[f"{name}_error"][place] = _error(found)
            self._found[f"{name}_loss"][place] = found.loss

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        found = {name: self._found[name] for name in ("train_error", "test_error")}
        gaps = {"generalisation_gap": "error", "loss_gap": "loss"}
        for name, of in gaps.items():
            gap = self._found[f"test_{of}"] - self._found[f"train_{of}"]
            found[name] = gap.mean(axis=1)
            found[f"{name}_stderr"] = gap.std(axis=1, ddof=1) / np.sqrt(gap.shape[1])
        return found

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps."""
        return {"generalisation_step": self._steps}


def _error(found: Evaluation) -> Array:
    return found.loss if found.accuracy is None else 1.0 - found.accuracy
