"""Measures sharpness before and after a layer is multiplied and the next one divided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.ensemble_products import EnsembleProducts
from langevin_sgd.training.lanczos import leading_pairs
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.scale_invariance.config import ScaleInvarianceProbe
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_TOLERANCE, _MOST = 1e-3, 200


def exponents(network: Network) -> Array:
    """p (d,) of w_k -> l^p w_k: 1 in the first layer, its bias included, -1 in the weights of the next, 0 elsewhere.

    A layer is what has its name before the last dot. Raises `UserError` if there are not two with weights.
    """
    layers: dict[str, list[int]] = {}
    for place, name in enumerate(network.names):
        layers.setdefault(name.rpartition(".")[0], []).append(place)
    weighted = [places for places in layers.values() if any(len(network.shapes[place]) > 1 for place in places)]
    if len(weighted) < 2:
        raise UserError("scale_invariance: needs a network of two layers with weights; remove the probe")
    powers = np.zeros(len(network.names))
    powers[weighted[0]] = 1.0
    powers[[place for place in weighted[1] if len(network.shapes[place]) > 1]] = -1.0
    return np.repeat(powers, network.sizes)


class ScaleInvariance(Probe):
    """The probe: the first replicas at the last step.

    Random signs are those of the SPECTRUM stream at step 3, a trajectory each; Lanczos iteration begins at its
    trajectory 0 of step 0.
    """

    def __init__(self, section: ScaleInvarianceProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        assert watched.steps is not None
        network = beside.instruments.network
        self._powers, self._products = exponents(network), EnsembleProducts(beside.instruments)
        self._factors: Array = np.asarray(section.factors, dtype=np.float64)
        replicas = affordable(watched, section.passes()) if section.replicas is None else section.replicas
        self._last, replicas = watched.steps, min(replicas, watched.replicas)
        drawn = streams.words(
            beside.seed,
            trajectories=np.arange(section.vectors),
            steps=[3],
            components=network.size,
            stream=Stream.SPECTRUM,
        )[0]
        self._signs: Array = np.where(drawn >> 31 == 1, 1.0, -1.0)
        self._start: Array = streams.normals(
            beside.seed, trajectories=[0], steps=[0], components=network.size, stream=Stream.SPECTRUM
        )[0]
        self._found: Array = np.full((4, self._factors.size, replicas), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last step."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Rescale every replica by every factor."""
        replicas = self._found.shape[2]
        weights = view.positions[:replicas]
        before = [view.outputs(w) for w in weights]
        for place, factor in enumerate(self._factors):
            rescaled = weights * factor**self._powers
            for replica, w in enumerate(rescaled):
                change = np.abs(view.outputs(w) - before[replica]).max() / np.abs(before[replica]).max()
                self._found[3, place, replica] = change
            self._found[0, place] = self._largest(rescaled)
            for kind, scale in ((1, np.ones_like(rescaled)), (2, rescaled)):
                self._found[kind, place] = self._quadratic(rescaled, scale)

    def _largest(self, weights: Array) -> list[float]:
        pairs = self._products.in_blocks(
            weights,
            lambda rows, hessian: leading_pairs(
                hessian,
                np.repeat(self._start, rows.stop - rows.start, axis=0),
                1,
                most=_MOST,
                tolerance=_TOLERANCE,
            ),
            numbers=weights.shape[1] * _MOST,
        )
        return [float(each.values[0]) for each in pairs]

    def _quadratic(self, weights: Array, scale: Array) -> Array:
        """The mean over signs z of (s z)^T H (s z), the sum of s^2 times the diagonal of H, (row,)."""
        many = len(self._signs)
        vectors = np.repeat(scale, many, axis=0) * np.tile(self._signs, (len(weights), 1))
        found = self._products(np.repeat(weights, many, axis=0), vectors)
        result: Array = np.einsum("rd,rd->r", vectors, found).reshape(len(weights), many).mean(axis=1)
        return result

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        names = ("rescaled_top", "rescaled_trace", "rescaled_invariant", "rescaled_output_change")
        return dict(zip(names, self._found, strict=True))

    def coords(self) -> Mapping[str, ArrayLike]:
        """The factors and replicas."""
        return {"rescaling": self._factors, "rescaled_replica": np.arange(self._found.shape[2])}

    def state(self) -> State:
        """What was measured."""
        return {"found": self._found}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._found[...] = state["found"]
