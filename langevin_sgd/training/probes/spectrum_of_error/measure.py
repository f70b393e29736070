"""Measures the amplitudes of the frequencies in a residual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.spectrum_of_error.config import SpectrumOfErrorProbe

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_ON_CIRCLE = 1e-6
_CONDITION = 1e6  # beyond this two frequencies cannot be told apart on the samples
_PASSES = 1.0 / 3.0  # of a look at one replica, in gradients


def phases(inputs: Array) -> Array:
    """The phase (N,) of every sample of inputs (N, 2) on the unit circle, or (N, 1). Raises `UserError` of others."""
    if inputs.ndim == 2 and inputs.shape[1] == 1:
        result: Array = 2.0 * np.pi * inputs[:, 0]
        return result
    if inputs.ndim != 2 or inputs.shape[1] != 2 or (np.abs(np.hypot(*inputs.T) - 1.0) > _ON_CIRCLE).any():
        raise UserError(
            "spectrum_of_error: frequencies are those of one input, or of two that are cosine and sine of an angle; "
            "give data with these, say harmonics or sinusoids without standardise, or remove the probe"
        )
    return np.arctan2(inputs[:, 1], inputs[:, 0])


class Waves:
    """Least squares fits of sum_f (a_f sin(f p) + b_f cos(f p)) at phases p (N,).

    Raises `UserError` if the samples cannot tell the frequencies apart.
    """

    def __init__(self, phase: Array, frequencies: Array) -> None:
        angles = phase[:, None] * frequencies
        design = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        if len(design) < design.shape[1] or np.linalg.cond(design) > _CONDITION:
            raise UserError(
                f"spectrum_of_error: {len(design)} samples cannot tell these {frequencies.size} frequencies apart; "
                "give fewer of them, or more samples"
            )
        self._inverse: Array = np.linalg.pinv(design)

    def amplitudes(self, values: Array) -> Array:
        """The amplitude (frequency,) of values (N, outputs)."""
        both = (self._inverse @ values).reshape(2, -1, values.shape[1])
        result: Array = np.sqrt((both**2).sum(axis=(0, 2)))
        return result


class SpectrumOfError(Probe):
    """The probe: every replica at some of the recorded steps."""

    def __init__(self, section: SpectrumOfErrorProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        samples = beside.instruments.samples
        if not samples.labels.is_floating_point():
            raise UserError("spectrum_of_error: needs real targets, and these are classes; remove the probe")
        self._frequencies: Array = np.asarray(section.frequencies, dtype=np.float64)
        self._targets: Array = samples.labels.cpu().numpy()
        self._waves = Waves(phases(samples.inputs.cpu().numpy()), self._frequencies)
        self._of_target = self._waves.amplitudes(self._targets)
        pays = affordable(watched, _PASSES * watched.replicas)
        self._steps = spread_over(beside.record, pays if section.looks is None else section.looks)
        self._found: Array = np.full((self._steps.size, watched.replicas, self._frequencies.size), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Fit the residual of every replica."""
        place = int(np.searchsorted(self._steps, view.step))
        for replica, w in enumerate(view.positions):
            self._found[place, replica] = self._waves.amplitudes(view.outputs(w) - self._targets)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {"error_amplitude": self._found, "target_amplitude": self._of_target}

    def coords(self) -> Mapping[str, ArrayLike]:
        """Steps and frequencies."""
        return {"error_step": self._steps, "frequency": self._frequencies}

    def state(self) -> State:
        """What was measured so far."""
        return {"found": self._found}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._found[...] = state["found"]
