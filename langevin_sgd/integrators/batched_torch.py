"""The batched backend: whole tensors of trajectories in torch, on CPU or CUDA, for formulas and for any callable."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from langevin_sgd.integrators.array_functions import functions_of
from langevin_sgd.integrators.finiteness import check_finite, undecided_at
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.recording import Recording
from langevin_sgd.random_numbers.philox_torch import Increments

_SECONDS_PER_LAUNCH = 1.0

_FUNCTIONS: dict[str, Any] = {
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "absolute": torch.abs,
    "sign": torch.sign,
    "where": torch.where,
}


class Stepper(Protocol):
    """One step of all trajectories, and what is looked at."""

    def step(self, state: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """State (V, N) after one step with the increments (m, N)."""

    def reached(self, state: torch.Tensor) -> torch.Tensor | None:
        """The first-passage condition (N,), None without one."""

    def undecided(self, state: torch.Tensor) -> torch.Tensor | None:
        """Where that condition is neither true nor false (N,), None where it always is one of them."""

    def observe(self, state: torch.Tensor, start: torch.Tensor) -> list[torch.Tensor]:
        """The recorded quantities, each (N,)."""


class GeneratedStepper:
    """The lane program of a formula, generated for tensors."""

    def __init__(self, run: Problem, device: torch.device, dtype: torch.dtype) -> None:
        program = run.program
        self.dimension = program.dimension
        values = program.coefficients.values(run.values)
        self.coefficients = [torch.as_tensor(np.asarray(v), dtype=dtype, device=device) for v in values]
        table = torch.as_tensor(run.table, device=device)
        offsets = torch.as_tensor(run.offsets.astype(np.int64), device=device)
        last = torch.tensor(run.cells - 1, dtype=dtype, device=device)

        def look_up(place: torch.Tensor) -> torch.Tensor:
            """The slope in the cell of that place; off the table, and where there is no number, that of an end."""
            inside = torch.where(place > 0, place, torch.zeros_like(place))
            inside = torch.where(inside < last, inside, last)
            return table[offsets + inside.long()]

        self.functions = functions_of(program, {**_FUNCTIONS, "look_up": look_up})

    def step(self, state: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """One step."""
        return torch.stack([row.expand(state.shape[1]) for row in self.functions.step(state, draws, self.coefficients)])

    def reached(self, state: torch.Tensor) -> torch.Tensor | None:
        """The first-passage condition."""
        return None if self.functions.reached is None else self.functions.reached(state, self.coefficients)

    def undecided(self, state: torch.Tensor) -> torch.Tensor | None:
        """Where that condition has no truth value, though the position is finite."""
        if self.functions.undecided is None:
            return None
        finite = torch.isfinite(state[: self.dimension]).all(dim=0)
        lost: torch.Tensor = finite & self.functions.undecided(state, self.coefficients)
        return lost

    def observe(self, state: torch.Tensor, start: torch.Tensor) -> list[torch.Tensor]:
        """The recorded quantities."""
        return [torch.as_tensor(q) for q in self.functions.observe(state, start, self.coefficients)]


def run(
    problem: Problem,
    device: str,
    after_launch: Callable[[int], None] | None = None,
    make_stepper: Callable[[Problem, torch.device, torch.dtype], Stepper] | None = None,
) -> Reductions:
    """Advance the run in place on `device`; the same contract as the fused backend.

    Raises `Diverged` when a position or a recorded quantity is no longer finite.
    """
    where = torch.device(device)
    dtype = torch.float32 if problem.state.dtype == np.float32 else torch.float64
    chosen = (make_stepper or GeneratedStepper)(problem, where, dtype)
    numbers = torch.as_tensor(problem.numbers.astype(np.int64), device=where)
    noise = Increments(problem.layout, numbers, problem.seed, problem.stream, dtype)
    state = torch.as_tensor(problem.state, device=where).clone()
    start = torch.as_tensor(problem.start, device=where)
    passage = torch.as_tensor(problem.passage, device=where).clone()
    recording = Recording(problem)
    records = {int(step): r for r, step in enumerate(problem.record_steps)}
    last = time.monotonic()

    def hand_back(step: int) -> None:
        problem.state[:] = state.cpu().numpy()
        problem.passage[:] = passage.cpu().numpy()
        check_finite(problem, recording.faults, step)
        if after_launch is not None:
            after_launch(step)

    def look(step: int) -> None:
        if step in records:
            rows = [row.cpu().numpy() for row in chosen.observe(state, start)]
            recording.put(records[step], rows, lambda: state[: problem.program.dimension].cpu().numpy())

    with torch.no_grad():
        look(problem.begin)
        for step in range(problem.begin, problem.end):
            state = chosen.step(state, noise.at(step))
            hit = chosen.reached(state)
            if hit is not None:
                passage = torch.where(hit & (passage == -1), step + 1, passage)
                lost = chosen.undecided(state)
                if lost is not None:
                    passage = torch.where(lost & (passage == -1), undecided_at(step + 1), passage)
            look(step + 1)
            if time.monotonic() - last > _SECONDS_PER_LAUNCH:
                hand_back(step + 1)
                last = time.monotonic()
    hand_back(problem.end)
    return recording.kept
