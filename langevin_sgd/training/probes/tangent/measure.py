"""Measures linear response about the control, and what decides whether linear response can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.linear_response import LinearResponse, linear_response
from langevin_sgd.training.noise_strength import noise_thermal_energy
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.tangent.config import TangentProbe
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.tangent import TangentEnsemble
from langevin_sgd.training.top_modes import largest

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = ("control_edge", "control_kinks", "control_thermal_energy")
_SMALL = 1.0 / 256.0  # of a replica's distance from the control
_TRIED = 5  # replicas along whose responses kinks are looked for


class Tangent(Probe):
    """The probe: linear response at the recorded steps, and curvature along the control at some of them."""

    def __init__(self, section: TangentProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        self._ensemble = TangentEnsemble(beside)
        self._beside, self._record = beside, beside.record
        self._sgd = watched.sgd
        self._unbiased = watched.sgd.sampling == "with_replacement"
        self._start: Array = snapshot(beside.start[0], torch.float64)
        self._looks = spread_over(self._record, section.looks)
        names = ("control_energy", "control_squared_displacement", *LinearResponse._fields)
        self._along: dict[str, Array] = {name: np.full(self._record.size, np.nan) for name in names}
        self._at_looks: dict[str, Array] = {name: np.full(self._looks.size, np.nan) for name in _LOOKS}
        self._sharpest: Array = np.full(beside.network.size, np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the record."""
        return self._record

    def advance(self, first: int, last: int) -> None:
        """Make the steps of descent and of linear response."""
        self._ensemble.advance(first, last)

    def observe(self, view: View) -> None:
        """Compare the replicas with linear response; at some of the steps look at the loss about the control."""
        column = int(np.searchsorted(self._record, view.step))
        responses = snapshot(self._ensemble.displacements, torch.float64)
        control = snapshot(self._ensemble.control, torch.float64)[0]
        moved = control - self._start
        found = linear_response(view.positions - self._start, responses, moved, unbiased=self._unbiased)
        for name, value in found._asdict().items():
            self._along[name][column] = value
        self._along["control_energy"][column] = self._beside.instruments.energies(self._ensemble.control)[0]
        self._along["control_squared_displacement"][column] = float(moved @ moved)
        if view.step in self._looks:
            self._look(int(np.searchsorted(self._looks, view.step)), control, responses[:_TRIED], view)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {**self._along, **self._at_looks}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps at which the control is looked at."""
        return {"control_look_step": self._looks}

    def state(self) -> State:
        """The ensemble, and what was measured so far."""
        measured = {**self._along, **self._at_looks}
        return {**self._ensemble.state(), **measured, "sharpest": self._sharpest.copy()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._ensemble.restore(state)
        for name, values in (*self._along.items(), *self._at_looks.items()):
            values[...] = state[name]
        self._sharpest[...] = state["sharpest"]

    def _look(self, place: int, control: Array, responses: Array, view: View) -> None:
        """Curvature, noise and kinks at the control.

        The gradient at c + h u, with u of unit length along a replica's response and h a small part of the replicas'
        distance from c, less that at c is h H u + h^2 T where the loss is smooth on that scale: of the rests at h and
        at h/2 the term in h^2 is taken out, and what an activation with kinks leaves stays.
        """
        energy = view.energy
        start = self._sharpest if np.isfinite(self._sharpest).all() else None
        value, self._sharpest[...] = largest(energy, control, start=start)
        lengths = np.linalg.norm(responses, axis=1)
        units = responses / np.where(lengths > 0.0, lengths, 1.0)[:, None]
        far = _SMALL * float(np.sqrt(((view.positions - control) ** 2).sum(axis=1).mean()))
        products = energy.hessian_products(control, units)
        here = energy.energy_and_gradient(control).gradient
        rests = []
        for h in (far, 0.5 * far):
            slopes = np.stack([energy.energy_and_gradient(control + h * unit).gradient - here for unit in units])
            rests.append(slopes / h - products if h > 0.0 else np.zeros_like(products))
        size = float((products**2).sum())
        missed = float(((2.0 * rests[1] - rests[0]) ** 2).sum())
        self._at_looks["control_edge"][place] = self._sgd.learning_rate * value
        self._at_looks["control_kinks"][place] = math.sqrt(missed / size) if size > 0.0 else math.nan
        self._at_looks["control_thermal_energy"][place] = noise_thermal_energy(view.loss, control, self._sgd)
