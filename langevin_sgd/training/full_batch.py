"""Energy, gradient, Hessian products and per-sample gradients on the whole training set, in float64, at one point."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.section import MIXED
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.intermediate_results import widest
from langevin_sgd.training.losses import of_weights
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.functions import Traceable
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.prepared import MOST, Prepared
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.tracing import Recorded, trace

Array = NDArray[np.float64]

_SAMPLES_AT_A_TIME = 512
_NUMBERS_AT_A_TIME = 1 << 21  # float64 entries of a block of per-sample gradients or of Hessian columns
_ROUNDING = 1e-12


class EnergyAndGradient(NamedTuple):
    """E and its gradient (d,)."""

    energy: float
    gradient: Array


class FullBatch:
    """The energy E(w) = mean loss + (weight_decay/2) |w|^2 of a network, and its derivatives at w (d,).

    `network` and `samples` are in float64.
    Sums over samples are made in a fixed order on one thread each, so results do not depend on the number of threads.
    Raises `UserError` if torch cannot differentiate the module twice under `torch.func` transforms, and if its loss is
    no sum over samples, as `apart` says.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        weight_decay: float,
        workers: Workers,
        loss: Loss = CROSS_ENTROPY,
        *,
        apart: bool = True,
    ) -> None:
        self._apart = apart
        self.dimension = network.size
        self.samples = len(samples)
        self._network, self._loss = network, loss
        self.weight_decay = weight_decay
        self._workers = workers
        self._chunks = samples.chunks(_SAMPLES_AT_A_TIME, torch.float64)
        self.device = samples.labels.device
        self._functions: dict[str, Recorded] = {}
        self._held: tuple[Array, int, Prepared | None] = np.empty(0), 0, None

    def with_decay(self, weight_decay: float) -> FullBatch:
        """The same with another weight decay; what has been traced, and will be, serves both."""
        other = copy.copy(self)
        other.weight_decay = weight_decay
        return other

    def energy_and_gradient(self, w: Array) -> EnergyAndGradient:
        """E(w) and grad E(w)."""
        point = self._point(w)
        function = self._traced("gradient", of_weights.value_and_gradient, point, *self._chunks[0])
        parts = self._workers.map(lambda chunk: function(point, *chunk), self._chunks)
        loss = sum(float(part[0]) for part in parts) / self.samples
        gradient = torch.stack([part[1] for part in parts]).sum(0).cpu().numpy() / self.samples
        return EnergyAndGradient(loss + 0.5 * self.weight_decay * float(w @ w), gradient + self.weight_decay * w)

    def hessian_products(self, w: Array, vectors: Array) -> Array:
        """H(w) v for every row v of `vectors` (m, d).

        What depends on w alone is held for those who ask at the same w again, of as many rows: the bits are the same.
        """
        rows = max(1, _NUMBERS_AT_A_TIME // (_SAMPLES_AT_A_TIME * self._width()))
        rows = min(rows, len(vectors))
        padded = np.zeros((-(-len(vectors) // rows) * rows, self.dimension))
        padded[: len(vectors)] = vectors
        blocks = [self._point(padded[i : i + rows]) for i in range(0, len(padded), rows)]
        at = self._prepared(w, blocks[0])

        def product(block: Tensor) -> Tensor:
            total = torch.zeros_like(block)
            for part in each_chunk(lambda chunk: at(chunk, block)[0]):
                total += part
            return total

        def each_chunk(term: Callable[[int], Tensor]) -> Iterable[Tensor]:
            # a single block leaves the threads to the chunks, which are added up in the same order either way
            order = range(len(at))
            return self._workers.map(term, order) if len(blocks) == 1 else map(term, order)

        products = torch.cat([product(blocks[0])] if len(blocks) == 1 else self._workers.map(product, blocks))
        result: Array = products.cpu().numpy()[: len(vectors)] / self.samples + self.weight_decay * vectors
        return result

    def _prepared(self, w: Array, block: Tensor) -> Prepared:
        """The Hessian at w (d,) for blocks of so many directions."""
        at, rows, held = self._held
        if held is None or rows != len(block) or not np.array_equal(at, w):
            point = self._point(w)
            function = self._traced(
                f"hessian {len(block)}", of_weights.hessian_rows, block, point, *self._chunks[0], varying=[0]
            )
            held = Prepared(function, [(point, *chunk) for chunk in self._chunks], most=MOST // 4)
            self._held = np.array(w), len(block), held
        return held

    def sample_gradients(self, w: Array, visit: Callable[[Tensor], None]) -> None:
        """Call `visit` with the gradients (n, d) of the samples' losses, a block of samples at a time."""
        point = self._point(w)
        size = max(1, min(_SAMPLES_AT_A_TIME, _NUMBERS_AT_A_TIME // self.dimension, self.samples))
        inputs = torch.cat([chunk[0] for chunk in self._chunks])[: self.samples]
        labels = torch.cat([chunk[1] for chunk in self._chunks])[: self.samples]
        chunks = Samples(inputs, labels).chunks(size, torch.float64)
        function = self._traced("samples", of_weights.sample_gradients, point, *chunks[0][:2])

        def one_by_one(_: None) -> None:
            for chunk_inputs, chunk_labels, weights in chunks:
                visit(function(point, chunk_inputs, chunk_labels)[0][: int(weights.sum())])

        self._workers.map(one_by_one, [None])

    def curvature_roots(self, w: Array) -> Tensor:
        """Rows (n, o, d) whose products r_n^T r_n are the Gauss-Newton part of the Hessians of the samples' losses.

        r_n = L_n^T J_n of the outputs' derivatives J_n (o, d) by the weights and L_n L_n^T, the Hessian of the loss by
        the outputs; NaN where that has a negative eigenvalue.
        """
        point = self._point(w)
        inputs = torch.cat([chunk[0] for chunk in self._chunks])[: self.samples]
        labels = torch.cat([chunk[1] for chunk in self._chunks])[: self.samples]
        function = self._traced("roots", of_weights.output_derivatives, point, inputs, labels)
        found: list[Tensor] = []
        self._workers.map(lambda _: found.extend(function(point, inputs, labels)), [None])
        jacobians, hessians = found
        curvatures, directions = torch.linalg.eigh(hessians)
        tiny = _ROUNDING * curvatures.abs().amax()
        roots = torch.where(curvatures.abs() <= tiny, torch.zeros_like(curvatures), curvatures).sqrt()
        return torch.einsum("no,nio,nid->nod", roots, directions, jacobians)

    def _point(self, w: Array) -> Tensor:
        return torch.from_numpy(np.array(w, dtype=np.float64)).to(self.device)

    def _width(self) -> int:
        """The activations of one sample: the outputs of all layers that have weights, or more if one holds more."""
        guess = sum(shape[0] if shape else 1 for shape in self._network.shapes)
        return max(guess, widest(self._network, self._chunks[0][0]))

    def refuse_mixed(self) -> None:
        """Raise `UserError` if the loss of the network is no sum over samples."""
        if not self._apart:
            raise UserError(
                f"{MIXED}, and its derivatives over the whole set are another loss's; use LayerNorm or GroupNorm"
            )

    def _traced(
        self,
        name: str,
        make: Callable[[Network, Loss], Traceable],
        *examples: Tensor,
        varying: Sequence[int] | None = None,
    ) -> Recorded:
        self.refuse_mixed()
        if name not in self._functions:
            function = make(self._network, self._loss)
            purpose = "differentiated as the curvature needs it"
            self._functions[name] = trace(function, *examples, purpose=purpose, varying=varying)
        return self._functions[name]
