"""Sharpness of where SGD settled: the Hessian of the training loss at every replica's weights, in full.

Three numbers a point, each with what leaves it unchanged:

- the largest eigenvalue and the trace: orthogonal maps of the weights alone, so permutations of hidden units and, for
  odd activations, changes of their sign. Rescaling a positively homogeneous unit (w_in, b, w_out) -> (l w_in, l b,
  w_out/l), which leaves the function as it is for l > 0, changes both at will (Dinh et al. 2017);
- sum_k w_k^2 H_kk: in addition every rescaling w -> diag(s) w that leaves the function as it is, of a unit or of a
  layer, since H_kk goes as 1/s_k^2. It is twice the mean excess loss per variance of independent relative errors of the
  weights: L(w (1 + s z)) - L(w) = (s^2/2) sum_k w_k^2 H_kk for standard normal z and small s. A tanh network has no
  such symmetry, and there the number says no more than that. (Normalised and adaptive sharpness: Tsuzuku, Sato and
  Sugiyama 2020; Kwon et al. 2021.)

The Hessian is that of the loss without weight decay, which no rescaling leaves as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from torch import Tensor

from langevin_sgd.training import curvature
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.snapshot import snapshot

Array = NDArray[np.float64]


class Sharpness(NamedTuple):
    """Largest eigenvalue, trace, and sum_k w_k^2 H_kk at one point."""

    top: float
    trace: float
    invariant: float


def of_hessian(hessian: Array, w: Array) -> Sharpness:
    """The three numbers of a symmetric Hessian (d, d) at w (d,)."""
    d = len(w)
    top = eigh(hessian, eigvals_only=True, subset_by_index=[d - 1, d - 1])
    diagonal = np.diagonal(hessian)
    return Sharpness(float(top[0]), float(diagonal.sum()), float(w**2 @ diagonal))


class SharpnessAtEnd:
    """The probe: sharpness of every replica at the last step."""

    name = "sharpness"

    def __init__(self, steps: int, replicas: int, dimension: int) -> None:
        curvature.refuse_too_large(dimension, "probes")
        self._last = steps
        self._weights: Array = np.full((replicas, dimension), np.nan)
        self._measured: Array = np.full((3, replicas), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last step."""
        return np.array([self._last])

    def visit(self, step: int, weights: Tensor) -> None:
        """Keep the weights (replica, d) of the last step."""
        if step == self._last:
            self._weights[...] = snapshot(weights, torch.float64)

    def measure(
        self, loss: FullBatch, energy: FullBatch, progress: Callable[[int, int], None], save: Callable[[], None]
    ) -> None:
        """The Hessian of each replica in turn; those measured before are kept."""
        for replica in np.flatnonzero(np.isnan(self._measured[0])):
            self._measured[:, replica] = of_hessian(
                curvature.hessian(loss, self._weights[replica]), self._weights[replica]
            )
            progress(int(replica) + 1, len(self._weights))
            save()

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights and the numbers measured so far."""
        return {"weights": self._weights, "measured": self._measured}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._weights[...] = state["weights"]
        self._measured[...] = state["measured"]

    def variables(self) -> dict[str, ArrayLike]:
        """`sharpness_top`, `sharpness_trace` and `sharpness_invariant`, (replica,) each."""
        names = ("sharpness_top", "sharpness_trace", "sharpness_invariant")
        return dict(zip(names, self._measured, strict=True))

    def coords(self) -> dict[str, ArrayLike]:
        """None of its own."""
        return {}
