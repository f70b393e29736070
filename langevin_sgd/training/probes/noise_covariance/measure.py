"""Measures the covariance of the gradient noise along training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.minibatches import many_from
from langevin_sgd.training.probes.looking import Looking
from langevin_sgd.training.probes.noise_covariance.config import NoiseCovarianceProbe
from langevin_sgd.training.probes.noise_covariance.minibatch_noise import noise_of, tail_indices
from langevin_sgd.training.probes.noise_covariance.shape import NoiseShape
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_LOOKS = 12
_TAILS = ("tail_across_coordinates", "tail_across_iterations")
_OF_ROWS = ("trace", "hessian_trace", "hessian_trace_stderr", "alignment", *_TAILS)
_HALVES = ("", "_in_sample")
_OF_LAYERS = tuple(f"exponent{half}{what}" for half in _HALVES for what in ("", "_stderr", "_misfit"))
_OF_MODES = tuple(f"{what}_along{half}" for what in ("curvature", "noise") for half in _HALVES)


class NoiseCovariance(Looking):
    """The probe: the first replicas at some of the recorded steps."""

    def __init__(self, section: NoiseCovarianceProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        d = beside.network.size
        if section.eigenvalues >= d:
            raise UserError(f"noise_covariance: {section.eigenvalues} eigenvalues of {d} weights; give fewer")
        if beside.supply is not None:
            raise UserError(
                "noise_covariance takes minibatches of the training samples, and these are made anew (augmented or "
                "fresh samples): remove one of the two"
            )
        self._shape = NoiseShape(beside.instruments, section, seed=beside.seed)
        count = len(self._shape.layers)
        self._full, self._minibatches, self._many = beside.instruments.loss, beside.minibatches(), section.minibatches
        self._order = streams.permutations(beside.seed, trajectories=[0], steps=[5], size=d, stream=Stream.SPECTRUM)[
            0, 0
        ]
        sizes: dict[str, tuple[int, ...]] = {
            **dict.fromkeys(_OF_ROWS, ()),
            "top": (section.eigenvalues,),
            **dict.fromkeys(_OF_LAYERS, (count,)),
            **dict.fromkeys(_OF_MODES, (count, section.modes)),
        }
        super().__init__(
            watched, sizes, passes=section.passes(count), looks=section.looks, most=_LOOKS, replicas=section.replicas
        )

    def observe(self, view: View) -> None:
        """Measure it where the replicas are, tails on the minibatches of the steps to come."""
        place = int(np.searchsorted(self._steps, view.step))
        weights = view.positions[: self._replicas]
        for name, values in self._shape(weights).items():
            self._found[name][place] = values
        following = many_from(self._minibatches, view.step, self._many)
        for replica, w in enumerate(weights):
            trace, noise = noise_of(self._full, w, following[:, replica])
            self._found["trace"][place, replica] = trace
            across = tail_indices(noise, self._order)
            for name, value in zip(_TAILS, across, strict=True):
                self._found[name][place, replica] = value

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {name if name in _OF_MODES else f"gradient_noise_{name}": values for name, values in self._found.items()}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps and replicas."""
        return {"noise_step": self._steps, "noise_replica": np.arange(self._replicas)}
