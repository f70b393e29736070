"""A walker in the limit of strong disorder, on any grid: its position against Gamma = theta ln t, by flooding.

In a time t = exp(Gamma/theta) a walker crosses every barrier below Gamma and none above it. Starting downhill, it moves
from where it is to a lower site as soon as the lowest barrier to one, max V along the way minus V where it is, is below
Gamma. Water that rises where it stands finds that site: the lowest site at the water's edge is flooded next, again and
again (invasion percolation, Wilkinson and Willemsen 1983), until one is lower than the walker, which moves there; then
the next flood begins. At the cost of sites x log(sites) for a flood, of which the last few are as large as all others
together, this gives the whole history up to the edge of the box.

On a line this is the renormalisation of Le Doussal, Monthus and Fisher (Phys. Rev. E 59, 4795, 1999): the walker is at
the bottom of its valley once all barriers below Gamma are removed. Where V has structure function A r^alpha, the
distance scales as (Gamma/sqrt A)^(2/alpha) in every dimension, up to corrections of the lattice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.cores import cores
from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators import kernel_cache
from langevin_sgd.landscapes.power_law import checked_disorders
from langevin_sgd.real_array import native_array, real_array

Array = NDArray[np.float64]

_SITES_AT_ONCE = 1 << 22


class GridPotential(Protocol):
    """A random potential on a grid, made disorder by disorder."""

    @property
    def spacing(self) -> float:
        """Distance between neighbouring sites."""

    def potential(self, seed: int, disorders: Any) -> Array:
        """V of the numbered disorders, (disorder, site[, site[, site]])."""


@dataclass(frozen=True)
class Flooding:
    """Where every walker is at any Gamma: between gamma[i] (excluded) and the next one of its disorder at site[i].

    `gamma` (event,) and `site` (event, d) list the moves of all disorders, those of disorder i from `first[i]` to
    `first[i + 1]`; the first, at Gamma = 0, is the minimum downhill from `start` (d,). `known_to` (disorder,) is the
    Gamma up to which the walker is known: the largest asked for, or, where `reached_edge`, the one at which the water
    met the edge of the box of `shape` sites; what happens later depends on what lies outside.
    """

    gamma: Array
    site: NDArray[np.int64]
    first: NDArray[np.int64]
    known_to: Array
    reached_edge: NDArray[np.bool_]
    start: NDArray[np.int64]
    shape: tuple[int, ...]
    spacing: float

    def position(self, gamma: ArrayLike) -> NDArray[np.int64]:
        """Sites (disorder, gamma, d); at a censored Gamma the last site known."""
        asked = self._asked(gamma)
        index = np.empty((self.known_to.size, asked.size), dtype=np.int64)
        for row, (begin, end) in zip(index, zip(self.first[:-1], self.first[1:], strict=True), strict=True):
            row[:] = begin + np.maximum(np.searchsorted(self.gamma[begin:end], asked, side="left") - 1, 0)
        return self.site[index]

    def displacement(self, gamma: ArrayLike) -> Array:
        """Position minus start, (disorder, gamma, d), in units of length."""
        return self.spacing * np.asarray(self.position(gamma) - self.start, dtype=np.float64)

    def censored(self, gamma: ArrayLike) -> NDArray[np.bool_]:
        """Whether the water had met the edge of the box by then, (disorder, gamma)."""
        met: NDArray[np.bool_] = self.reached_edge[:, None] & (self._asked(gamma) > self.known_to[:, None])
        return met

    def check_box(self, gamma: float, most_censored: float = 0.01) -> None:
        """Raise `IntegrationError` when a larger share of the walkers is censored at `gamma`: the box is too small."""
        share = float(self.censored([gamma]).mean())
        if share <= most_censored:
            return
        known = float(np.quantile(np.where(self.reached_edge, self.known_to, np.inf), most_censored, method="lower"))
        raise IntegrationError(
            f"the box is smaller than the walk: at Gamma = {gamma:g} {share:.1%} of the walkers have met the edge of "
            f"{' x '.join(map(str, self.shape))} sites; take more sites, or end at Gamma = {0.995 * known:.3g}"
        )

    def dataset(self, log_time: ArrayLike, thermal_energy: float) -> xr.Dataset:
        """`squared_displacement` and `censored` (disorder, time) at Gamma = thermal_energy x log_time."""
        logs = real_array(log_time, "log_time", IntegrationError)
        gamma = thermal_energy * logs
        squared = (self.displacement(gamma) ** 2).sum(axis=-1)

        def variable(dims: tuple[str, ...], values: NDArray[Any], name: str) -> xr.Variable:
            return xr.Variable(dims, values, {"units": "1", "long_name": name})

        over = ("disorder", "time")
        return xr.Dataset(
            {
                "squared_displacement": variable(over, squared, "squared distance from the start"),
                "censored": variable(over, self.censored(gamma), "whether the walker may have left the box"),
            },
            coords={
                "time": variable(("time",), np.exp(logs), "time"),
                "gamma": variable(("time",), gamma, "barrier theta ln t crossed within the time"),
            },
            attrs={"method": "flooding", "sites": list(self.shape), "spacing": self.spacing},
        )

    def _asked(self, gamma: ArrayLike) -> Array:
        asked = np.atleast_1d(real_array(gamma, "Gamma", IntegrationError))
        limit = self.known_to[~self.reached_edge].min(initial=math.inf)
        if not (asked >= 0.0).all() or (asked > limit).any():
            raise IntegrationError(
                f"Gamma must lie between 0 and {limit:g}, up to which the water rose, not {asked.min():g} to "
                f"{asked.max():g}; flood with a larger largest_gamma"
            )
        return asked


def flood(
    potential: NDArray[np.floating[Any]],
    *,
    spacing: float = 1.0,
    start: Sequence[int] | None = None,
    largest_gamma: float = math.inf,
    threads: int | None = None,
) -> Flooding:
    """Flood every potential (disorder, n[, n[, n]]) from the site `start`, by default the middle n // 2.

    Neighbours are the 2d nearest sites. Stops where the water meets the edge of the box or the barrier exceeds
    `largest_gamma`. The result of a disorder depends on its potential alone. Raises `IntegrationError` for a start on
    the edge and for potentials that are not finite.
    """
    given = native_array(potential, "a potential", IntegrationError)
    if given.ndim not in (2, 3, 4) or given.dtype not in (np.float32, np.float64):
        raise IntegrationError(
            f"potentials are floats (disorder, site[, site[, site]]), not {given.dtype} of shape {given.shape}"
        )
    if not np.isfinite(given).all():
        raise IntegrationError("a potential is not finite; give finite numbers at every site")
    from_site, limit = _checked(given.shape[1:], start, largest_gamma)
    with ThreadPoolExecutor(threads or cores()) as pool:
        histories = list(pool.map(lambda one: _history(one, from_site, limit), given))
    return _joined(histories, given.shape[1:], from_site, spacing)


def flood_disorders(
    landscape: GridPotential,
    seed: int,
    disorders: ArrayLike,
    *,
    start: Sequence[int] | None = None,
    largest_gamma: float = math.inf,
    threads: int | None = None,
) -> Flooding:
    """Flood the disorders numbered `disorders` (n,) of a landscape, without holding all their potentials at once.

    The same as `flood` of `landscape.potential(seed, disorders)` with the landscape's `spacing`: from the site `start`,
    the middle if not given, until the water meets the edge of the box or the barrier exceeds `largest_gamma`, in units
    of the potential. The result gives positions against Gamma = theta ln t. Raises `DisorderError` for a seed or
    numbers that are none, and `IntegrationError` for a start on the edge.
    """
    numbers = checked_disorders(seed, disorders)
    shape = landscape.potential(seed, numbers[:1]).shape[1:]
    from_site, limit = _checked(shape, start, largest_gamma)
    chunk = max(1, _SITES_AT_ONCE // math.prod(shape))

    def part(begin: int) -> list[tuple[Any, ...]]:
        made = landscape.potential(seed, numbers[begin : begin + chunk])
        return [_history(one, from_site, limit) for one in made]

    with ThreadPoolExecutor(threads or cores()) as pool:
        parts = list(pool.map(part, range(0, numbers.size, chunk)))
    return _joined([history for one in parts for history in one], shape, from_site, landscape.spacing)


def _history(potential: NDArray[np.floating[Any]], start: NDArray[np.int64], largest_gamma: float) -> tuple[Any, ...]:
    """Moves of one walker, how far they are known, and whether the edge was met."""
    shape = np.array(potential.shape, dtype=np.int64)
    flat = np.ascontiguousarray(potential).reshape(-1)
    history: tuple[Any, ...] = _kernel().flood(
        flat, shape, int(np.ravel_multi_index(start.tolist(), potential.shape)), largest_gamma
    )
    return history


@cache
def _kernel() -> ModuleType:
    """The compiled part, kept among the generated kernels, so that it is compiled once a machine."""
    return kernel_cache.load(Path(__file__).with_name("flooding_kernel.py").read_text())


def _joined(
    histories: list[tuple[Any, ...]], shape: tuple[int, ...], start: NDArray[np.int64], spacing: float
) -> Flooding:
    counts = [len(history[0]) for history in histories]
    sites = np.concatenate([history[1] for history in histories])
    return Flooding(
        gamma=np.concatenate([history[0] for history in histories]),
        site=np.stack(np.unravel_index(sites, shape), axis=-1),
        first=np.concatenate([[0], np.cumsum(counts)]),
        known_to=np.array([history[2] for history in histories]),
        reached_edge=np.array([history[3] for history in histories]),
        start=start,
        shape=tuple(shape),
        spacing=float(spacing),
    )


def _checked(
    shape: tuple[int, ...], start: Sequence[int] | None, largest_gamma: float
) -> tuple[NDArray[np.int64], float]:
    site = np.array([n // 2 for n in shape] if start is None else start, dtype=np.int64)
    inside = site.shape == (len(shape),) and all(0 < at < n - 1 for at, n in zip(site, shape, strict=True))
    if not inside:
        raise IntegrationError(
            f"the walk starts at {tuple(site.tolist())}, which is not inside a box of "
            f"{' x '.join(map(str, shape))} sites; take a site off its edge, or more sites"
        )
    if not largest_gamma >= 0.0:
        raise IntegrationError(f"largest_gamma must be positive, not {largest_gamma}")
    return site, float(largest_gamma)
