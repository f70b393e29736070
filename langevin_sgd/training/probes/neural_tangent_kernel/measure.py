"""Measures the neural tangent kernels of replicas along training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.training.losses import of_weights
from langevin_sgd.training.losses.functions import Traceable
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.neural_tangent_kernel.config import NeuralTangentKernelProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.tracing import trace
from langevin_sgd.training.view import Instruments

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_SAMPLES, _MODES, _LOOKS = 64, 10, 24
_NUMBERS = 1 << 27  # float64 entries of the Jacobians that are there at a time: 1 GiB
_PASSES_OF_A_ROW = 1.5  # of the Jacobian, in gradients of a sample
_ROUNDING = 1e-12


class Seen(NamedTuple):
    """Of one weight vector: Theta (n o, n o), the residual (n o,), and the loss's curvature by the outputs (n, o, o).

    The outputs of a sample are next to each other.
    """

    kernel: Tensor
    residual: Tensor
    curvature: Tensor


class TangentKernels:
    """Theta(w) = J J^T, J (n o, d) the derivatives of o outputs of the first n samples by the weights, in float64.

    Weight vectors are worked on one by one, each on one thread, so that the bits of one do not hang on the others.
    Raises `UserError` if the network mixes samples or cannot be differentiated, and if J is too large.
    """

    def __init__(self, instruments: Instruments, samples: int) -> None:
        instruments.loss.refuse_mixed()
        network, self._workers = instruments.network, instruments.workers
        self._inputs, self._targets = (
            each[:samples].clone() for each in (instruments.samples.inputs, instruments.samples.labels)
        )
        point = network.weights().clone()
        with torch.no_grad():
            self.outputs = int(network.outputs(network.parameters(point), self._inputs).shape[1])
        numbers = samples * self.outputs * network.size
        if numbers > _NUMBERS:
            raise UserError(
                f"neural_tangent_kernel: the derivatives of {self.outputs} outputs of {samples} samples by "
                f"{network.size} weights are more than {_NUMBERS} numbers; give at most "
                f"{_NUMBERS // (self.outputs * network.size)} samples, or remove the probe"
            )
        self._at_a_time = max(1, _NUMBERS // numbers)
        self._function = trace(
            _derivatives(network, instruments.of_samples),
            *(point, self._inputs, self._targets),
            purpose="differentiated as the tangent kernel needs it",
        )

    def __call__(self, weights: Array) -> list[Seen]:
        """Those at weights (row, d)."""
        found: list[Seen] = []
        for start in range(0, len(weights), self._at_a_time):
            found += self._workers.map(self._of, list(weights[start : start + self._at_a_time]))
        return found

    def _of(self, w: Array) -> Seen:
        point = torch.from_numpy(w).clone().to(self._inputs.device)
        jacobian, curvature, residual = self._function(point, self._inputs, self._targets)
        rows = jacobian.reshape(-1, jacobian.shape[-1])
        return Seen((rows @ rows.T).cpu(), residual.reshape(-1).cpu(), curvature.cpu())


def _derivatives(network: Network, loss: Loss) -> Traceable:
    """(w, inputs, targets) -> derivatives of the outputs by w, of the loss by the outputs twice, and once (n, o)."""
    by_weights = of_weights.output_derivatives(network, loss)

    def function(point: Tensor, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        outputs = network.outputs(network.parameters(point), inputs)
        return (*by_weights(point, inputs, targets), loss.gradient(outputs, targets))

    return function


class _Start(NamedTuple):
    """Of a replica: Theta_0, the leading eigenvectors (n o, mode), and whether the loss is half a squared error."""

    kernel: Tensor
    vectors: Tensor
    quadratic: bool


class NeuralTangentKernel(Probe):
    """The probe: the first replicas at the start and at some of the recorded steps."""

    def __init__(self, section: NeuralTangentKernelProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        there = len(beside.samples)
        self._samples = min(_SAMPLES, there) if section.samples is None else section.samples
        if self._samples > there:
            raise UserError(
                f"neural_tangent_kernel: {self._samples} samples are more than the {there} that are trained on; give "
                "fewer"
            )
        self._kernels = TangentKernels(beside.instruments, self._samples)
        size = self._samples * self._kernels.outputs
        modes = min(_MODES, size) if section.modes is None else section.modes
        if modes > size:
            raise UserError(f"neural_tangent_kernel: {modes} modes of {size} samples x outputs; give fewer")
        # a row of the Jacobian goes back through one sample; its products with the others are 1/3 of that each, and
        # eigenvalues, which know nothing of the number of weights, take as long as size^3 of six operations
        gradients = _PASSES_OF_A_ROW * size + size**2 / 3.0 + size**3 / beside.network.size
        pays = affordable(watched, gradients / there)
        # the start is seen twice: once as where they began, once as a look
        paid = max(1, min(pays - 2, _LOOKS))
        later = spread_over(beside.record, paid if section.looks is None else section.looks)
        self._steps: NDArray[np.int64] = np.concatenate([[0], later]).astype(np.int64)
        replicas = max(1, pays // (self._steps.size + 1)) if section.replicas is None else section.replicas
        self._replicas = min(replicas, watched.replicas)
        self._beside, self._rate = beside, watched.sgd.learning_rate
        self._frozen = _is_descent(watched, there) and self._samples == there
        self._begun: list[_Start] | None = None
        at = (self._steps.size, self._replicas)
        self._found: dict[str, Array] = {
            "drift": np.full(at, np.nan),
            "norm": np.full(at, np.nan),
            "eigenvalue": np.full((*at, modes), np.nan),
            "residual": np.full((*at, modes), np.nan),
        }

    @property
    def steps(self) -> NDArray[np.int64]:
        """The start and some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Measure the kernels where the replicas are."""
        place = int(np.searchsorted(self._steps, view.step))
        modes = self._found["residual"].shape[-1]
        seen = self._kernels(view.positions[: self._replicas])

        def leading(each: Seen) -> Tensor:
            ascending: Tensor = torch.linalg.eigvalsh(each.kernel)
            return ascending.flip(0)[:modes] / self._samples

        for row, (now, begun, eigenvalues) in enumerate(
            zip(seen, self._start(), self._beside.workers.map(leading, seen), strict=True)
        ):
            self._found["drift"][place, row] = float(
                torch.linalg.norm(now.kernel - begun.kernel) / torch.linalg.norm(begun.kernel)
            )
            self._found["norm"][place, row] = float(torch.linalg.norm(now.residual))
            self._found["eigenvalue"][place, row] = eigenvalues.numpy()
            self._found["residual"][place, row] = (now.residual @ begun.vectors).numpy()

    def _start(self) -> list[_Start]:
        """Where the replicas began, which a run that goes on sees again."""
        if self._begun is None:
            modes = self._found["residual"].shape[-1]
            weights = self._beside.start[: self._replicas].to(torch.float64).cpu().numpy()

            def begun(seen: Seen) -> _Start:
                vectors = torch.linalg.eigh(seen.kernel)[1].flip(1)[:, :modes]
                along = seen.residual @ vectors
                signs = torch.where(along < 0, -torch.ones_like(along), torch.ones_like(along))
                own = torch.eye(seen.curvature.shape[-1], dtype=torch.float64)
                quadratic = bool((seen.curvature - own).abs().max() < _ROUNDING)
                return _Start(seen.kernel, vectors * signs, quadratic)

            self._begun = self._beside.workers.map(begun, self._kernels(weights))
        return self._begun

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        found: dict[str, ArrayLike] = {
            "kernel_drift": self._found["drift"],
            "kernel_residual_norm": self._found["norm"],
            "kernel_eigenvalue": self._found["eigenvalue"],
            "kernel_residual": self._found["residual"],
        }
        if self._frozen and all(each.quadratic for each in self._start()):
            left = (1.0 - self._rate * self._found["eigenvalue"][0]) ** self._steps[:, None, None]
            found["kernel_residual_predicted"] = self._found["residual"][0] * left
        return found

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps and replicas."""
        return {"kernel_step": self._steps, "kernel_replica": np.arange(self._replicas)}

    def state(self) -> State:
        """What was measured so far."""
        return dict(self._found)

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        for name, values in self._found.items():
            values[...] = state[name]


def _is_descent(watched: Watched, samples: int) -> bool:
    """Whether every step is w <- w - learning_rate g, g the gradient of the loss over all so many samples."""
    sgd = watched.sgd
    plain = watched.rule is None or watched.rule.heavy_ball(sgd)
    whole = sgd.batch_size == samples and sgd.sampling == "epoch" and not watched.anew
    return plain and whole and sgd.momentum == 0 and sgd.weight_decay == 0
