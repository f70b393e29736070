"""Why two-time aging lies below its law at finite times: the law at finite distances, the shift, and thermal spread.

In Sinai's potential lim P(|x(t^h) - x(t)| < delta (theta ln t)^2/A) = h^-2 [5/3 - (2/3) exp(-(h-1))], the probability
that the walker is still in its valley: ln t to infinity first, then delta to 0. On the same disorders

    measured - law = (flooding - law) + (measured - flooding),

where flooding is the limit theta -> 0 at the same Gamma + c. The first part is sampling error (nearly the same in the
measurement, so it cancels in the second part) and what finite delta adds: walkers that have moved by less than delta.
That is small up to delta = 0.4, since a move crosses two slopes of at least Gamma, which a Brownian potential does over
delta Gamma^2/A with a probability of order exp(-2/delta). The second part is thermal: in a share of valleys
proportional to theta/Gamma = 1/ln t two wells of equal depth further apart than delta are occupied at once, so it is a
coefficient over ln t_w, which falls with delta. That a hop over a barrier is spread over a unit of ln t adds nothing:
P(stays) is linear in the exponential law of the hop's time, so it moves ln t by a constant, in c. Two positions drawn
at the same t_w are apart more often, since there a hop in progress counts as well.

    python analysis/03_aging_corrections.py [--json] [--disorders 1200] [--seed 11]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import langevin_sgd as lsgd
from langevin_sgd.estimators.logarithmic_law import fit_logarithmic_law, select_window
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]

THETA, HALF_WIDTH, STEPS_PER_E_FOLD = 0.5, 9000, 4.0
WAITS = np.array([14.0, 20.0, 28.0, 40.0])
RATIOS = np.array([1.25, 1.5, 2.0])
DISTANCES = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
WINDOW, EXPONENT, AT_ONCE = 10.0, 4.0, 200
FREE_GAMMA = 20.0  # of the flooding alone that measures what finite distances add


@dataclass(frozen=True)
class Walks:
    """Distances in units of (theta ln t_w)^2/A: (disorder, wait, ratio), and (disorder, wait) at equal times."""

    measured: Array
    flooded: Array
    equal_time: Array
    shift: float
    shift_stderr: float


def shift_of(ln_time: Array, squares: Array, start: float) -> tuple[float, float]:
    """c of A (ln t + c)^4 and its bootstrap error."""
    window = select_window(ln_time, squares, ln_time_min=start)
    fit = fit_logarithmic_law(window, seed=0, exponent=EXPONENT, resamples=199)
    return fit.shift, float(fit.shifts.std())


def walks(disorders: int, seed: int) -> Walks:
    """Draw positions at t_w and, from there, at t_w^h by the master equation; flood the same potentials."""
    line = lsgd.Line(1.0, half_width=HALF_WIDTH)
    ln_time = np.linspace(2.0, WAITS[-1], 77)
    squares, moved, apart = [], [], []
    for first in range(0, disorders, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, disorders))
        potential = line.potential(seed, numbers)
        shared: dict[str, Any] = {
            "thermal_energy": THETA, "steps_per_e_fold": STEPS_PER_E_FOLD, "seed": seed, "disorders": numbers,
        }  # fmt: skip
        times = np.exp(np.union1d(ln_time, WAITS))
        begun = lsgd.evolve(potential, times=times, draws=2, **shared)
        squares.append(begun.mean_squared_displacement[:, np.isin(times, np.exp(ln_time))])
        seen = begun.positions[:, :, np.isin(times, np.exp(WAITS))]
        apart.append(np.abs(seen[:, 1] - seen[:, 0]))
        later = [
            lsgd.evolve(
                potential, times=np.exp(wait) * np.expm1((RATIOS - 1.0) * wait), start_site=seen[:, 0, index],
                draws=1, run_number=1 + index, **shared,
            ).positions[:, 0]
            for index, wait in enumerate(WAITS)
        ]  # fmt: skip
        moved.append(np.abs(np.stack(later, axis=1) - seen[:, 0, :, None]))
    shift, stderr = shift_of(ln_time, np.concatenate(squares), WINDOW)
    flood = lsgd.flood_disorders(line, seed, np.arange(disorders), largest_gamma=THETA * WAITS[-1] * RATIOS[-1])
    gamma = THETA * ln_time
    own_shift, _ = shift_of(gamma, flood.displacement(gamma)[..., 0] ** 2, THETA * WINDOW)

    def bottom(logarithm: Array) -> Array:
        return flood.displacement(THETA * (logarithm + shift) - own_shift)[..., 0]

    jumps = [np.abs(bottom(wait * RATIOS) - bottom(np.array([wait]))) for wait in WAITS]
    unit = theory.length_scale(WAITS, alpha=1.0, amplitude=1.0, thermal_energy=THETA)
    return Walks(
        np.concatenate(moved) / unit[:, None],
        np.stack(jumps, axis=1) / unit[:, None],
        np.concatenate(apart) / unit,
        shift,
        stderr,
    )


def mean(values: Array) -> tuple[float, float]:
    """Mean over disorders and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def finite_distance(disorders: int, seed: int) -> list[dict[str, Any]]:
    """By flooding alone: P(unmoved) - law, and how many have moved by less than delta."""
    largest = FREE_GAMMA * RATIOS[-1]
    line = lsgd.Line(1.0, half_width=int(5.5 * largest**2))
    flood = lsgd.flood_disorders(line, seed, np.arange(disorders), largest_gamma=largest)
    gamma = np.linspace(5.0, largest, 64)
    own_shift, _ = shift_of(gamma, flood.displacement(gamma)[..., 0] ** 2, gamma[0])
    scaled = np.concatenate([[1.0], RATIOS]) * FREE_GAMMA
    at = flood.displacement(scaled - own_shift)[..., 0] / FREE_GAMMA**2
    rows: list[dict[str, Any]] = []
    for index, ratio in enumerate(RATIOS):
        jump = np.abs(at[:, index + 1] - at[:, 0])
        law = float(theory.aging_probability(ratio))
        unmoved, error = mean((jump == 0.0).astype(float))
        within = {float(d): mean(((jump > 0.0) & (jump < d)).astype(float)) for d in DISTANCES}
        rows.append({"ratio": float(ratio), "unmoved_less_law": (unmoved - law, error), "moved_within": within})
    return rows


