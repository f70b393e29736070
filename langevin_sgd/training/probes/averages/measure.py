"""Measures the averages over stationary fluctuations at their fixed point, once training has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.theory.modes import noisy_modes
from langevin_sgd.theory.self_consistent import FixedPoint, NoFixedPoint, Sgd, factor, fixed_point
from langevin_sgd.theory.skewness import covariance_change, energy_change
from langevin_sgd.training.gaussian_averages import GaussianAverages, Surroundings
from langevin_sgd.training.probes.averages.config import AveragesProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.third_order import third_order

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

FEWEST_DIRECTIONS = 32
TRUNCATED = 1e-3
"""Of the total variance: directions are doubled until the last doubling changes no more."""


class AveragesOfFluctuations(Probe):
    """The probe: nothing is observed of the training, and all is measured about its minimum in the end."""

    def __init__(self, section: AveragesProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        assert beside.minimum is not None  # the config asks for it, as for the curvature
        assert beside.curvature is not None
        self._section, self._beside = section, beside
        self._minimum, self._curvature = beside.minimum, beside.curvature
        sgd = watched.sgd
        epochs = len(beside.samples) if sgd.sampling == "epoch" else None
        self._sgd = Sgd(sgd.learning_rate, sgd.batch_size, sgd.momentum, epochs)
        self._found: dict[str, NDArray[Any]] = {}

    @property
    def steps(self) -> NDArray[np.int64]:
        """None."""
        return np.empty(0, dtype=np.int64)

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The averages at the fixed point, or why there are none; those that were measured before are kept."""
        if not self._found:
            try:
                self._found = self._measured(view)
            except NoFixedPoint as reason:
                self._found = self._nothing(str(reason))
            view.save()
        return dict(self._found)

    def state(self) -> State:
        """What has been measured."""
        return dict(self._found)

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._found = dict(state)

    def _measured(self, view: View) -> dict[str, NDArray[Any]]:
        k, c = self._curvature.eigenvalues, self._curvature.noise_in_modes
        noisy = noisy_modes(k, c)
        inside = np.ix_(noisy, noisy)
        instruments = self._beside.instruments
        basis = self._curvature.eigenvectors[:, noisy]
        stiffness = k[noisy] - instruments.weight_decay
        about = Surroundings(self._minimum.position, basis, stiffness)
        averages = GaussianAverages(instruments, about, seed=self._beside.seed)
        told = 0

        def average(mean: Array, square_root: Array, frame: int) -> Any:
            nonlocal told
            told += 1
            view.progress(told, told + self._section.frames)
            return averages(mean, square_root, frame)

        found = fixed_point(average, np.diag(k[noisy]), c[inside], self._sgd, frames=self._section.frames)
        hessian, noise, rest = np.diag(k), np.zeros_like(c), np.zeros_like(c)
        hessian[inside], noise[inside], rest[inside] = found.averages[1:]
        points = about.weights(found.mean + averages.cubature(factor(found.covariance), 0))
        energies = instruments.energies(torch.from_numpy(points))
        return {
            "averaged_mean": _embedded(found.mean, noisy),
            "averaged_hessian": hessian,
            "averaged_noise": noise,
            "averaged_rest": rest,
            "averaged_energy": np.asarray(energies.mean() - self._minimum.energy),
            "averages_scatter": np.asarray(found.scatter),
            "averages_refused": np.asarray(""),
            **self._third_cumulants(about, found, noisy),
        }

    def _third_cumulants(
        self, about: Surroundings, found: FixedPoint, noisy: NDArray[np.bool_]
    ) -> dict[str, NDArray[Any]]:
        """What they change; NaN with momentum and in epochs, whose skewness has no law here."""
        sgd = self._sgd
        if sgd.momentum != 0.0 or sgd.samples is not None:
            nothing = np.asarray(np.nan)
            return {
                "skewness_variance": np.full(noisy.shape, np.nan),
                "skewness_truncated": nothing,
                "skewness_energy": nothing,
            }
        instruments = self._beside.instruments
        k, turned = np.linalg.eigh(found.averages.hessian)
        s = turned.T @ found.covariance @ turned
        stiffness = k - instruments.weight_decay
        there = Surroundings(about.weights(found.mean), about.basis @ turned, stiffness)
        # of the largest variance of the mean gradient first, with which the sum over directions converges soonest
        ranked = np.argsort(stiffness**2 * np.diagonal(s))[::-1]
        numbers = sgd.learning_rate, sgd.batch_size
        most = min(self._section.directions, ranked.size)
        count = min(FEWEST_DIRECTIONS, most)
        while True:
            chosen = ranked[:count].copy()
            third = third_order(instruments, there, chosen, np.sqrt(np.diagonal(s)[chosen]))
            whole = covariance_change(k, s, third, *numbers)
            half = covariance_change(k, s, third.of_first(-(-count // 2)), *numbers)
            truncated = float(np.trace(whole) - np.trace(half))
            if count == most or abs(truncated) < TRUNCATED * np.trace(s):
                break
            count = min(2 * count, most)
        return {
            "skewness_variance": _embedded(np.einsum("ia,ab,ib->i", turned, whole, turned, optimize=True), noisy),
            "skewness_truncated": np.asarray(truncated),
            "skewness_energy": np.asarray(energy_change(k, s, third, *numbers)),
        }

    def _nothing(self, reason: str) -> dict[str, NDArray[Any]]:
        size = self._curvature.eigenvalues.size
        shapes = {name: (size,) * len(each.dims) for name, each in AveragesProbe.DECLARES.items()}
        return {
            **{name: np.full(shape, np.nan) for name, shape in shapes.items()},
            "averages_refused": np.asarray(reason),
        }


def _embedded(values: Array, places: NDArray[np.bool_]) -> Array:
    whole = np.zeros(places.size)
    whole[places] = values
    return whole
