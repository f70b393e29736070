"""Makes inputs that a layer cannot tell from a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.reconstruction.config import ReconstructionProbe
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_NOISE = 0.1  # of the inputs' standard deviation
_STEP = 1 << 33  # of the SPECTRUM stream; critical samples take those below
_EVALUATIONS = 1.25  # of an iteration of L-BFGS, with its line search


class Layers:
    """The signals of all layers of a network, those of its modules with a parameter of two axes or more."""

    def __init__(self, network: Network) -> None:
        like = next(network.module.parameters())
        self._own = Network.of(network.module, dtype=like.dtype, device=like.device)  # with hooks, so one of its own
        self._given: list[Tensor] = []
        for module in self._own.module.modules():
            if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
                module.register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._given.append(inputs[0])

    def signals(self, w: Tensor, x: Tensor) -> list[Tensor]:
        """What each layer hands to the next of the one input `x`, in the order in which they are called."""
        self._given = []
        outputs = self._own.outputs(self._own.parameters(w), x[None])
        signals = [*self._given[1:], outputs]
        self._given = []
        return signals

    def reconstructed(
        self, w: Tensor, layer: int, sample: Tensor, start: Tensor, iterations: int
    ) -> tuple[Tensor, float]:
        """The input x found from `start`, and |h(x) - h(sample)|^2/|h(sample)|^2 there, h the signal of the layer."""
        with torch.no_grad():
            wanted = self.signals(w, sample)[layer]
        scale = wanted.square().sum()
        if float(scale) == 0.0:
            return torch.full_like(sample, torch.nan), float("nan")
        x = start.clone().requires_grad_()
        descent = torch.optim.LBFGS(
            [x], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-12,
            tolerance_change=1e-15,
        )  # fmt: skip

        def mismatch() -> Tensor:
            return (self.signals(w, x)[layer] - wanted).square().sum() / scale

        def closure() -> float:
            value = mismatch()
            (x.grad,) = torch.autograd.grad(value, x)
            return value.item()

        descent.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            return x.detach(), float(mismatch())


class Reconstruction(Probe):
    """The probe: the first replicas at the last step."""

    def __init__(self, section: ReconstructionProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        assert watched.steps is not None
        samples = beside.instruments.samples
        if not samples.inputs.is_floating_point():
            raise UserError("reconstruction: needs inputs that are real numbers; remove the probe")
        beside.instruments.loss.refuse_mixed()
        self._layers, self._iterations, self._last = (
            Layers(beside.instruments.network),
            section.iterations,
            watched.steps,
        )
        self._inputs = samples.inputs[: section.samples]
        noise = streams.normals(
            beside.seed,
            trajectories=[0],
            steps=[_STEP],
            components=self._inputs[0].numel(),
            stream=Stream.SPECTRUM,
        )[0, 0]
        spread = samples.inputs.std(0, correction=0)
        self._start = samples.inputs.mean(0) + _NOISE * spread * torch.from_numpy(noise).to(spread).reshape(
            spread.shape
        )
        with torch.no_grad():
            w = beside.instruments.network.weights()
            depth = len(self._layers.signals(w, self._inputs[0]))
        many = len(self._inputs)
        evaluations = _EVALUATIONS * section.iterations * depth * many  # of one sample: each is a call
        pays = affordable(watched, evaluations / len(samples), calls=evaluations)
        replicas = pays if section.replicas is None else section.replicas
        shape = (min(replicas, watched.replicas), depth, many)
        self._mismatch: Array = np.full(shape, np.nan)
        self._found: Array = np.full((*shape, noise.size), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last step."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Reconstruct every sample from every layer."""
        for replica, layer, sample in np.ndindex(self._mismatch.shape):
            at = (replica, layer, sample)
            w = torch.from_numpy(view.positions[replica]).to(self._start)
            x, self._mismatch[at] = self._layers.reconstructed(
                w, layer, self._inputs[sample], self._start, self._iterations
            )
            self._found[at] = x.reshape(-1).cpu().numpy()

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        inputs = self._inputs.reshape(len(self._inputs), -1).cpu().numpy()
        start = self._start.reshape(-1).cpu().numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = [_error(x, inputs) for x in (self._found, start)]
        return {
            "reconstruction_error": errors[0],
            "reconstruction_start_error": errors[1],
            "reconstruction_mismatch": self._mismatch,
            "reconstruction": self._found,
            "reconstructed_input": inputs,
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """Replicas, layers, samples and components."""
        replicas, depth, samples, components = self._found.shape
        return {
            "reconstructed_replica": np.arange(replicas),
            "reconstructed_layer": np.arange(1, depth + 1),
            "reconstructed_sample": np.arange(samples),
            "reconstructed_component": np.arange(components),
        }

    def state(self) -> State:
        """What was measured."""
        return {"mismatch": self._mismatch, "found": self._found}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._mismatch[...] = state["mismatch"]
        self._found[...] = state["found"]


def _error(x: Array, inputs: Array) -> Array:
    """|x - x_n|^2/|x_n|^2 (..., sample); NaN for a sample that is zero."""
    squares = (inputs**2).sum(-1)
    found: Array = ((x - inputs) ** 2).sum(-1) / np.where(squares > 0, squares, np.nan)
    return found
