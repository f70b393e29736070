"""Made-up runs of two basins with everything known: a telegraph process, exponential escapes, drawn positions."""

from __future__ import annotations

from math import gamma

import numpy as np
import pytest
import xarray as xr
from made_up_scans import stack

from langevin_sgd.config.axis import of_key
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset

REPLICAS = 512
EDGES = np.linspace(-2.0, 2.0, 61)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2


def energy(x, temperature=None):
    """A sharp deep well on the left, a flat shallow one on the right."""
    return np.minimum(8.0 * (x + 1.0) ** 2, 0.25 + 1.5 * (x - 0.7) ** 2)


def boltzmann(theta, exponent=1.0):
    weight = np.exp(-exponent * energy(CENTRES) / theta)
    return weight / (weight.sum() * np.diff(EDGES)[0])


def telegraph(random, share, relaxation, replicas, steps, starts):
    """Labels (start, replica, step) of a two-state chain with stationary share of state 0 and relaxation in steps."""
    leave = -np.expm1(-1.0 / relaxation) * np.array([1.0 - share, share])
    labels = np.empty((starts, replicas // starts, steps + 1), dtype=np.int8)
    state = np.repeat(np.arange(starts)[:, None], replicas // starts, axis=1).astype(np.int8)
    labels[:, :, 0] = state
    for step in range(1, steps + 1):
        state = state ^ (random.random(state.shape) < leave[state])
        labels[:, :, step] = state
    return labels


def two_basins(
    seed=0, *, share=0.4, relaxation=20.0, replicas=REPLICAS, steps=1000, burn_in=None, starts=2, claimed=None,
    slide=None, temperature=0.8, step=0.1, density=True, samples=1_000_000, circulation=None,
) -> xr.Dataset:  # fmt: skip
    """The observables of one point; `claimed` is what its exact law says of the first basin, the truth by default."""
    random = np.random.default_rng(seed)
    burn_in = 10 * int(relaxation) if burn_in is None else burn_in
    labels = telegraph(random, share, relaxation, replicas, steps, starts)
    inside = np.stack([labels == 0, labels == 1], axis=1)  # (start, basin, replica, step)
    averages = inside[..., burn_in + 1 :].mean(-1)
    recorded = np.unique(np.concatenate([[0], np.geomspace(1, steps, 60).astype(int)]))
    of_start = inside[..., recorded].mean(2)
    each = replicas // starts
    claimed = share if claimed is None else claimed
    odds = np.log(claimed / (1 - claimed))
    slide = 1 / (1 + np.exp(-odds / 4)) if slide is None else slide
    values = {
        "occupancy": of_start.mean(0),
        "occupancy_stderr": np.sqrt(of_start * (1 - of_start) / (each - 1)).mean(0) / np.sqrt(starts),
        "occupancy_from": of_start,
        "occupancy_from_stderr": np.sqrt(of_start * (1 - of_start) / (each - 1)),
        "mean_occupancy": averages.mean(2),
        "mean_occupancy_stderr": averages.std(2, ddof=1) / np.sqrt(each),
        "mean_occupancy_law": np.array([[claimed, 1 - claimed], [slide, 1 - slide], [np.nan, np.nan]]),
        "law_is_exact": np.array([True, False, False]),
        "law_note": np.array(["", "the exponent of the slide", "has a probability current, so no Boltzmann law"]),
        "occupancy_window": step * np.array([burn_in, steps]),
        "relaxation_time": relaxation * step,
        "temperature": temperature,
        "thermal_energy": temperature / 2,
        "learning_rate": step,
        "batch_size": 1,
    }  # fmt: skip
    coords = {
        "time": step * recorded,
        "step": recorded,
        "replica": np.arange(replicas // starts * starts),
        "basin": np.array(["sharp", "flat"]),
        "start_basin": np.array(["sharp", "flat"])[:starts],
        "law": np.array(["fokker_planck", "slide", "boltzmann"]),
    }
    if density:
        theta = temperature / 2
        densities = [boltzmann(theta), boltzmann(theta, 0.25), np.full(CENTRES.size, np.nan)]
        cells = densities[0] * np.diff(EDGES)
        values |= {
            "density": (random.multinomial(samples, cells) / samples / np.diff(EDGES))[:, None],
            "density_law": np.stack(densities)[:, :, None],
            "landscape": energy(CENTRES)[:, None],
            "x_edge": EDGES,
            "y_edge": np.array([0.0, 1.0]),
        }
    if circulation is not None:
        measured, stderr, laws = circulation
        values |= {"circulation": measured, "circulation_stderr": stderr, "circulation_law": np.array(laws)}
    return dataset(values, declares=declared(), coords=coords, attrs={"kind": "basins", "status": "done"})


def escaping(
    seed=0, *, mean=40.0, lag=1.0, end=400.0, replicas=REPLICAS, claimed=None, temperature=0.8, shape=1.0
) -> xr.Dataset:
    """The observables of an escape: a lag, then Weibull times of the given shape, exponential at 1."""
    random = np.random.default_rng(seed)
    times = lag + (mean - lag) * random.weibull(shape, replicas) / gamma(1 + 1 / shape)
    times[times > end] = np.nan
    claimed = mean if claimed is None else claimed
    time = np.linspace(0.0, end, 50)
    values = {
        "escape_time": times,
        "escape_time_law": np.array([claimed, np.nan, 0.9 * claimed]),
        "law_is_exact": np.array([True, False, False]),
        "law_note": np.array(["", "no law of escape", "theta far below the barrier"]),
        "temperature": temperature,
        "thermal_energy": temperature / 2,
        "learning_rate": 0.1,
        "batch_size": 1,
        "occupancy": np.stack([np.exp(-time / mean), -np.expm1(-time / mean)]),
        "occupancy_stderr": np.full((2, time.size), 0.01),
    }
    coords = {
        "time": time,
        "step": np.rint(10 * time).astype(int),
        "replica": np.arange(replicas),
        "law": np.array(["fokker_planck", "laplace", "eyring_kramers"]),
        "basin": np.array(["sharp", "flat"]),
        "start_basin": np.array(["sharp"]),
    }
    return dataset(values, declares=declared(), coords=coords, attrs={"kind": "basins", "status": "done"})


def rotating(seed=0, *, claimed=1.0, samples=400_000, replicas=4096) -> xr.Dataset:
    """A Gaussian in the plane that turns about its centre: circulation 2 x 0.8 x 0.5, and its current."""
    random = np.random.default_rng(seed)
    edges = np.linspace(-2.6, 2.6, 41)
    centres = (edges[1:] + edges[:-1]) / 2
    x, y = np.meshgrid(centres, centres, indexing="ij")
    law = np.exp(-(x**2 + y**2))
    law /= law.sum() * np.diff(edges)[0] ** 2
    cells = law * np.diff(edges)[0] ** 2
    seen = random.multinomial(samples, cells.ravel()).reshape(law.shape) / samples / np.diff(edges)[0] ** 2
    current = 0.8 * np.stack([-y, x]) * law
    nothing = np.full_like(current, np.nan)
    values = {
        "density": seen,
        "density_law": np.stack([law, np.full_like(law, np.nan)]),
        "landscape": x**2 + y**2,
        "current": current + 0.01 * random.normal(size=current.shape),
        "current_law": np.stack([claimed * current, nothing]),
        "circulation": 0.8 * (1 + 0.01 * random.normal()),
        "circulation_stderr": 0.008,
        "circulation_law": np.array([0.8 * claimed, np.nan]),
        "law_is_exact": np.array([True, False]),
        "law_note": np.array(["", "has a probability current, so no Boltzmann law"]),
        "x_edge": edges,
        "y_edge": edges,
        "learning_rate": 0.01,
        "batch_size": 1,
    }
    coords = {
        "time": np.linspace(0.0, 10.0, 11),
        "replica": np.arange(replicas),
        "coordinate": np.array(["x", "y"]),
        "law": np.array(["fokker_planck", "boltzmann"]),
    }
    return dataset(values, declares=declared(), coords=coords, attrs={"kind": "basins", "status": "done"})


def scanned_escape(seed=0, *, temperatures=(0.25, 0.3, 0.4, 0.55)):
    points = [
        escaping(seed + n, mean=3 * np.exp(2 / t), end=40 * np.exp(2 / t), lag=0.5, temperature=t)
        for n, t in enumerate(temperatures)
    ]
    return stack(points, [of_key("models.basins.temperature", tuple(temperatures))])


def scanned_over_temperature(seed=0, *, temperatures=(0.2, 0.3, 0.4, 0.6, 0.9, 1.3), claimed_factor=1.0, **options):
    """Two basins with ln(p_sharp/p_flat) = (0.25/theta) - ln 2, which cross at T = 0.721."""
    points = []
    for number, temperature in enumerate(temperatures):
        share, claimed, slide = (
            1 / (1 + np.exp(-(0.5 / (temperature * factor) - np.log(2)))) for factor in (1.0, claimed_factor, 4.0)
        )
        known = {"share": share, "claimed": claimed, "slide": slide, "temperature": temperature}
        points.append(two_basins(seed + 1000 * number, **known, **options))
    return stack(points, [of_key("models.basins.temperature", tuple(temperatures))])


@pytest.fixture(scope="session")
def make_basins():
    return two_basins


@pytest.fixture(scope="session")
def make_scan():
    return scanned_over_temperature


@pytest.fixture(scope="session")
def make_escape():
    return escaping


@pytest.fixture(scope="session")
def make_escape_scan():
    return scanned_escape


@pytest.fixture(scope="session")
def make_rotation():
    return rotating
