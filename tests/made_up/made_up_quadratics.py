"""A fast exact source of observables: the stationary Gaussian modes of SGD on a quadratic, each on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Quadratic:
    """Rates k and noise variances c of independent modes, and the SGD that runs on them."""

    rates: tuple[float, ...] = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
    noise: tuple[float, ...] = (2.0, 1.0, 0.5, 0.3, 0.1, 0.05)
    learning_rate: float = 0.5
    batch_size: int = 4

    def discrete(self) -> Array:
        k, c = np.array(self.rates), np.array(self.noise)
        return self.learning_rate * c / (self.batch_size * k * (2 - self.learning_rate * k))

    def laws(self) -> dict[str, Array]:
        k, c = np.array(self.rates), np.array(self.noise)
        temperature = self.learning_rate * c.mean() / self.batch_size
        return {
            "discrete": self.discrete(),
            "continuum": self.learning_rate * c / (2 * self.batch_size * k),
            "isotropic": temperature / (2 * k),
        }


def stationary_dataset(
    quadratic: Quadratic = Quadratic(),
    *,
    seed: int = 0,
    replicas: int = 64,
    samples: int = 100,
    gap: int = 50,
    burn_in: int = 5000,
    believed: Quadratic | None = None,
    scale: float = 1.0,
    shift: float = 0.0,
    tail: float | None = None,
    transient_deficit: float = 0.0,
    name: str = "discrete",
) -> xr.Dataset:
    """Observables of modes x <- (1 - eta k) x + noise, sampled every `gap` steps, stationary from the first sample on.

    Plants: the laws are those of `believed` (the truth by default); `scale` multiplies all variances; `shift` moves the
    mean by so many standard deviations (rms over the variance, in the flattest mode); `tail` replaces the Gaussian by a
    Student t of so many degrees of freedom, and equal variance, independent in time.
    """
    random = np.random.default_rng(seed)
    believed = believed or quadratic
    k = np.array(quadratic.rates)
    truth = quadratic.discrete() * scale
    decay = (1 - quadratic.learning_rate * k) ** gap
    shape = (replicas, samples, k.size)
    if tail is None:
        normal = random.standard_normal(shape)
        modes = np.empty(shape)
        for mode, m in enumerate(decay):
            drive = normal[:, :, mode] * np.sqrt(1 - m**2)
            first = normal[:, 0, mode]
            start = (first - drive[:, 0])[:, None]  # so that sample 0 is stationary
            modes[:, :, mode] = lfilter([1.0], [1.0, -m], drive, axis=1, zi=start)[0]
    else:
        modes = random.standard_t(tail, size=shape) * np.sqrt((tail - 2) / tail)
    positions = modes * np.sqrt(truth)
    positions[:, :, -1] += shift * np.sqrt(believed.discrete().sum())
    laws = believed.laws()
    believed_k = np.array(believed.rates)
    multiplier = np.maximum(np.abs(1 - believed.learning_rate * believed_k), 1e-12)
    summary = stationary_summary(positions.mean(1), (positions**2).mean(1))
    names = list(laws)
    return dataset(
        {
            "mode_moment_1": positions.mean(1),
            "mode_moment_2": (positions**2).mean(1),
            "stationary_energy": 0.5 * (positions**2 @ k),
            "hessian_eigenvalue": believed_k,
            "noise_in_mode": np.array(believed.noise),
            "noisy": np.ones(k.size, dtype=bool),
            "mode_mean": summary.mean.value,
            "mode_variance": summary.variance.value,
            "mode_variance_predicted": laws[name],
            "mode_variance_law": np.stack([laws[law] for law in names]),
            "energy_law_weight": np.stack([0.5 * believed_k * laws[law] for law in names]),
            "autocorrelation_time": -1 / np.log(multiplier),
            "transient_deficit": transient_deficit,
            "learning_rate": quadratic.learning_rate,
            "batch_size": quadratic.batch_size,
            "momentum": 0.0,
        },
        declares=declared(),
        coords={
            "replica": np.arange(replicas),
            "mode": np.arange(k.size),
            "law": names,
            "sample_step": burn_in + gap * np.arange(1, samples + 1),
        },
        attrs={"kind": "ornstein_uhlenbeck", "status": "done", "law": name},
    )


@pytest.fixture(scope="session")
def make_stationary() -> Callable[..., xr.Dataset]:
    return stationary_dataset


@pytest.fixture(scope="session")
def make_quadratic() -> type[Quadratic]:
    return Quadratic
