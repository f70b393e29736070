"""Measures the spectra of the Hessians of several replicas at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.ensemble_products import ROWS, EnsembleProducts
from langevin_sgd.training.lanczos import Lanczos, RitzPairs, leading_pairs
from langevin_sgd.training.probes.hessian_spectrum.config import HessianSpectrumProbe
from langevin_sgd.training.probes.looking import Looking
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.view import Instruments

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_TOLERANCE = 1e-3
_MOST = 400  # Lanczos steps for the largest eigenvalues
_LOOKS = 6
_NUMBERS_AT_A_TIME = 1 << 27  # float64 entries of all Lanczos vectors: 1 GiB
_NAMES = {
    "top": "hessian_top",
    "residual": "hessian_top_residual",
    "trace": "hessian_trace",
    "trace_stderr": "hessian_trace_stderr",
    "log_determinant": "hessian_log_determinant",
    "log_determinant_stderr": "hessian_log_determinant_stderr",
    "node": "hessian_density_node",
    "weight": "hessian_density_weight",
}


class Spectra:
    """The spectra of the Hessians of the energy at many weight vectors.

    `instruments` are those of the training, of `dimension` weights; random vectors are of the SPECTRUM stream: the
    trajectory 0 of step 0 is where Lanczos iteration begins, and step 1 has one for each vector of signs, the same at
    all weights.
    """

    def __init__(self, instruments: Instruments, section: HessianSpectrumProbe, *, dimension: int, seed: int) -> None:
        self._hessian, self._decay = EnsembleProducts(instruments), instruments.weight_decay
        self._top, self._d = section.eigenvalues, dimension
        self._steps = min(section.quadrature, dimension - section.eigenvalues)
        self._start = streams.normals(seed, trajectories=[0], steps=[0], components=dimension, stream=Stream.SPECTRUM)[
            0
        ]
        drawn = streams.words(
            seed,
            trajectories=np.arange(section.vectors),
            steps=[1],
            components=dimension,
            stream=Stream.SPECTRUM,
        )[0]
        self._signs: Array = np.where(drawn >> 31 == 1, 1.0, -1.0)
        # of one replica: a basis for the largest eigenvalues, or one for each vector of signs
        numbers = dimension * max(_MOST, section.vectors * (self._steps + 1))
        self._at_a_time = max(1, _NUMBERS_AT_A_TIME // numbers)

    def __call__(self, weights: Array) -> dict[str, Array]:
        """Of weights (row, d): top and residual (row, top), node and weight (row, node), and (row,) all else."""
        size = self._at_a_time if self._at_a_time < ROWS else self._at_a_time // ROWS * ROWS
        blocks = [self._of(weights[start : start + size]) for start in range(0, len(weights), size)]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def _of(self, weights: Array) -> dict[str, Array]:
        def products(vectors: Array) -> Array:
            found: Array = self._hessian(weights, vectors) + self._decay * vectors
            return found

        start = np.repeat(self._start, len(weights), axis=0)
        pairs = leading_pairs(products, start, self._top, most=_MOST, tolerance=_TOLERANCE)
        rest = self._rest(weights, np.stack([each.vectors for each in pairs]))
        return _together(pairs, rest, self._d)

    def _rest(self, weights: Array, vectors: Array) -> list[list[RitzPairs]]:
        """The Ritz values of each row from each vector of signs, orthogonal to that row's `vectors` (row, top, d)."""
        many = len(self._signs)
        at, beside = np.repeat(weights, many, axis=0), np.repeat(vectors, many, axis=0)

        def outside(found: Array) -> Array:
            along = np.matmul(beside, found[:, :, None])
            result: Array = found - np.matmul(beside.transpose(0, 2, 1), along)[:, :, 0]
            return result

        def products(found: Array) -> Array:
            return outside(self._hessian(at, found) + self._decay * found)

        start = outside(np.tile(self._signs, (len(weights), 1)))
        iteration = Lanczos(products, start, self._steps)
        for _ in range(iteration.most):
            iteration.step()
        pairs = [iteration.pairs(row, 1) for row in range(len(at))]
        return [pairs[first : first + many] for first in range(0, len(pairs), many)]


def _together(pairs: list[RitzPairs], rest: list[list[RitzPairs]], d: int) -> dict[str, Array]:
    """What is told of each row. A mean over the normalised vectors has no part in how long these happen to be; that it
    is off by a relative 1/d, less than the error by the root of d, is the price.
    """
    found: dict[str, list[ArrayLike]] = {name: [] for name in _NAMES}
    for leading, others in zip(pairs, rest, strict=True):
        k = len(leading.residuals)
        top = leading.values[:k]
        nodes = np.concatenate([top, *(each.values for each in others)])
        weights = np.concatenate(
            [np.full(k, 1.0 / d), *((1.0 - k / d) / len(others) * each.weights for each in others)]
        )
        traces = np.array([(d - k) * (each.weights @ each.values) for each in others]) + top.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.array([(d - k) * (each.weights @ np.log(each.values)) for each in others]) + np.log(top).sum()
        logs = logs if (nodes > 0.0).all() else np.full(len(others), np.nan)
        for name, value in (("top", top), ("residual", leading.residuals), ("node", nodes), ("weight", weights)):
            found[name].append(value)
        for name, samples in (("trace", traces), ("log_determinant", logs)):
            found[name].append(samples.mean())
            found[f"{name}_stderr"].append(samples.std(ddof=1) / np.sqrt(len(samples)))
    most = max(len(np.atleast_1d(each)) for each in found["node"])
    for name in ("node", "weight"):  # a Krylov space that is closed has fewer
        found[name] = [
            np.pad(each, (0, most - len(each)), constant_values=np.nan) for each in map(np.asarray, found[name])
        ]
    return {name: np.array(values) for name, values in found.items()}


class HessianSpectrum(Looking):
    """The probe: the first replicas at some of the recorded steps."""

    def __init__(self, section: HessianSpectrumProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        d = beside.network.size
        if section.eigenvalues >= d:
            raise UserError(f"hessian_spectrum: {section.eigenvalues} eigenvalues of {d} weights; give fewer")
        top, many = section.eigenvalues, section.vectors * min(section.quadrature, d - section.eigenvalues)
        shapes: dict[str, tuple[int, ...]] = {
            **dict.fromkeys(_NAMES, ()),
            **dict.fromkeys(("top", "residual"), (top,)),
            **dict.fromkeys(("node", "weight"), (top + many,)),
        }
        super().__init__(
            watched, shapes, passes=section.passes(), looks=section.looks, most=_LOOKS, replicas=section.replicas
        )
        self._spectra = Spectra(beside.instruments, section, dimension=d, seed=beside.seed)

    def observe(self, view: View) -> None:
        """Measure the spectra where the replicas are."""
        place = int(np.searchsorted(self._steps, view.step))
        for name, values in self._spectra(view.positions[: self._replicas]).items():
            mine = self._found[name][place]
            if values.ndim > 1:
                mine = mine[:, : values.shape[1]]
            mine[...] = values

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {_NAMES[name]: values for name, values in self._found.items()}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps and replicas."""
        return {"spectrum_step": self._steps, "spectrum_replica": np.arange(self._replicas)}
