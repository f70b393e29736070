"""Amplitude of logarithmic diffusion, <x^2> = K(alpha) (theta ln t)^(4/alpha)/A^(2/alpha), on a line.

Only K(1) = 61/45 is known in closed form. K is a property of the limit of strong disorder, so it is measured by
flooding on exact fractional Brownian potentials, theta ln t = Gamma, with A = 1 and one unit of length between sites:
fits of K (Gamma + c)^(4/alpha), c free, from the window stated on, and from a window that begins half as late again,
which shows what is left of the lattice. With --run, also the amplitude that a run of configs/fractional_line.yaml has
at finite temperature, fitted over ln t >= 10 at p = 4/alpha.

    python analysis/04_amplitudes.py [--json] [--run runs/fractional_line] [--share 1.0]
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

SEED, RESAMPLES, TIMES, LATER, WINDOW = 21, 299, 97, 1.5, 10.0


@dataclass(frozen=True)
class Setting:
    """One alpha: box, disorders, and the barriers Gamma (energy, A = 1) over which the law is fitted."""

    alpha: float
    half_width: int
    disorders: int
    first: float
    last: float


SETTINGS = (
    Setting(0.5, 75_000, 2_000, 4.0, 10.0),
    Setting(0.75, 20_000, 8_000, 6.0, 20.0),
    Setting(1.0, 9_600, 16_000, 10.0, 40.0),
    Setting(1.25, 6_000, 16_000, 12.0, 50.0),
    Setting(1.5, 9_000, 16_000, 15.0, 60.0),
)


def fitted(logarithm: Array, squares: Array, exponent: float, start: float) -> tuple[float, float]:
    """K at p = 4/alpha with its bootstrap error; `squares` (disorder, time)."""
    fit = fit_logarithmic_law(
        select_window(logarithm, squares, ln_time_min=start), seed=0, exponent=exponent, resamples=RESAMPLES
    )
    return fit.amplitude, float(fit.amplitudes.std())


def flooded(setting: Setting, share: float) -> dict[str, Any]:
    """K by flooding, from either window, and the share of walkers that met the ends of the box."""
    line = lsgd.Line(setting.alpha, half_width=setting.half_width)
    numbers = np.arange(max(int(setting.disorders * share), 20))
    walk = lsgd.flood_disorders(line, SEED, numbers, largest_gamma=setting.last)
    gamma = np.linspace(1.0, setting.last, TIMES)
    squares = walk.displacement(gamma)[..., 0] ** 2
    p = theory.exponent(setting.alpha)
    return {
        "disorders": numbers.size,
        "window": (setting.first, setting.last),
        "amplitude": fitted(gamma, squares, p, setting.first),
        "later": fitted(gamma, squares, p, LATER * setting.first),
        "censored": float(walk.censored([setting.last]).mean()),
    }


def measured(run: str) -> dict[float, tuple[float, float]]:
    """K by alpha of every random-potential model in a run directory."""
    found = {}
    for node in lsgd.open_run(run).children.values():
        model = node.to_dataset(inherit=False)
        if model.attrs.get("kind") != "random_potential":
            continue
        alpha = float(model["alpha"])
        p = theory.exponent(alpha)
        unit = theory.length_scale(
            1.0, alpha=alpha, amplitude=float(model["amplitude"]), thermal_energy=float(model["thermal_energy"])
        )
        squares = model["squared_displacement"].transpose("disorder", "time").values / unit**2
        found[alpha] = fitted(model["ln_time"].values, squares, p, WINDOW)
    return found


def table(run: str | None, share: float) -> list[dict[str, Any]]:
    """One row an alpha."""
    at_finite_temperature = measured(run) if run else {}
    return [
        {"alpha": s.alpha, **flooded(s, share), "master_equation": at_finite_temperature.get(s.alpha)} for s in SETTINGS
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", help="a run directory of configs/fractional_line.yaml")
    parser.add_argument("--share", type=float, default=1.0, help="share of the disorders to flood")
    given = parser.parse_args()
    rows = table(given.run, given.share)
    if given.json:
        print(json.dumps(rows))
        return
    print(f"K(alpha) of <x^2> = K (theta ln t)^(4/alpha)/A^(2/alpha), ± one standard error; K(1) = {61 / 45:.4f}")
    print("| alpha | 4/alpha | disorders | Gamma | K, flooding | from a later window | censored | K, master equation |")
    print("|---" * 8 + "|")
    for row in rows:
        first, later, other = (
            "{:.4g} ± {:.2g}".format(*row[key]) if row[key] else "" for key in ("amplitude", "later", "master_equation")
        )
        window = "{:g} to {:g}".format(*row["window"])
        print(f"| {row['alpha']:g} | {4 / row['alpha']:.3g} | {row['disorders']} | {window} | ", end="")
        print(f"{first} | {later} | {row['censored']:.2%} | {other} |")


if __name__ == "__main__":
    main()
