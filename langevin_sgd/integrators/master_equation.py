"""The master equation of a walker on a line in a random potential, out to any ln t."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.cores import cores
from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.master_equation_kernel import ALIGNMENT, ELIMINATED, FIELDS, INVERSE, LEFT, RIGHT, kernel
from langevin_sgd.random_numbers.streams import Stream, words
from langevin_sgd.real_array import native_array, real_array, real_number, whole_number

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

# Sixteen lanes hide the latency of a division; their arrays must fit a last-level cache beside those of other cores.
_MANY_LANES, _FEW_LANES = 16, 8
_LARGEST_BLOCK = 20 << 20
# A draw's counter: the number of the run in the high part of the step, the place of the time in the low one.
_RUN = 1 << 32


@dataclass(frozen=True)
class MasterEquationResult:
    """What `evolve` measured at `times` (time,), the thermal averages of every disorder.

    (disorder, time): `mean_displacement` <x - x0> in lengths and `mean_squared_displacement` <(x - x0)^2> in lengths^2
    from the starting site, `total_probability` (one), `boundary_probability` on the outermost `boundary_sites` of
    either end. `positions` int64 (disorder, draw, time): sites, drawn independently at each time. `distribution`
    (disorder, time, site) if asked for. `returned` (disorder,) is the probability that the limiter and rounding
    displaced, summed over all `steps`: above 1e-6 take more steps, or a shorter `linear_time`.
    """

    times: Array
    start_site: Numbers
    mean_displacement: Array
    mean_squared_displacement: Array
    total_probability: Array
    boundary_probability: Array
    positions: Numbers
    distribution: Array | None
    returned: Array
    steps: int


def evolve(
    potential: ArrayLike,
    *,
    times: ArrayLike,
    thermal_energy: float = 1.0,
    spacing: float = 1.0,
    steps_per_e_fold: float = 16,
    linear_time: float | None = None,
    start_site: ArrayLike | None = None,
    ends: str = "reflecting",
    boundary_sites: int = 1,
    draws: int = 0,
    seed: int = 0,
    disorders: ArrayLike | None = None,
    run_number: ArrayLike = 0,
    distributions: bool = False,
    threads: int | None = None,
) -> MasterEquationResult:
    """Solve dP/dt = W P for a walker that starts on one site, in each potential (disorder, site).

    W are the finite volumes of Scharfetter and Gummel, IEEE Trans. Electron Devices 16 (1969) 64, of the Fokker-Planck
    equation of dx = -V'(x) dt + sqrt(2 theta) dW: the rate from i to j = i +- 1 is

        (theta/h^2) B((V_j - V_i)/theta),    B(z) = z/(exp(z) - 1),

    exact for a constant force, second order in h, with exp(-V/theta) stationary at any h. `thermal_energy` theta in
    energies, `spacing` h, so that times are in length^2/energy. `ends` "absorbing" turns the outermost sites into
    traps, whose probability is that of having reached them; at "reflecting" ends nothing leaves and nothing stays.

    Time steps: uniform in ln(1 + t/t0), at least `steps_per_e_fold` to a unit, so linear below t0 = `linear_time`
    (h^2/(2 theta) unless given) and geometric beyond; `times` (ascending, positive) are hit exactly. Each step is two
    implicit stages of Alexander's L-stable SDIRK2 (SIAM J. Numer. Anal. 14 (1977) 1006), second order, solved without
    subtraction. Its second right-hand side, 2.41 u - 1.41 P, falls below zero where a site loses more than 41% within
    0.29 of a step, as only an emptying site can, at 16 steps a unit below exp(-30) of what it held; no linear scheme
    of second order is positive at every step (Bolley and Crouzeix, RAIRO 12 (1978) 237). There it is held at u/10, and
    the sum of P is put back: entries stay positive at any step, and the sum is one. Measured errors of <x^2> in single
    disorders (alpha = 1, ln t to 30) at 4, 8 and 16 steps a unit: below 2e-3, 5e-4 and 1e-4; on average a tenth of it.

    `start_site` is one number or one for each disorder (the middle unless given): a run is continued from a drawn
    position by a call with its site, `times` counted from there, the same `disorders` numbers and another `run_number`
    (below 2^24; one, or one a row), so that its draws are new. Draws are Philox words of (seed; disorder number, run
    number, place in `times`, draw). Nothing in a row of the results depends on the other rows or on `threads`.

    Raises IntegrationError for arguments that do not fit.
    """
    v = _potential(potential)
    rows, sites = v.shape
    theta, h = _positive(thermal_energy, "the thermal energy"), _positive(spacing, "the spacing")
    density = _positive(steps_per_e_fold, "steps_per_e_fold")
    linear = h * h / (2.0 * theta) if linear_time is None else _positive(linear_time, "linear_time")
    wanted = _times(times)
    start = _one_a_row(sites // 2 if start_site is None else start_site, rows, "start_site", sites)
    width = _within(boundary_sites, "boundary_sites", 1, sites // 2)
    count = _within(draws, "draws", 0, 1 << 20)
    if ends not in ("reflecting", "absorbing"):
        raise IntegrationError(f"unknown ends {ends!r}; use 'reflecting' or 'absorbing'")
    absorbing = ends == "absorbing"
    uniform = _uniform(seed, disorders, run_number, rows, wanted.size, count)
    steps, record = _steps(wanted, linear, density)

    lanes = lanes_for(sites)
    run = kernel(lanes)
    moments = np.empty((rows, wanted.size, 3))
    edges = np.empty((rows, wanted.size))
    positions = np.empty((rows, wanted.size, count), np.int64)
    distribution = np.empty((rows, wanted.size if distributions else 0, sites))
    returned = np.empty(rows)

    def block(first: int) -> None:
        filled = min(lanes, rows - first)
        # lanes beyond the last disorder repeat it, and are dropped
        chosen = np.minimum(np.arange(first, first + lanes), rows - 1)
        results = (moments, edges, positions, distribution, returned)
        own = [np.empty((*result.shape[1:], lanes), result.dtype) for result in results]
        work = aligned((sites, FIELDS, lanes))
        _fill(work, v, chosen, start[chosen], theta, theta / (h * h), absorbing)
        drawn = np.ascontiguousarray(uniform[:, :, chosen])
        run(work, start[chosen], steps, record, width, drawn, *own)
        for result, values in zip(results, own, strict=True):
            result[first : first + filled] = np.moveaxis(values, -1, 0)[:filled]

    _each(block, range(0, rows, lanes), threads)
    return MasterEquationResult(
        times=wanted,
        start_site=start,
        mean_displacement=h * moments[..., 1],
        mean_squared_displacement=h * h * moments[..., 2],
        total_probability=moments[..., 0],
        boundary_probability=edges,
        positions=positions.swapaxes(1, 2),
        distribution=distribution if distributions else None,
        returned=returned,
        steps=steps.size,
    )


def lanes_for(sites: int) -> int:
    """Disorders in a block; the results do not depend on it."""
    return _MANY_LANES if sites * FIELDS * _MANY_LANES * 8 <= _LARGEST_BLOCK else _FEW_LANES


@njit(error_model="numpy", nogil=True, cache=True)
def _fill(work, potential, rows, start, thermal_energy, rate, absorbing):  # type: ignore[no-untyped-def]
    """Rates from the potentials in `rows` (lane,), `rate` = theta/h^2, and all probability at the start."""
    sites = potential.shape[1]
    work[:] = 0.0
    work[:, INVERSE] = 1.0
    for lane in range(rows.size):
        v = potential[rows[lane]]
        for i in range(sites - 1):
            z = (v[i + 1] - v[i]) / thermal_energy
            size = abs(z)
            uphill = size / np.expm1(size) if size > 0.0 else 1.0
            downhill = uphill + size  # B(-z) = B(z) + z
            work[i, RIGHT, lane] = rate * (uphill if z > 0.0 else downhill)
            work[i + 1, LEFT, lane] = rate * (downhill if z > 0.0 else uphill)
        if absorbing:
            work[0, RIGHT, lane] = work[sites - 1, LEFT, lane] = 0.0
        work[start[lane], ELIMINATED, lane] = 1.0


def _steps(times: Array, linear: float, density: float) -> tuple[Array, Numbers]:
    """Lengths of the steps (n,), and (n + 1,) which of `times` is reached after each number of them, -1 for none."""
    marks = np.concatenate([[0.0], np.log1p(times / linear)])
    counts = np.maximum(np.ceil(np.diff(marks) * density * (1.0 - 1e-12)).astype(np.int64), 1)
    ends = np.cumsum(counts)
    record = np.full(int(ends[-1]) + 1, -1)
    record[ends] = np.arange(times.size)
    grid = linear * np.expm1(np.interp(np.arange(record.size), np.concatenate([[0], ends]), marks))
    grid[ends] = times
    return np.diff(grid), record


def _uniform(seed: int, disorders: ArrayLike | None, run_number: ArrayLike, rows: int, times: int, draws: int) -> Array:
    """The uniform number of every draw, inside (0, 1): (time, draw, disorder)."""
    if not 0 <= whole_number(seed, "the seed", IntegrationError) < 1 << 64:
        raise IntegrationError(f"the seed must lie between 0 and 2^64 - 1, not {seed}")
    numbers = _one_a_row(np.arange(rows) if disorders is None else disorders, rows, "disorders", 1 << 32)
    runs = _one_a_row(run_number, rows, "run_number", 1 << 24)
    out = np.empty((times, draws, rows))
    for run in np.unique(runs) if draws else ():
        here = runs == run
        drawn = words(
            seed, trajectories=numbers[here], steps=run * _RUN + np.arange(times), components=draws,
            stream=Stream.POSITION_DRAW,
        )  # fmt: skip
        out[:, :, here] = (drawn.swapaxes(1, 2) + 0.5) * 2.0**-32
    return out


def _each(block: Callable[[int], None], firsts: range, threads: int | None) -> None:
    """Every block once, on so many threads; after an error or an interrupt no other block is begun."""
    pool = ThreadPoolExecutor(cores() if threads is None else _within(threads, "threads", 1, 1 << 16))
    try:
        for future in [pool.submit(block, first) for first in firsts]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def aligned(shape: tuple[int, ...]) -> Array:
    """An uninitialised array whose first byte lies at a multiple of ALIGNMENT."""
    size = int(np.prod(shape))
    buffer = np.empty(size + ALIGNMENT // 8)
    first = -buffer.ctypes.data % ALIGNMENT // 8
    return buffer[first : first + size].reshape(shape)


def _potential(given: ArrayLike) -> Array:
    v = np.require(real_array(given, "a potential", IntegrationError), requirements=["C", "ALIGNED", "WRITEABLE"])
    if v.ndim != 2 or v.shape[0] < 1 or v.shape[1] < 2:
        raise IntegrationError(f"a potential has shape (disorder, site) with two sites or more, not {v.shape}")
    if not np.isfinite(v).all():
        raise IntegrationError("the potential is not finite everywhere; give numbers")
    return v


def _times(given: ArrayLike) -> Array:
    times = real_array(given, "times", IntegrationError)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all():
        raise IntegrationError("times must be a list of numbers, at least one")
    if times[0] <= 0.0 or np.any(np.diff(times) <= 0.0):
        raise IntegrationError("times must be positive and ascending")
    return times


def _positive(value: float, what: str) -> float:
    number = real_number(value, what, IntegrationError)
    if not (np.isfinite(number) and number > 0.0):
        raise IntegrationError(f"{what} must be a positive number, not {value}")
    return number


def _within(value: int, what: str, low: int, high: int) -> int:
    number = whole_number(value, what, IntegrationError)
    if not low <= number <= high:
        raise IntegrationError(f"{what} must lie between {low} and {high}, not {number}")
    return number


def _one_a_row(given: ArrayLike, rows: int, what: str, upper: int) -> Numbers:
    numbers = native_array(given, what, IntegrationError)
    if numbers.dtype.kind not in "iu" or numbers.shape not in ((), (rows,)):
        raise IntegrationError(f"{what} must be a whole number, or one for each of {rows} disorders")
    if int(numbers.min()) < 0 or int(numbers.max()) >= upper:
        raise IntegrationError(f"{what} must lie between 0 and {upper - 1}, not {numbers.min()} to {numbers.max()}")
    return np.array(np.broadcast_to(numbers, (rows,)), np.int64)
