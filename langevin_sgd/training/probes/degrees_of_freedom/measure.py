"""Measures degrees of freedom of layers, and prunes the network to as many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from langevin_sgd.errors import UserError
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.degrees_of_freedom import pruning
from langevin_sgd.training.probes.degrees_of_freedom.config import DegreesOfFreedomProbe
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = 6


def entering(network: Network, w: Array, inputs: Tensor) -> dict[str, Array]:
    """What enters each fully connected layer (sample, unit), by the layers' names and in their order."""
    seen: dict[str, Array] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda _, given, name=name: seen.__setitem__(name, given[0].detach().cpu().numpy())
        )
        for name, module in network.module.named_modules()
        if isinstance(module, nn.Linear) and f"{name}.weight" in network.names
    ]
    try:
        with torch.no_grad():
            network.outputs(network.parameters(torch.from_numpy(w).to(inputs.device)), inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {name: values for name, values in seen.items() if values.ndim == 2}


def pruned(network: Network, w: Array, told: Mapping[str, pruning.Told]) -> Array:
    """Weights (d,) of the network whose layers see what they are told: W <- W M and b <- b + W a_0."""
    parts = {
        name: part.numpy().copy()
        for name, part in zip(network.names, network.parameters(torch.from_numpy(w)), strict=True)
    }
    for name, each in told.items():
        weight = parts[f"{name}.weight"]
        parts[f"{name}.bias"] = parts[f"{name}.bias"] + weight @ each.offset
        parts[f"{name}.weight"] = weight @ each.matrix
    return np.concatenate([part.ravel() for part in parts.values()])


class DegreesOfFreedom(Probe):
    """The probe: the first replicas at some of the recorded steps, one by one."""

    def __init__(self, section: DegreesOfFreedomProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        self._network, self._inputs = beside.instruments.network, beside.instruments.samples.inputs
        counts = beside.loss.counts_correct(beside.instruments.samples.labels)
        self._test = beside.instruments.test if counts else None
        self._lambdas = np.asarray(section.relative_lambda, dtype=np.float64)
        layers = entering(self._network, beside.start[0].double().cpu().numpy(), self._inputs)
        if len(layers) < 2 or any(f"{name}.bias" not in self._network.names for name in layers):
            raise UserError("degrees_of_freedom: needs two fully connected layers (torch.nn.Linear) with bias or more")
        self._widths = [values.shape[1] for values in layers.values()]
        pays = affordable(watched, self._passes(len(self._inputs)))
        self._steps = spread_over(beside.record, min(pays, _LOOKS) if section.looks is None else section.looks)
        asked = max(1, pays // self._steps.size) if section.replicas is None else section.replicas
        at, many = (self._steps.size, min(asked, watched.replicas)), self._lambdas.size
        self._found = {
            "activation_spectrum": np.full((*at, len(self._widths), max(self._widths)), np.nan),
            "degrees_of_freedom": np.full((*at, len(self._widths), many), np.nan),
            "unpruned_test_error": np.full(at, np.nan),
            "pruned_test_error": np.full((*at, many), np.nan),
            "overpruned_test_error": np.full((*at, many), np.nan),
        }

    def _passes(self, samples: int) -> float:
        """A covariance, its eigenvectors and their QR, and solving per lambda, against six operations a weight.

        Decompositions in float64 take some three times as long for an operation as products in the float32 of training.
        """
        cubes = 36.0 + 6.0 * self._lambdas.size
        work = math.fsum(2.0 * samples * width**2 + cubes * width**3 for width in self._widths)
        return 2.0 + self._lambdas.size + work / (6.0 * samples * self._network.size)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Spectra of all layers, and what is left of the network."""
        place = int(np.searchsorted(self._steps, view.step))
        for replica in range(self._found["unpruned_test_error"].shape[1]):
            for name, values in self._of_one(view.positions[replica]).items():
                self._found[name][place, replica] = values

    def _of_one(self, w: Array) -> dict[str, ArrayLike]:
        layers = entering(self._network, w, self._inputs)
        spectra = np.full((len(layers), max(self._widths)), np.nan)
        freedom = np.full((len(layers), self._lambdas.size), np.nan)
        pieces: list[tuple[dict[str, pruning.Told], dict[str, pruning.Told]]] = [({}, {}) for _ in self._lambdas]
        for place, (name, values) in enumerate(layers.items()):
            sigma, means = pruning.covariance(values), values.mean(0)
            mu = pruning.spectrum(sigma)
            spectra[place, : mu.size] = mu
            freedom[place] = [pruning.degrees_of_freedom(mu, each) for each in self._lambdas]
            if place == 0 or self._test is None or mu[0] == 0.0:
                continue  # inputs are not pruned; units that do not vary have nothing to be told
            order = pruning.ranking(sigma)
            for each, n, both in zip(self._lambdas, freedom[place], pieces, strict=True):
                for keep, told in zip((pruning.enough(n, mu.size), math.ceil(n)), both, strict=True):
                    # of `keep` units of many the covariance has eigenvalues that are smaller by that
                    ridge = each * mu[0] * keep / mu.size
                    told[name] = pruning.told_by(order[:keep], sigma, means, ridge)
        found: dict[str, ArrayLike] = {"activation_spectrum": spectra, "degrees_of_freedom": freedom}
        if self._test is not None:
            rows = [w, *(pruned(self._network, w, told) for both in pieces for told in both)]
            accuracy = self._test(torch.from_numpy(np.stack(rows)).to(self._inputs.device)).accuracy
            assert accuracy is not None  # the loss counts correct answers
            error = 1.0 - accuracy
            found |= {
                "unpruned_test_error": error[0],
                "pruned_test_error": error[1::2],
                "overpruned_test_error": error[2::2],
            }
        return found

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return self._found

    def coords(self) -> Mapping[str, ArrayLike]:
        """Steps, replicas, layers and lambda."""
        return {
            "freedom_step": self._steps,
            "freedom_replica": np.arange(self._found["unpruned_test_error"].shape[1]),
            "freedom_layer": np.arange(len(self._widths)),
            "freedom_width": self._widths,
            "freedom_lambda": self._lambdas,
        }

    def state(self) -> State:
        """What was measured so far."""
        return self._found

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        for name, values in self._found.items():
            values[...] = state[name]