def table(found: Walks) -> list[dict[str, Any]]:
    """One row a waiting time, ratio and distance: the residual and its two parts, with standard errors."""
    rows: list[dict[str, Any]] = []
    for w, wait in enumerate(WAITS):
        for r, ratio in enumerate(RATIOS):
            law = float(theory.aging_probability(theory.shifted_ratio(ratio, wait, found.shift)))
            for distance in DISTANCES:
                measured = (found.measured[:, w, r] < distance).astype(float)
                flooded = (found.flooded[:, w, r] < distance).astype(float)
                thermal, error = mean(measured - flooded)
                rows.append(
                    {
                        "ln_waiting_time": float(wait),
                        "ratio": float(ratio),
                        "distance": float(distance),
                        "residual": mean(measured - law),
                        "flooding": mean(flooded - law),
                        "thermal": (thermal, error),
                        "thermal_times_ln_t": (thermal * wait, error * wait),
                        "apart_at_equal_time": mean((found.equal_time[:, w] >= distance).astype(float)),
                    }
                )
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--disorders", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    free = finite_distance(8 * given.disorders, given.seed + 1)
    found = walks(given.disorders, given.seed)
    rows = table(found)
    if given.json:
        print(json.dumps({"finite_distance": free, "shift": (found.shift, found.shift_stderr), "rows": rows}))
        return
    shown = " | ".join(f"{d:g}" for d in DISTANCES)
    print(f"Flooding, {8 * given.disorders} disorders, Gamma = {FREE_GAMMA:g}: still in the valley less the law, and")
    print("the share that has moved by less than delta (Gamma)^2/A (± one standard error)")
    print(f"| h | unmoved - law | delta = {shown} |")
    print("|---" * (2 + DISTANCES.size) + "|")
    for row in free:
        cells = " | ".join(f"{value:.4f} ± {error:.4f}" for value, error in row["moved_within"].values())
        value, error = row["unmoved_less_law"]
        print(f"| {row['ratio']:g} | {value:+.4f} ± {error:.4f} | {cells} |")
    print()
    print(f"Master equation, {given.disorders} disorders, theta = {THETA:g}, c = {found.shift:.2f} ± ", end="")
    print(f"{found.shift_stderr:.2f}: measured less the law, and its parts (± one standard error)")
    print("| ln t_w | h | delta | residual | flooding - law | thermal | thermal x ln t_w | apart at equal t_w |")
    print("|---" * 8 + "|")
    for row in rows:
        head = f"| {row['ln_waiting_time']:g} | {row['ratio']:g} | {row['distance']:g} |"
        keys = ("residual", "flooding", "thermal", "thermal_times_ln_t", "apart_at_equal_time")
        print(head, " | ".join("{:+.3f} ± {:.3f}".format(*row[key]) for key in keys), "|")


if __name__ == "__main__":
    main()
