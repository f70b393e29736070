"""Flooding against the master equation on the same disorders as ln t grows, and its local exponent in any dimension.

Flooding follows a walker to the bottom of the valley whose walls exceed Gamma = theta ln t, with nothing to fit. A
position drawn from the master equation at ln t agrees with it if the two lie within 0.3 (theta ln t)^2/A, the largest
distance below which practically no move between valleys falls (03_aging_corrections.py). The share that disagrees is
due to hops in progress and to wells of equal depth, in numbers of order 1/ln t. With Gamma = T ln t = 2 theta ln t, as
if T stood for theta, the share that agrees is that of the walkers which have not moved between Gamma and 2 Gamma, 0.36
in the limit, and does not rise to one.

Second table: d ln<x^2>/d ln(Gamma) by flooding for alpha = 1 on a line, in the plane and in space, as far as 1% of the
walkers met the edge. It climbs to 4 from below on a lattice (4 Gamma/(Gamma + c), c > 0), later in higher dimensions;
no more is claimed than what is in the table.

    python analysis/05_flooding.py [--json] [--disorders 600] [--seed 31]
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

import langevin_sgd as lsgd
from langevin_sgd.estimators.local_exponent import local_exponent
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]

LN_TIMES = np.array([5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0])
THETAS = (1.0, 0.5)
DISTANCE, HALF_WIDTH, AT_ONCE = 0.3, 8000, 200
LARGEST_CENSORED = 0.01


def agreement(disorders: int, seed: int, theta: float) -> list[dict[str, Any]]:
    """One row a time: shares of disorders in which a drawn position, and <x>, lie at the flooding bottom."""
    line = lsgd.Line(1.0, half_width=HALF_WIDTH)
    drawn, mean = [], []
    for first in range(0, disorders, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, disorders))
        run = lsgd.evolve(
            line.potential(seed, numbers), times=np.exp(LN_TIMES), thermal_energy=theta, steps_per_e_fold=8, draws=1,
            seed=seed, disorders=numbers,
        )  # fmt: skip
        drawn.append(run.positions[:, 0, :] - HALF_WIDTH)
        mean.append(run.mean_displacement)
    # the wrong Gamma needs a wider box, whose inner sites are the same
    wide = lsgd.Line(1.0, half_width=4 * HALF_WIDTH)
    walk = lsgd.flood_disorders(wide, seed, np.arange(disorders), largest_gamma=2.0 * theta * LN_TIMES[-1])
    unit = DISTANCE * theory.length_scale(LN_TIMES, alpha=1.0, amplitude=1.0, thermal_energy=theta)
    x, average = np.concatenate(drawn), np.concatenate(mean)

    def share(positions: NDArray[Any], gamma: Array) -> list[tuple[float, float]]:
        near = np.abs(positions - walk.displacement(gamma)[..., 0]) < unit
        near = np.where(walk.censored(gamma), np.nan, near)
        error = np.nanstd(near, axis=0, ddof=1) / np.sqrt(disorders)
        return list(zip(np.nanmean(near, axis=0).tolist(), error.tolist(), strict=True))

    columns = share(x, theta * LN_TIMES), share(average, theta * LN_TIMES), share(x, 2.0 * theta * LN_TIMES)
    return [
        {"theta": theta, "ln_time": float(t), "drawn": one, "thermal_mean": two, "wrong_gamma": three}
        for t, one, two, three in zip(LN_TIMES, *columns, strict=True)
    ]


def exponents(share: float, seed: int) -> list[dict[str, Any]]:
    """Local exponents of flooding with their windows in Gamma, up to where 1% of the walkers met the edge."""
    landscapes = (
        (1, lsgd.Line(1.0, half_width=HALF_WIDTH), 4000, 0.75),
        (2, lsgd.Grid(2, 1.0, sites=512), 200, 0.5),
        (3, lsgd.Grid(3, 1.0, sites=64), 60, 0.4),
    )
    rows = []
    for dimension, landscape, disorders, first in landscapes:
        number = max(int(disorders * share), 8)
        walk = lsgd.flood_disorders(landscape, seed, np.arange(number))
        met = np.sort(walk.known_to)
        last = float(met[int(LARGEST_CENSORED * number)]) * 0.999
        gamma = np.geomspace(first, last, 64)
        squares = (walk.displacement(gamma) ** 2).sum(axis=-1)
        found = local_exponent(gamma, squares, width=np.log(1.6), points=6)
        rows += [
            {"dimension": dimension, "disorders": number, "window": (low, high), "exponent": (value, error)}
            for low, high, value, error in zip(
                found.ln_time_low, found.ln_time_high, found.exponent, found.stderr, strict=True
            )
        ]
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--disorders", type=int, default=600)
    parser.add_argument("--seed", type=int, default=31)
    given = parser.parse_args()
    agreeing = [row for theta in THETAS for row in agreement(given.disorders, given.seed, theta)]
    slopes = exponents(given.disorders / 600, given.seed)
    if given.json:
        print(json.dumps({"agreement": agreeing, "exponents": slopes}, default=float))
        return
    print(f"Share of {given.disorders} disorders within {DISTANCE:g} (theta ln t)^2/A of the flooding bottom")
    print("| theta | ln t | drawn position | thermal mean | drawn, Gamma = T ln t (wrong) |")
    print("|---|---|---|---|---|")
    for row in agreeing:
        cells = ["{:.3f} ± {:.3f}".format(*row[key]) for key in ("drawn", "thermal_mean", "wrong_gamma")]
        print(f"| {row['theta']:g} | {row['ln_time']:g} | {' | '.join(cells)} |")
    print("\nLocal exponent of <x^2> by flooding, alpha = 1, A = 1, spacing 1 (4 in the limit)")
    print("| d | disorders | Gamma | exponent |")
    print("|---|---|---|---|")
    for row in slopes:
        print(f"| {row['dimension']} | {row['disorders']} | ", end="")
        print("{:.2f} to {:.2f} | {:.3f} ± {:.3f} |".format(*row["window"], *row["exponent"]))


if __name__ == "__main__":
    main()
