"""Exact simulation of SGD on a quadratic energy: the steps between two records in one Gaussian draw.

On E = w^T H w / 2 with Gaussian gradient noise of constant covariance C/B, the position any number of steps later is
Gaussian with known mean and covariance (langevin_sgd.integrators.jumps), so a record costs the same however far it is
from the one before, and there is no integration error at all. The draw for target step n of replica r is stream
LANGEVIN_NOISE at (r, n): results do not depend on the number of replicas, on threads, or on having been stopped and
resumed. They do depend, path by path and not in law, on which steps are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.cores import cores
from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.jumps import Jumps
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.random_numbers.streams import Stream, normals
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.modes import Array, Dynamics, checked_steps

Visit = Callable[[int, int, Array], None]

# Replicas are multiplied in blocks of this many, the last one padded with zeros: a matrix product's rounding depends on
# its shape, and so the numbers of a replica would otherwise depend on how many others there are.
_BLOCK = 32
# Jumps kept for gaps that come again; one with momentum takes 32 d^2 bytes.
_JUMPS_KEPT = 4


@dataclass(frozen=True)
class ReplicaState:
    """Where every replica is: `coordinates` (1 or 2, R, d) in the eigenbasis at `step`.

    The blocks are the position w and, for discrete dynamics with momentum, u = eta m, the last step taken backwards.
    """

    step: int
    coordinates: Array

    @property
    def position(self) -> Array:
        """Displacement from the minimum, (R, d)."""
        position: Array = self.coordinates[0]
        return position


@one_blas_thread()
def simulate(
    k: ArrayLike,
    c: ArrayLike,
    *,
    learning_rate: float,
    batch_size: float,
    momentum: float = 0.0,
    dynamics: Dynamics = "discrete",
    seed: int,
    replicas: int,
    steps: ArrayLike,
    start: ArrayLike | str,
    visit: Visit,
    state: ReplicaState | None = None,
    numbers: ArrayLike | None = None,
    reached: Callable[[ReplicaState], None] | None = None,
) -> ReplicaState:
    """Run `replicas` independent replicas and show their positions at the recorded `steps`, exactly in law.

    `k` (d,) Hessian eigenvalues, `c` (d, d) covariance of one per-sample gradient in the eigenbasis, `steps` (n,)
    strictly ascending, `start` a displacement (d,) from the minimum, with m = 0, or "stationary". At every recorded
    step, `visit(index, step, positions)` gets the index in `steps` and the positions (R, d) in the eigenbasis, which it
    must not change. Returns the state at the last recorded step; given back as `state` with a list of steps that
    begins with those done, the run goes on after them with the same bits as if it had not stopped. `numbers` (R,): the
    replicas' numbers in the random stream, 0 to R - 1 if not given. `reached` is given the state after every visit.

    Noise-free modes move deterministically. Raises `Diverged` if a noisy mode has no stationary state or a position is
    not finite, ValueError for steps that do not ascend, shapes that do not fit and an unknown start.
    """
    k, c = real_array(k, "the eigenvalues k", IntegrationError), real_array(c, "the noise c", IntegrationError)
    recorded = checked_steps(steps)
    if np.any(np.diff(recorded) <= 0):
        raise ValueError("the recorded steps must ascend")
    if replicas < 1:
        raise ValueError(f"replicas must be at least 1, not {replicas}")
    numbered = np.arange(replicas) if numbers is None else np.asarray(numbers)
    if numbered.shape != (replicas,):
        raise ValueError(f"numbers must be one for each of {replicas} replicas, not of shape {numbered.shape}")
    process = Jumps.of(k, c, learning_rate, batch_size, momentum, dynamics)
    jump = lru_cache(maxsize=_JUMPS_KEPT)(process.jump)
    shape = (process.blocks, replicas, k.size)

    with ThreadPoolExecutor(max_workers=cores()) as pool:
        if state is None:
            coordinates = np.zeros(shape)
            if isinstance(start, str):
                if start != "stationary":
                    raise ValueError(f"start must be a displacement or 'stationary', not {start!r}")
                factor = process.stationary_factor()
                _add_noise(coordinates, process, factor, seed, 0, Stream.INITIAL_STATE, numbered, pool)
            else:
                coordinates[0] += _displacement(start, k.size)
            state = ReplicaState(0, coordinates)
            if recorded.size and recorded[0] == 0:
                visit(0, 0, state.position)
                if reached is not None:
                    reached(state)
        elif state.coordinates.shape != shape:
            raise ValueError(f"the state is of shape {state.coordinates.shape}, not {shape}")

        for index in np.flatnonzero(recorded > state.step):
            target = int(recorded[index])
            with np.errstate(over="ignore", invalid="ignore"):
                step = jump(target - state.step)
                coordinates = _moved(step.drift, state.coordinates)
                _add_noise(coordinates, process, step.factor, seed, target, Stream.LANGEVIN_NOISE, numbered, pool)
            if not np.all(np.isfinite(coordinates)):
                eta_lambda_max = learning_rate * float(k.max()) if dynamics == "discrete" else None
                raise Diverged(target, eta_lambda_max, momentum=momentum, detail="the position is not finite")
            state = ReplicaState(target, coordinates)
            visit(int(index), target, state.position)
            if reached is not None:
                reached(state)
    return state


def _displacement(start: ArrayLike, dimension: int) -> Array:
    displacement = real_array(start, "the start", IntegrationError)
    if displacement.shape != (dimension,) or not np.all(np.isfinite(displacement)):
        raise ValueError(f"start must be {dimension} finite numbers, not an array of shape {displacement.shape}")
    return displacement


def _moved(drift: Array, coordinates: Array) -> Array:
    """`drift` (blocks, blocks, d) times `coordinates` (blocks, R, d), by elementwise products, so free of BLAS."""
    moved: Array = drift[:, 0, None] * coordinates[0]
    for block in range(1, len(coordinates)):
        moved += drift[:, block, None] * coordinates[block]
    return moved


def _add_noise(
    coordinates: Array,
    process: Jumps,
    factor: Array,
    seed: int,
    step: int,
    stream: Stream,
    numbers: NDArray[Any],
    pool: ThreadPoolExecutor,
) -> None:
    """Add Gaussian noise of covariance factor^T factor to the noisy modes of `coordinates` (blocks, R, d)."""
    blocks, replicas, _ = coordinates.shape
    modes = np.flatnonzero(process.noisy)

    def add(first: int) -> None:
        rows = range(first, min(first + _BLOCK, replicas))
        drawn = np.zeros((_BLOCK, len(factor)))
        drawn[: len(rows)] = normals(
            seed, trajectories=numbers[rows.start : rows.stop], steps=[step], components=len(factor), stream=stream
        )[0]
        noise = (drawn @ factor)[: len(rows)].reshape(len(rows), blocks, modes.size)
        for block in range(blocks):
            coordinates[block, rows.start : rows.stop, modes] += noise[:, block].T

    for _ in pool.map(add, range(0, replicas, _BLOCK)):
        pass
