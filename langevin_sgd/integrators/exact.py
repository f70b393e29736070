"""Exact simulation of SGD on a quadratic energy: the steps between two records in one Gaussian draw.

On E = w^T H w / 2 with Gaussian gradient noise of constant covariance C/B, the position any number of steps later is
Gaussian with known mean and covariance (langevin_sgd.integrators.jumps), so a record costs the same however far it is
from the one before, and there is no integration error at all. The draw for target step n of replica r is stream
LANGEVIN_NOISE at (r, n): results do not depend on the number of replicas, on threads, or on having been stopped and
resumed. They do depend, path by path and not in law, on which steps are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.exact_together import Case, States, Together
from langevin_sgd.integrators.jumps import Jumps
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.modes import Array, Dynamics, checked_steps

Visit = Callable[[int, int, Array], None]


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
    begin = start if isinstance(start, str) else _displacement(start, k.size)
    if isinstance(begin, str) and begin != "stationary":
        raise ValueError(f"start must be a displacement or 'stationary', not {start!r}")
    together = Together([Case(process, begin, numbered, recorded)], seed, replicas)  # type: ignore[arg-type]
    shape = (process.blocks, replicas, k.size)
    if state is not None and state.coordinates.shape != shape:
        raise ValueError(f"the state is of shape {state.coordinates.shape}, not {shape}")
    states = together.beginning() if state is None else _of(state, recorded)
    while states.done < recorded.size:
        states, positions = together.moved(states, 1)
        if states.lost[0] >= 0:
            raise lost(process, int(states.lost[0]))
        state = ReplicaState(int(states.steps[0]), states.coordinates[:, 0])
        visit(states.done - 1, state.step, positions[0, 0])
        if reached is not None:
            reached(state)
    return ReplicaState(int(states.steps[0]), states.coordinates[:, 0])


def lost(process: Jumps, step: int) -> Diverged:
    """That a position was no finite number at a step."""
    eta_lambda_max = process.learning_rate * float(process.k.max()) if process.dynamics == "discrete" else None
    return Diverged(step, eta_lambda_max, momentum=process.momentum, detail="the position is not finite")


def _of(state: ReplicaState, recorded: NDArray[np.int64]) -> States:
    done = int(np.searchsorted(recorded, state.step, side="right"))
    return States(done, np.array([state.step]), state.coordinates[:, None], np.array([-1]))


def _displacement(start: ArrayLike, dimension: int) -> Array:
    displacement = real_array(start, "the start", IntegrationError)
    if displacement.shape != (dimension,) or not np.all(np.isfinite(displacement)):
        raise ValueError(f"start must be {dimension} finite numbers, not an array of shape {displacement.shape}")
    return displacement
