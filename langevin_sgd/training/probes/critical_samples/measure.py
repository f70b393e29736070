"""Looks for answers that change close to a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.critical_samples.config import CriticalSamplesProbe
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = 12
_STRIDE, _NOISE = 0.25, 0.2  # of the radius


def critical(network: Network, w: Array, inputs: Tensor, radius: float, normals: Array) -> NDArray[np.bool_]:
    """Which of `inputs` (n, ...) have another answer within `radius`, as far as a search finds one.

    `normals` (step, n, inputs) are the noise of the search. The first answer is the largest output, of equal ones the
    first.
    """
    parameters = network.parameters(torch.from_numpy(w).to(inputs.device))
    with torch.no_grad():
        told = network.outputs(parameters, inputs).argmax(1, keepdim=True)
    found = torch.zeros(len(inputs), dtype=torch.bool, device=inputs.device)

    def rise(x: Tensor) -> tuple[Tensor, Tensor]:
        outputs = network.outputs(parameters, x)
        others = outputs.scatter(1, told, -torch.inf).amax(1)
        return (others - outputs.gather(1, told).squeeze(1)).sum(), outputs

    slope = torch.func.grad_and_value(rise, has_aux=True)
    x = inputs
    for noise in normals:
        gradient, (_, outputs) = slope(x)
        found |= outputs.argmax(1) != told.squeeze(1)
        step = _STRIDE * gradient.sign() + _NOISE * torch.from_numpy(noise).to(x).reshape(x.shape)
        x = (inputs + (x + radius * step - inputs).clamp(-radius, radius)).detach()
    with torch.no_grad():
        found |= network.outputs(parameters, x).argmax(1) != told.squeeze(1)
    result: NDArray[np.bool_] = found.cpu().numpy()
    return result


class CriticalSamples(Probe):
    """The probe: the first replicas at some of the recorded steps; the noise is that of the SPECTRUM stream, steps from
    2^32 on, where a trajectory is a sample: the same at all looks and for all replicas.
    """

    def __init__(self, section: CriticalSamplesProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        samples = beside.instruments.samples
        if samples.labels.is_floating_point() or not samples.inputs.is_floating_point():
            raise UserError("critical_samples: needs classes, and inputs that are real numbers; remove the probe")
        self._network, self._radius = beside.instruments.network, section.radius
        self._inputs = samples.inputs[: section.samples]
        many = len(self._inputs)
        self._normals: Array = streams.normals(
            beside.seed,
            trajectories=np.arange(many),
            steps=(1 << 32) + np.arange(section.search),
            components=self._inputs[0].numel(),
            stream=Stream.SPECTRUM,
        )
        calls = section.search + 2
        pays = affordable(watched, calls * many / len(samples), calls=calls)
        self._steps = spread_over(beside.record, min(pays, _LOOKS) if section.looks is None else section.looks)
        replicas = max(1, pays // self._steps.size) if section.replicas is None else section.replicas
        self._share: Array = np.full((self._steps.size, min(replicas, watched.replicas)), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Search about every sample."""
        place = int(np.searchsorted(self._steps, view.step))
        for replica in range(self._share.shape[1]):
            w = view.positions[replica]
            found = critical(self._network, w, self._inputs, self._radius, self._normals)
            self._share[place, replica] = found.mean()

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {"critical_share": self._share}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps and replicas."""
        return {"critical_step": self._steps, "critical_replica": np.arange(self._share.shape[1])}

    def state(self) -> State:
        """What was measured so far."""
        return {"share": self._share}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._share[...] = state["share"]
