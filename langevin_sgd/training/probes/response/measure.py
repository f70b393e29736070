"""Response and displacement of every mode over the same times, and the thermal energy that they have in common.

In equilibrium at a thermal energy theta every coordinate obeys <dx^2> = 2 theta chi, chi its response to a field along
it: theta is measured without knowing H or C. SGD gives each mode one of its own, eta c/(2B) up to a factor of order 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.effective_temperature import increment_variance, thermal_energy
from langevin_sgd.laws import temperatures
from langevin_sgd.storage.keeper import part, prefixed
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.response.config import LATE, ResponseProbe, last_onset
from langevin_sgd.training.probes.response.onset import Onset, Times
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_ONSETS = 4
_EARLY = (1, 4, 16)
_ORIGINS = 30
_THIRTY_SECOND = 32


class Response(Probe):
    """The probe: copies with a field from each onset on, and the replicas' own displacements in the same delays."""

    def __init__(self, section: ResponseProbe, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.beside is not None
        self._section, self._beside, self._sgd = section, watched.beside, watched.sgd
        measured = watched.beside.curvature
        self._times = _times(section, watched.steps, curved=measured is not None)
        self._steps = np.unique(np.concatenate([times.steps for times in self._times]))
        self._strengths = np.asarray(section.fields, dtype=np.float64)
        self._under_way: dict[int, Onset] = {}
        dimension = watched.beside.network.size
        modes = dimension if measured is None else measured.eigenvalues.size
        onsets, delays = len(self._times), self._times[0].delays.size
        also = len(section.directions)
        replicas, after = watched.replicas, (onsets, delays, modes)
        self._sums: Array = np.zeros((2, replicas, onsets, delays, modes + also))
        self._once: dict[str, Array] = {
            "onset_eigenvalue": np.full((onsets, modes), np.nan),
            "bath_thermal_energy": np.full((onsets, modes), np.nan),
            "mode_response": np.full((replicas, *after), np.nan),
            "field_response": np.full((replicas, self._strengths.size, onsets, modes), np.nan),
            "direction_response": np.full((replicas, onsets, delays, also), np.nan),
        }

    @property
    def steps(self) -> Integers:
        """Onsets and origins, and all delays after each."""
        return self._steps

    def observe(self, view: View) -> None:
        """Switch fields on, and measure what has happened since."""
        for place, times in enumerate(self._times):
            if view.step == times.onset:
                self._begin(place, view)
            onset = self._under_way.get(place)
            if onset is None:
                continue
            for delay in np.flatnonzero(times.onset + times.delays == view.step).tolist():
                by_mode, by_direction = onset.responses(view.step)
                self._once["mode_response"][:, place, delay] = by_mode[:, 0]
                if delay == times.delays.size - 1:
                    self._once["field_response"][:, :, place] = by_mode
                self._once["direction_response"][:, place, delay] = by_direction
            for delay, moved in onset.increments(view):
                self._sums[0, :, place, delay] += moved
                self._sums[1, :, place, delay] += moved**2
            if view.step >= times.last:
                del self._under_way[place]

    def advance(self, first: int, last: int) -> None:
        """Make the steps of the copies."""
        for onset in self._under_way.values():
            onset.advance(first, last)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        modes = self._once["onset_eigenvalue"].shape[1]
        origins = np.stack([times.origins for times in self._times])
        moment_1, moment_2 = self._sums / origins.shape[1]
        own_1, own_2 = moment_1[..., :modes], moment_2[..., :modes]
        variance = increment_variance(own_1, own_2)
        theta = thermal_energy(own_1, own_2, self._once["mode_response"])
        found: dict[str, ArrayLike] = {
            **{name: each for name, each in self._once.items() if name != "direction_response"},
            "origin_step": origins,
            "mode_increment_1": own_1,
            "mode_increment_2": own_2,
            "mode_increment_variance": variance.value,
            "mode_increment_variance_stderr": variance.stderr,
            "mode_thermal_energy": theta.value,
            "mode_thermal_energy_stderr": theta.stderr,
        }
        if not self._section.directions:
            return found
        along = thermal_energy(moment_1[..., modes:], moment_2[..., modes:], self._once["direction_response"])
        return {
            **found,
            "direction_response": self._once["direction_response"],
            "direction_thermal_energy": along.value,
            "direction_thermal_energy_stderr": along.stderr,
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """Times, fields and directions."""
        found: dict[str, ArrayLike] = {
            "onset_step": np.array([times.onset for times in self._times]),
            "delay_step": self._times[0].delays,
            "field_strength": self._strengths,
        }
        return {**found, "direction": np.array(self._section.directions)} if self._section.directions else found

    def state(self) -> State:
        """What is measured, and all that is under way."""
        state: dict[str, NDArray[Any]] = {"sums": self._sums.copy(), **self._once}
        for place, onset in self._under_way.items():
            state |= prefixed(f"onset {place}", onset.state())
        return state

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._sums[...] = state["sums"]
        for name, values in self._once.items():
            values[...] = state[name]
        self._under_way = {}
        for place, times in enumerate(self._times):
            saved = part(state, f"onset {place}")
            if saved:
                self._under_way[place] = Onset.restored(self._beside, times, saved, **self._told())

    def _begin(self, place: int, view: View) -> None:
        onset = Onset(self._beside, self._times[place], view.positions.mean(axis=0), **self._told())
        onset.switch_on(view)
        basis, sgd = onset.basis, self._sgd
        bath = sgd.learning_rate * basis.noise / (2.0 * sgd.batch_size)
        self._once["onset_eigenvalue"][place] = basis.eigenvalues
        self._once["bath_thermal_energy"][place] = temperatures.effective(bath, sgd.momentum)
        self._under_way[place] = onset

    def _told(self) -> dict[str, Any]:
        return {"strengths": self._strengths, "directions": self._section.directions}


def _times(section: ResponseProbe, steps: int, *, curved: bool) -> tuple[Times, ...]:
    """Onsets, delays and origins, as given or by rule. Raises `UserError` for a training that is too short."""
    if (fault := section.unfit(steps, curved=curved)) is not None:
        key, told = fault
        raise UserError(": ".join(map(str, ("response", *key, told))))
    onsets = np.asarray(section.onsets or _onsets(steps, curved), dtype=np.int64)
    if section.delays is None:
        longest = min(steps // _THIRTY_SECOND, steps - int(onsets[-1]))
        equal = longest * np.arange(1, LATE + 1) // LATE
        delays = np.union1d(equal, [early for early in _EARLY if early < longest]).astype(np.int64)
    else:
        delays = np.asarray(section.delays, dtype=np.int64)
    room = steps - onsets - int(delays[-1])
    count = (_ORIGINS if curved else 1) if section.origins is None else section.origins
    count = min(count, 1 + int(room.min()))
    return tuple(
        Times(int(onset), delays, onset + np.arange(count) * (int(left) // max(count - 1, 1)))
        for onset, left in zip(onsets, room, strict=True)
    )


def _onsets(steps: int, curved: bool) -> Integers:
    last = last_onset(steps, curved=curved)
    if curved:
        return np.array([last])
    spaced: Integers = np.rint(np.geomspace(steps // _THIRTY_SECOND, last, _ONSETS)).astype(np.int64)
    return spaced
