"""What weak increments do to an escape: mean first passage of the Euler-Maruyama chain over that of the diffusion.

On E = (x^2 - 1)^2 with constant noise, from one minimum to the other. The chain's time tau solves
tau(x) = h + sum_i p_i tau(x + f(x) h + sqrt(T h) z_i) below the target and is 0 beyond it, with the increments' own
points z_i (Gauss and Hermite's for the Gaussian); the step is the library's own lane program. Linear interpolation errs
by the square of the spacing, and two grids take that out. The diffusion's time is
the quadrature (2/T) int dy exp(2E/T) int^y dz exp(-2E/T). No random numbers.

    python analysis/01_weak_increments_escape.py [--json] [--grid 0.001]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import spsolve

from langevin_sgd.integrators.array_functions import NUMPY, array_functions
from langevin_sgd.integrators.generate import lane_program
from langevin_sgd.integrators.schemes import scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise

Array = NDArray[np.float64]

LANDSCAPE = Expression("(x**2 - 1)**2", ("x",))
BARRIER = 1.0
START, TARGET, WALL = -1.0, 1.0, -2.4

_hermite = np.polynomial.hermite_e.hermegauss(32)
LAWS: dict[str, tuple[Array, Array]] = {
    "gaussian": (_hermite[0], _hermite[1] / _hermite[1].sum()),
    "three_point": (np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0]), np.array([1.0, 4.0, 1.0]) / 6.0),
    "two_point": (np.array([-1.0, 1.0]), np.array([0.5, 0.5])),
}


def diffusion_time(temperature: float) -> float:
    """Mean first-passage time of the continuous equation, exact by quadrature."""
    x = np.linspace(WALL, TARGET, 200_001)
    boltzmann = 2.0 * LANDSCAPE.energy_at(x[None]) / temperature
    inner = cumulative_simpson(np.exp(-boltzmann), x=x, initial=0.0)
    outer = cumulative_simpson(np.exp(boltzmann) * inner, x=x, initial=0.0)
    begin = np.searchsorted(x, START)
    return float(2.0 / temperature * (outer[-1] - outer[begin]))


def chain_time(law: str, step: float, temperature: float, spacing: float) -> float:
    """Mean first-passage time of Euler-Maruyama with these increments, on a grid with linear interpolation."""
    noise = IsotropicNoise(temperature)
    program = lane_program(LANDSCAPE, noise, scheme("euler_maruyama"))
    move = array_functions(program, NUMPY).step
    coefficients = program.function().values({**noise.parameters, "time_step": step})
    grid = np.linspace(WALL, TARGET, round((TARGET - WALL) / spacing) + 1)[:-1]
    width = grid[1] - grid[0]
    rows, columns, entries = [], [], []
    for z, weight in zip(*LAWS[law], strict=True):
        ahead = np.maximum(move([grid], [z], coefficients)[0], WALL)
        place = (ahead - WALL) / width
        left = np.floor(place).astype(np.int64)
        for column, share in ((left, 1.0 - (place - left)), (left + 1, place - left)):
            inside = column < grid.size  # at the target and beyond tau is 0
            rows.append(np.flatnonzero(inside))
            columns.append(column[inside])
            entries.append(weight * share[inside])
    shape = (grid.size, grid.size)
    ahead_of = csc_array((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    tau = spsolve((eye_array(grid.size) - ahead_of).tocsc(), np.full(grid.size, step))
    return float(np.interp(START, grid, tau))


def table(steps: Sequence[float], barriers: Sequence[float], spacing: float) -> list[dict[str, float]]:
    """One row for each barrier (in units of theta = T/2) and step: the ratio of each chain to the diffusion."""
    rows = []
    for barrier in barriers:
        temperature = 2.0 * BARRIER / barrier
        exact = diffusion_time(temperature)
        for step in steps:
            ratios = {}
            for law in LAWS:
                coarse, fine = (chain_time(law, step, temperature, width) for width in (2 * spacing, spacing))
                ratios[law] = (4.0 * fine - coarse) / 3.0 / exact
            rows.append({"barrier": barrier, "step": step, "time": exact, **ratios})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--grid", type=float, default=0.001)
    given = parser.parse_args()
    rows = table((0.0025, 0.005, 0.01, 0.02, 0.04), (4.0, 8.0), given.grid)
    if given.json:
        print(json.dumps(rows))
        return
    print("| barrier/theta | time step | exact time | " + " | ".join(LAWS) + " |")
    print("|---|---|---|" + "---|" * len(LAWS))
    for row in rows:
        ratios = " | ".join(f"{row[law]:.3f}" for law in LAWS)
        print(f"| {row['barrier']:g} | {row['step']:g} | {row['time']:.5g} | {ratios} |")


if __name__ == "__main__":
    main()
