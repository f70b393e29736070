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

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.training import curvature
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import ProbeSection, Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class Sharpness(NamedTuple):
    """Largest eigenvalue, trace, and sum_k w_k^2 H_kk at one point."""

    top: float
    trace: float
    invariant: float


def of_hessian(hessian: Array, w: Array) -> Sharpness:
    """The three numbers of a symmetric Hessian (d, d) at w (d,)."""
    d = len(w)
    top = scipy.linalg.eigh(hessian, eigvals_only=True, subset_by_index=[d - 1, d - 1])
    diagonal = np.diagonal(hessian)
    return Sharpness(float(top[0]), float(diagonal.sum()), float(w**2 @ diagonal))


class SharpnessAtEnd(Probe):
    """The probe: sharpness of every replica at the last step."""

    def __init__(self, section: ProbeSection, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.parameters is not None
        self._last = watched.steps
        self._weights: Array = np.full((watched.replicas, watched.parameters), np.nan)
        self._measured: Array = np.full((3, watched.replicas), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last step."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Keep the weights (replica, d)."""
        self._weights[...] = view.positions

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The Hessian of each replica in turn; those measured before are kept."""
        for replica in np.flatnonzero(np.isnan(self._measured[0])):
            self._measured[:, replica] = of_hessian(
                curvature.hessian(view.loss, self._weights[replica]), self._weights[replica]
            )
            view.progress(int(replica) + 1, len(self._weights))
            view.save()
        top, trace, invariant = self._measured
        return {"sharpness_top": top, "sharpness_trace": trace, "sharpness_invariant": invariant}

    def state(self) -> State:
        """The weights and the numbers measured so far."""
        return {"weights": self._weights, "measured": self._measured}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._weights[...] = state["weights"]
        self._measured[...] = state["measured"]
