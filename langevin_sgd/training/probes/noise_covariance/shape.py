"""C and H at many weight vectors: traces, C's largest eigenvalues, and C_ii and H_ii along eigenvectors of layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from langevin_sgd.estimators.errors_in_both import NO_LINE, Line, line
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble_products import EnsembleProducts, Products, SampleProducts
from langevin_sgd.training.lanczos import RitzPairs, leading_pairs
from langevin_sgd.training.losses import functions
from langevin_sgd.training.probes.noise_covariance.config import NoiseCovarianceProbe
from langevin_sgd.training.view import Instruments

Array = NDArray[np.float64]

TOLERANCE = 1e-3
_MOST = 400
_NUMBERS_AT_A_TIME = 1 << 27  # float64 entries of all Lanczos vectors


def layers(names: Sequence[str], sizes: Sequence[int]) -> Array:
    """Which weights each layer has, (layer, d) of 0 and 1: parameters of one module, in the order of `names`."""
    modules = [name.rpartition(".")[0] for name in names]
    owner = np.repeat(modules, sizes)
    found: Array = np.array([owner == module for module in dict.fromkeys(modules)], dtype=np.float64)
    return found


def exponent(slopes: Array, curvatures: Array) -> tuple[Line, Array, Array]:
    """The line of ln C_ii against ln H_ii, and H_ii and C_ii (mode,), of g_n . v_i and v_i . H_n v_i (mode, sample).

    Its slope's error is that by the samples' spread, and larger by the root of the misfit where that is above 1.
    """
    n = slopes.shape[1]
    squares = (slopes - slopes.mean(axis=1, keepdims=True)) ** 2
    curved, noisy = curvatures.mean(axis=1), squares.mean(axis=1)
    use = (curved > 0.0) & (noisy > 0.0)
    if use.sum() < 3:
        return NO_LINE, curved, noisy
    h, c = curvatures[use] / curved[use, None] - 1.0, squares[use] / noisy[use, None] - 1.0  # of the logarithms
    errors = [(one * other).sum(axis=1) / (n * (n - 1)) for one, other in ((h, h), (c, c), (h, c))]
    fitted = line(np.log(curved[use]), np.log(noisy[use]), *errors)
    return fitted._replace(slope_stderr=fitted.slope_stderr * max(1.0, fitted.misfit) ** 0.5), curved, noisy


class NoiseShape:
    """What is measured of C at many weight vectors at once.

    Of the SPECTRUM stream it takes where Lanczos iteration begins (step 0), the halves of the samples (step 3) and
    random signs (step 4, a trajectory each).
    """

    def __init__(
        self, instruments: Instruments, section: NoiseCovarianceProbe, *, seed: int, tolerance: float = TOLERANCE
    ) -> None:
        network, samples = instruments.network, instruments.samples
        self._d, self._section, self._tolerance = network.size, section, tolerance
        self.layers = layers(network.names, network.sizes)
        order = streams.permutations(seed, trajectories=[0], steps=[3], size=len(samples), stream=Stream.SPECTRUM)[0, 0]
        self.chosen, self.others = (np.sort(half) for half in np.split(order, [len(samples) // 2]))
        self._hessian = EnsembleProducts(instruments)
        self._second_moment = EnsembleProducts(instruments, functions.second_moment_product)
        self._each = SampleProducts(instruments)
        index = torch.from_numpy(self.chosen).to(samples.labels.device)
        half = Instruments(
            network,
            Samples(samples.inputs[index], samples.labels[index]),
            None,
            weight_decay=0.0,
            workers=instruments.workers,
            loss=instruments.of_samples,
        )
        self._half = EnsembleProducts(half)
        self._start = streams.normals(seed, trajectories=[0], steps=[0], components=self._d, stream=Stream.SPECTRUM)[0]
        drawn = streams.words(
            seed, trajectories=np.arange(section.vectors), steps=[4], components=self._d, stream=Stream.SPECTRUM
        )[0]
        self.signs: Array = np.where(drawn >> 31 == 1, 1.0, -1.0)
        self._at_a_time = max(1, _NUMBERS_AT_A_TIME // (self._d * _MOST * len(self.layers)))

    def __call__(self, weights: Array) -> dict[str, Array]:
        """Of weights (row, d): top (row, top), per layer (row, layer) or (row, layer, mode), and (row,) all else."""
        starts = range(0, len(weights), self._at_a_time)
        blocks = [self._of(weights[start : start + self._at_a_time]) for start in starts]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def _of(self, weights: Array) -> dict[str, Array]:
        return {"top": self._top(weights), **self._traces(weights), **self._along(weights)}

    def _covariance(self, second_moment: Products, vectors: Array) -> Array:
        """C v, C = F - g g^T."""
        both = second_moment(vectors)
        second, gradient = both[:, : self._d], both[:, self._d :]
        found: Array = second - gradient * (gradient * vectors).sum(axis=1, keepdims=True)
        return found

    def _top(self, weights: Array) -> Array:
        def of(rows: slice, second_moment: Products) -> list[RitzPairs]:
            return leading_pairs(
                lambda vectors: self._covariance(second_moment, vectors),
                np.repeat(self._start, rows.stop - rows.start, axis=0),
                self._section.eigenvalues,
                most=_MOST,
                tolerance=self._tolerance,
            )

        pairs = self._second_moment.in_blocks(weights, of, numbers=self._d * _MOST)
        return np.array([_padded(each.values[: len(each.residuals)], self._section.eigenvalues) for each in pairs])

    def _traces(self, weights: Array) -> dict[str, Array]:
        rows, many = len(weights), len(self.signs)
        at, signs = np.repeat(weights, many, axis=0), np.tile(self.signs, (rows, 1))
        curved, noisy = self._hessian(at, signs), self._covariance(partial(self._second_moment, at), signs)

        def products(one: Array, other: Array) -> Array:
            found: Array = (one * other).sum(axis=1).reshape(rows, many)
            return found

        both = products(curved, noisy)
        lengths = np.sqrt(products(curved, curved).mean(axis=1) * products(noisy, noisy).mean(axis=1))
        return {
            "hessian_trace": both.mean(axis=1),
            "hessian_trace_stderr": both.std(axis=1, ddof=1) / np.sqrt(many),
            "alignment": both.mean(axis=1) / lengths,
        }

    def directions(self, weights: Array) -> list[list[Array]]:
        """The sharpest eigenvectors (mode, d) of each layer's block of H of the half that chooses, by row and layer."""
        count = len(self.layers)
        at, mask = np.repeat(weights, count, axis=0), np.tile(self.layers, (len(weights), 1))

        def of(rows: slice, hessian: Products) -> list[RitzPairs]:
            own = mask[rows]
            return leading_pairs(
                lambda vectors: own * hessian(own * vectors),
                own * self._start,
                self._section.modes,
                most=_MOST,
                tolerance=self._tolerance,
            )

        pairs = self._half.in_blocks(at, of, numbers=self._d * _MOST)
        return [[each.vectors for each in pairs[first : first + count]] for first in range(0, len(pairs), count)]

    def _along(self, weights: Array) -> dict[str, Array]:
        measured = [self._of_row(w, of_row) for w, of_row in zip(weights, self.directions(weights), strict=True)]
        return {name: np.array([row[name] for row in measured]) for name in measured[0]}

    def _of_row(self, w: Array, vectors: list[Array]) -> dict[str, Array]:
        """(layer,) or (layer, mode)."""
        each = self._each(np.repeat(w[None], sum(map(len, vectors)), axis=0), np.concatenate(vectors))
        of_layers = np.split(each, np.cumsum([len(each) for each in vectors])[:-1])
        found: dict[str, Array] = {}
        for ending, half in (("", self.others), ("_in_sample", self.chosen)):
            fitted, curved, noisy = zip(
                *(exponent(layer[:, half, 0], layer[:, half, 1]) for layer in of_layers), strict=True
            )
            found[f"exponent{ending}"] = np.array([each.slope for each in fitted])
            found[f"exponent{ending}_stderr"] = np.array([each.slope_stderr for each in fitted])
            found[f"exponent{ending}_misfit"] = np.array([each.misfit for each in fitted])
            found[f"curvature_along{ending}"] = np.array([_padded(each, self._section.modes) for each in curved])
            found[f"noise_along{ending}"] = np.array([_padded(each, self._section.modes) for each in noisy])
        return found


def _padded(values: Array, size: int) -> Array:
    return np.pad(values, (0, size - len(values)), constant_values=np.nan)
