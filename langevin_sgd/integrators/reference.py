"""The reference backend: sdeint, an independent integrator, driven with this project's own Wiener increments.

One trajectory after another in plain numpy and float64: for checking, not for speed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from langevin_sgd.integrators.array_functions import NUMPY, functions_of
from langevin_sgd.integrators.dynamics import SymbolicDynamics
from langevin_sgd.integrators.finiteness import check_finite, undecided_at
from langevin_sgd.integrators.generate import is_generated
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.recording import Recording
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.random_numbers import increments
from langevin_sgd.random_numbers.philox_numba import normals_of_words
from langevin_sgd.random_numbers.streams import Stream, words

Array = NDArray[np.float64]


def run(problem: Problem, scheme: Scheme, after_launch: Callable[[int], None] | None = None) -> Reductions:
    """Advance the run in place, in float64; the same contract as the other backends.

    Raises `SchemeError` for a scheme that sdeint does not have.
    """
    import sdeint

    if not scheme.in_sdeint:
        known = ", ".join(name for name, one in SCHEMES.items() if one.in_sdeint)
        raise SchemeError(f"sdeint has no {scheme.name}; with backend='reference' use {known}")
    method: Callable[..., Array] = getattr(sdeint, scheme.in_sdeint)
    takes_integrals = "I" in inspect.signature(method).parameters
    assert is_generated(problem.landscape)  # what it takes
    model = SymbolicDynamics(problem.landscape, problem.noise, scheme.interpretation)
    names = [name for name in problem.values if name != "time_step"]
    arguments = [*model.coordinates, *(symbol(name) for name in names)]
    drift = sympy.lambdify(arguments, model.drift_expressions, "numpy", dummify=True)
    amplitude = sympy.lambdify(arguments, model.amplitude.tolist(), "numpy", dummify=True)
    count = problem.numbers.size
    per_trajectory = {name: np.broadcast_to(value, count) for name, value in problem.values.items()}
    draws = gaussian_as_compiled(problem) if problem.layout.kind == "gaussian" else _weak(problem)
    paths = np.empty((problem.end - problem.begin + 1, problem.program.dimension, count))
    for n in range(count):
        fixed = [float(per_trajectory[name][n]) for name in names]
        h = float(per_trajectory["time_step"][n])
        options: dict[str, Any] = {"dW": draws[:, n] * np.sqrt(h)}
        if takes_integrals:  # of the noise with itself; of different noises none is needed where it is diagonal
            options["I"] = np.einsum("tk,kl->tkl", (options["dW"] ** 2 - h) / 2, np.eye(draws.shape[2]))
        times = np.arange(problem.begin, problem.end + 1) * h
        if len(times) > 1:
            paths[:, :, n] = method(
                lambda y, t, fixed=fixed: np.array(drift(*y, *fixed), dtype=np.float64),
                lambda y, t, fixed=fixed: np.array(amplitude(*y, *fixed), dtype=np.float64),
                np.asarray(problem.state[:, n], dtype=np.float64),
                times,
                **options,
            )
        else:
            paths[0, :, n] = problem.state[:, n]
    return _reduced(problem, paths, after_launch)


def gaussian_as_compiled(problem: Problem) -> Array:
    """Gaussian increments (steps, N, count) with the very rounding of the compiled kernels."""
    layout = problem.layout
    per_group = layout.steps_per_group
    groups = np.arange(problem.begin // per_group, -(-problem.end // per_group))
    drawn = words(
        problem.seed,
        trajectories=problem.numbers,
        steps=groups,
        components=4 * layout.quads,
        stream=Stream(problem.stream),
    )
    flat = np.empty(drawn.size, np.float32)
    normals_of_words(drawn.ravel(), flat)
    z = flat.reshape(drawn.shape).astype(np.float64)
    used = z[:, :, : per_group * layout.words_per_step].reshape(len(groups), -1, per_group, layout.words_per_step)
    steps = np.moveaxis(used, 2, 1).reshape(len(groups) * per_group, -1, layout.words_per_step)
    first = problem.begin - groups[0] * per_group if groups.size else 0
    return steps[first : first + problem.end - problem.begin, :, : layout.count]


def _weak(problem: Problem) -> Array:
    layout = problem.layout
    return increments.increments(
        layout.kind,
        problem.seed,
        trajectories=problem.numbers,
        first=problem.begin,
        steps=problem.end - problem.begin,
        count=layout.count,
    )


def _reduced(problem: Problem, paths: Array, after_launch: Callable[[int], None] | None) -> Reductions:
    """The recorded quantities and first passages of whole paths (steps + 1, d, N)."""
    functions = functions_of(problem.program, NUMPY)
    values = problem.program.coefficients.values(problem.values)
    recording = Recording(problem)
    with np.errstate(all="ignore"):  # what is no number is counted, and told with its step
        for record, step in enumerate(problem.record_steps):
            at = paths[step - problem.begin]
            recording.put(record, functions.observe(at, problem.start, values), lambda at=at: at)  # type: ignore[misc]
        if functions.reached is not None:
            for step in range(problem.begin + 1, problem.end + 1):
                at = paths[step - problem.begin]
                problem.passage[functions.reached(at, values) & (problem.passage == -1)] = step
                if functions.undecided is not None:
                    lost = functions.undecided(at, values) & np.isfinite(at).all(axis=0)
                    problem.passage[lost & (problem.passage == -1)] = undecided_at(step)
    problem.state[:] = paths[-1]
    check_finite(problem, recording.faults, problem.end)
    if after_launch is not None:
        after_launch(problem.end)
    return recording.kept
