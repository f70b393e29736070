"""Measures how far the Hessian is from the second moment of the samples' gradients."""

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
from langevin_sgd.training.losses import functions
from langevin_sgd.training.probes.gauss_newton.config import GaussNewtonProbe
from langevin_sgd.training.probes.looking import Looking
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.view import Instruments

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_TOLERANCE, _MOST, _LOOKS = 1e-3, 400, 12
_NUMBERS_AT_A_TIME = 1 << 27  # float64 entries of all Lanczos vectors
_NAMES = {
    "difference": "gauss_newton_difference",
    "stderr": "gauss_newton_difference_stderr",
    "scale": "gauss_newton_scale",
    "top": "gradient_in_top",
}


class Comparison:
    """H of the loss against F = mean g_n g_n^T at many weight vectors, of `dimension` weights.

    Random signs are those of the SPECTRUM stream at step 2, a trajectory each; Lanczos iteration begins at its
    trajectory 0 of step 0.
    """

    def __init__(self, instruments: Instruments, section: GaussNewtonProbe, *, dimension: int, seed: int) -> None:
        self._hessian = EnsembleProducts(instruments)
        self._second_moment = EnsembleProducts(instruments, functions.second_moment_product)
        self._top, self._many, self._d = section.eigenvectors, section.vectors, dimension
        self._start = streams.normals(seed, trajectories=[0], steps=[0], components=dimension, stream=Stream.SPECTRUM)[
            0
        ]
        drawn = streams.words(
            seed, trajectories=np.arange(section.vectors), steps=[2], components=dimension, stream=Stream.SPECTRUM
        )[0]
        self._signs: Array = np.where(drawn >> 31 == 1, 1.0, -1.0)
        self._at_a_time = max(1, _NUMBERS_AT_A_TIME // (dimension * _MOST))

    def __call__(self, weights: Array) -> dict[str, Array]:
        """Of weights (row, d): top (row, top), and (row,) all else."""
        starts = range(0, len(weights), self._at_a_time)
        blocks = [self._of(weights[start : start + self._at_a_time]) for start in starts]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def _of(self, weights: Array) -> dict[str, Array]:
        rows = len(weights)
        at, signs = np.repeat(weights, self._many, axis=0), np.tile(self._signs, (rows, 1))
        curved = self._hessian(at, signs)
        both = self._second_moment(at, signs)
        second, gradient = both[:, : self._d], both[:: self._many, self._d :]

        def products(one: Array, other: Array) -> Array:
            found: Array = np.einsum("rd,rd->r", one, other).reshape(rows, self._many)
            return found

        apart, own = products(curved - second, curved - second), products(curved, curved)
        pairs = self._hessian.in_blocks(
            weights,
            lambda block, hessian: leading_pairs(
                hessian,
                np.repeat(self._start, block.stop - block.start, axis=0),
                self._top,
                most=_MOST,
                tolerance=_TOLERANCE,
            ),
            numbers=self._d * _MOST,
        )
        along = [(each.vectors @ g) ** 2 / (g @ g) for each, g in zip(pairs, gradient, strict=True)]
        ratio = apart.mean(axis=1) / own.mean(axis=1)
        # of a ratio of means, to first order
        error = (apart - ratio[:, None] * own).std(axis=1, ddof=1) / np.sqrt(self._many) / own.mean(axis=1)
        return {
            "difference": np.sqrt(ratio),
            "stderr": 0.5 * error / np.sqrt(ratio),
            "scale": products(curved, second).mean(axis=1) / own.mean(axis=1),
            "top": np.array(along),
        }


class GaussNewton(Looking):
    """The probe: the first replicas at some of the recorded steps."""

    def __init__(self, section: GaussNewtonProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        d = beside.network.size
        if section.eigenvectors >= d:
            raise UserError(f"gauss_newton: {section.eigenvectors} eigenvectors of {d} weights; give fewer")
        shapes: dict[str, tuple[int, ...]] = {**dict.fromkeys(_NAMES, ()), "top": (section.eigenvectors,)}
        super().__init__(
            watched, shapes, passes=section.passes(), looks=section.looks, most=_LOOKS, replicas=section.replicas
        )
        self._comparison = Comparison(beside.instruments, section, dimension=d, seed=beside.seed)

    def observe(self, view: View) -> None:
        """Compare them where the replicas are."""
        place = int(np.searchsorted(self._steps, view.step))
        for name, values in self._comparison(view.positions[: self._replicas]).items():
            self._found[name][place] = values

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {_NAMES[name]: values for name, values in self._found.items()}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps and replicas."""
        return {"gauss_newton_step": self._steps, "gauss_newton_replica": np.arange(self._replicas)}
