"""Measures the spectra of the Hessians of several replicas at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.ensemble_products import EnsembleProducts, Products
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
_DTYPES = {"float64": torch.float64, "float32": torch.float32}
_ROUNDING = {"float64": 0.0, "float32": 1e-6}  # of products, of the largest eigenvalue: 1.4e-7 are measured
_RESOLVED = {"float64": 0.0, "float32": 1e-4}  # of the largest: eigenvalues whose logarithm is told
_REPLICAS = 64  # at a time: their eigenvectors, and vectors of signs for each
_LOOKS = 6
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
        self._hessian = EnsembleProducts(instruments, dtype=_DTYPES[section.precision])
        self._rounding, self._resolved = _ROUNDING[section.precision], _RESOLVED[section.precision]
        self._decay = instruments.weight_decay
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

    def __call__(self, weights: Array) -> dict[str, Array]:
        """Of weights (row, d): top and residual (row, top), node and weight (row, node), and (row,) all else."""
        blocks = [self._of(weights[start : start + _REPLICAS]) for start in range(0, len(weights), _REPLICAS)]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def _of(self, weights: Array) -> dict[str, Array]:
        pairs = self._hessian.in_blocks(weights, self._leading, numbers=self._d * _MOST)
        rest = self._rest(weights, pairs)
        return _together(pairs, rest, self._d, rounding=self._rounding, resolved=self._resolved)

    def _leading(self, rows: slice, hessian: Products) -> list[RitzPairs]:
        start = np.repeat(self._start, rows.stop - rows.start, axis=0)
        return leading_pairs(
            lambda vectors: hessian(vectors) + self._decay * vectors,
            start,
            self._top,
            most=_MOST,
            tolerance=_TOLERANCE,
        )

    def _rest(self, weights: Array, leading: list[RitzPairs]) -> list[list[RitzPairs]]:
        """The Ritz values of each row from each vector of signs, orthogonal to that row's leading vectors.

        The matrix is that of the orthogonal space, and in the space of those vectors the smallest of the leading values
        times 1: what rounding leaves of a vector there grows, and would show as a value 0 beyond all others.
        """
        many = len(self._signs)

        def of(rows: slice, hessian: Products) -> list[RitzPairs]:
            each = range(rows.start, rows.stop)
            beside = [leading[row // many].vectors for row in each]
            within = [leading[row // many].values[len(vectors) - 1] for row, vectors in zip(each, beside, strict=True)]

            def along(found: Array) -> Array:
                return np.array([y.T @ (y @ v) for y, v in zip(beside, found, strict=True)])

            def products(vectors: Array) -> Array:
                found = hessian(vectors) + self._decay * vectors
                result: Array = found - along(found) + np.array(within)[:, None] * along(vectors)
                return result

            signs = self._signs[[row % many for row in each]]
            iteration = Lanczos(products, signs - along(signs), self._steps)
            for _ in range(iteration.most):
                iteration.step()
            return [iteration.pairs(row, 1) for row in range(len(each))]

        numbers = self._d * (self._steps + 1)
        pairs = self._hessian.in_blocks(np.repeat(weights, many, axis=0), of, numbers=numbers)
        return [pairs[first : first + many] for first in range(0, len(pairs), many)]


def _together(
    pairs: list[RitzPairs], rest: list[list[RitzPairs]], d: int, *, rounding: float, resolved: float
) -> dict[str, Array]:
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
        largest = np.abs(nodes).max()
        logs = logs if (nodes > resolved * largest).all() else np.full(len(others), np.nan)
        residuals = leading.residuals + rounding * largest
        for name, value in (("top", top), ("residual", residuals), ("node", nodes), ("weight", weights)):
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
