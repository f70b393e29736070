"""Sums over windows of the training, layer by layer: what has become of |w|^2, and of the noise that feeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.theory.norm_balance import gradient_balance, growth, norm_balance
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.stationarity.config import StationarityProbe
from langevin_sgd.training.snapshot import snapshot

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class Layers:
    """The parameters of a network by the module that holds them, and sums over the weights of each."""

    def __init__(self, network: Network) -> None:
        module = [name.rpartition(".")[0] or "network" for name in network.names]
        self.names = tuple(dict.fromkeys(module))
        self._layer = np.array([self.names.index(each) for each in module])
        self._begins = np.concatenate([[0], np.cumsum(network.sizes)[:-1]])

    def of_parameters(self, values: Array) -> Array:
        """Sums (replica, layer) of numbers a parameter (replica, parameter)."""
        found = np.zeros((len(values), len(self.names)))
        for place, layer in enumerate(self._layer):
            found[:, layer] += values[:, place]
        return found

    def of_weights(self, values: Array) -> Array:
        """Sums (replica, layer) of numbers a weight (replica, d)."""
        return self.of_parameters(np.add.reduceat(values, self._begins, axis=1))


class Stationarity(Probe):
    """The probe: |w|^2, w.m and the sum of |m|^2 at the ends of the windows, w.grad E at samples of the last."""

    def __init__(self, section: StationarityProbe, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.beside is not None
        steps = watched.steps
        if (fault := section.too_short(steps)) is not None:
            raise UserError(f"probe {section.kind}: {': '.join(fault)}")
        self._sgd = watched.sgd
        self._layers = Layers(watched.beside.network)
        self._ends = np.array([steps >> halved for halved in range(section.windows, -1, -1)])
        first, last = self._ends[-2:]
        # counted back from the end, so that the last step is one of them
        self._samples = last - np.arange(section.samples)[::-1] * (last - first) // max(section.samples, 1)
        shape = (watched.replicas, len(self._layers.names))
        self._norm, self._velocity, self._squares = np.full((3, self._ends.size, *shape), np.nan)
        self._along: Array = np.zeros(shape)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The ends of the windows, and the samples."""
        return np.union1d(self._ends, self._samples)

    def observe(self, view: View) -> None:
        """See the ends of a window, or a sample, or both."""
        ends = np.flatnonzero(self._ends == view.step)
        if ends.size:
            self._norm[ends[0]] = self._layers.of_weights(view.positions**2)
            self._velocity[ends[0]] = self._layers.of_weights(view.positions * _velocity(view))
            self._squares[ends[0]] = self._layers.of_parameters(view.squares)
        if view.step in self._samples:
            self._along += self._layers.of_weights(view.positions * view.gradients)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """Y of every layer and window, and of all layers together."""
        eta, mu = self._sgd.learning_rate, self._sgd.momentum
        norm, velocity, squares = (
            np.moveaxis(np.diff(each, axis=0), 0, -1) for each in (self._norm, self._velocity, self._squares)
        )
        grown = growth(norm, velocity, eta, mu).sum(axis=1) / squares.sum(axis=1)
        found: dict[str, ArrayLike] = {
            "norm_balance": norm_balance(norm, velocity, squares, eta, mu),
            "norm_balance_total": 1.0 - grown,
        }
        if self._samples.size:
            along, square = self._along / self._samples.size, squares[..., -1] / (self._ends[-1] - self._ends[-2])
            found |= {
                "gradient_balance": gradient_balance(along, square, eta, mu),
                "gradient_balance_total": gradient_balance(along.sum(axis=1), square.sum(axis=1), eta, mu),
            }
        return found

    def coords(self) -> Mapping[str, ArrayLike]:
        """Layers by the name of their module, windows by their ends."""
        return {
            "layer": np.array(self._layers.names),
            "window_first": self._ends[:-1],
            "window_last": self._ends[1:],
        }

    def state(self) -> State:
        """What was seen so far."""
        kept = {"norm": self._norm, "velocity": self._velocity, "squares": self._squares, "along": self._along}
        return {name: value.copy() for name, value in kept.items()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        for name, own in (
            *(("norm", self._norm), ("velocity", self._velocity)),
            *(("squares", self._squares), ("along", self._along)),
        ):
            own[...] = state[name]


def _velocity(view: View) -> Array:
    """m (replica, d); 0 without momentum, where it does not count."""
    slots = list(view.optimiser_state.values())
    return snapshot(slots[0], torch.float64) if slots else np.zeros_like(view.positions)
