"""The families of GPU kernels: runs of the integrator, of each of which the kernels are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np

from langevin_sgd import devices
from langevin_sgd.integrators import fused_gpu
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

_OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
_DOUBLE_WELL = Expression("a*(x**2 - 1)**2 + b*x", ("x",), {"a": 1.0, "b": 0.1})
_PLANE = Expression("(x**2 - 1)**2 + y**2/2 + x*y/10", ("x", "y"))
_WAVY = Expression("x**2/2 + cos(6*x)/5", ("x",))
_ROUGH = Tabulated(np.random.default_rng(0).normal(size=(4, 64)))
_WARM = IsotropicNoise(0.25)
_UNEVEN = PositionDependentNoise(("s*sqrt(1 + x**2)",), {"s": 0.3})
_LOOKED_AT = Record(
    steps=(0, 40),
    each=("x",),
    means=("energy", "squared_displacement"),
    histograms={"x": (-2.0, 2.0, 40)},
    basins={"left": "x < 0", "right": "x >= 0"},
)


@dataclass(frozen=True)
class Family:
    """A run by its arguments; `title` says what is special about it."""

    title: str
    landscape: Any
    noise: Any
    arguments: Mapping[str, Any]

    def problem(self) -> Problem:
        """The run as the GPU backend receives it; nothing is launched, and no GPU is asked for."""
        found: list[Problem] = []

        def take(problem: Problem, device: str, after_launch: Callable[[int], None] | None = None) -> Reductions:
            found.append(problem)
            raise _Taken

        run = {"time_step": 0.01, "steps": 40, "trajectories": 64, "device": "cuda", **self.arguments}
        with patch.object(fused_gpu, "run", take), patch.dict(devices.FOUND, {"numba": lambda: 1}):
            try:
                integrate(self.landscape, self.noise, **run)
            except _Taken:
                return found[0]
        raise AssertionError("the fused backend was not asked")


class _Taken(Exception):
    pass


def _bowl(d: int) -> Expression:
    names = tuple(f"x{i}" for i in range(d))
    return Expression(" + ".join(f"k{i}*x{i}**2/2" for i in range(d)), names, {f"k{i}": 0.5 + i / d for i in range(d)})


FAMILIES: dict[str, Family] = {
    "ou": Family("OU, one coordinate", _OU, _WARM, {}),
    "ou_float32": Family("the same in float32", _OU, _WARM, {"precision": "float32"}),
    "ou_three_point": Family("three-point increments", _OU, _WARM, {"increments": "three_point"}),
    "ou_two_point": Family("two-point increments", _OU, _WARM, {"increments": "two_point"}),
    "ou_two_point_float32": Family(
        "two-point increments in float32", _OU, _WARM, {"increments": "two_point", "precision": "float32"}
    ),
    "ou_scan": Family("temperatures of a scan", _OU, _WARM, {"scan": {"temperature": [0.1, 0.2, 0.3, 0.4]}}),
    "ou_exact": Family("exact law of a step", _OU, _WARM, {"scheme": "exact"}),
    "ou_2": Family("OU, 2 coordinates", _bowl(2), _WARM, {}),
    "ou_4": Family("OU, 4 coordinates", _bowl(4), _WARM, {}),
    "ou_8": Family("OU, 8 coordinates", _bowl(8), _WARM, {}),
    "ou_16": Family("OU, 16 coordinates", _bowl(16), _WARM, {}),
    "double_well": Family("double well", _DOUBLE_WELL, _WARM, {}),
    "first_passage": Family(
        "double well, first passage", _DOUBLE_WELL, _WARM, {"record": Record(first_passage="x > 0.8")}
    ),
    "plane": Family("two coordinates, coupled", _PLANE, _WARM, {}),
    "wavy": Family("with a cosine", _WAVY, _WARM, {}),
    "rough": Family("random potentials at sites", _ROUGH, _WARM, {"scan": {"disorder": range(4)}}),
    "heavy_ball": Family("heavy ball", _DOUBLE_WELL, _WARM, {"scheme": "heavy_ball", "parameters": {"momentum": 0.9}}),
    "leimkuhler_matthews": Family("Leimkuhler and Matthews", _DOUBLE_WELL, _WARM, {"scheme": "leimkuhler_matthews"}),
    "baoab": Family("BAOAB", _DOUBLE_WELL, _WARM, {"scheme": "baoab"}),
    "sra1": Family("SRA1", _DOUBLE_WELL, _WARM, {"scheme": "sra1"}),
    "milstein": Family("Milstein, uneven noise", _DOUBLE_WELL, _UNEVEN, {"scheme": "milstein"}),
    "sri2": Family("SRI2, uneven noise", _DOUBLE_WELL, _UNEVEN, {"scheme": "sri2"}),
    "stratonovich_heun": Family(
        "Heun (Stratonovich), uneven noise", _DOUBLE_WELL, _UNEVEN, {"scheme": "stratonovich_heun"}
    ),
}
"""By name. Increments are Gaussian, the scheme Euler-Maruyama and the state in float64 unless the title says so."""

LOOKED_AT = Family("double well, everything recorded", _DOUBLE_WELL, _WARM, {"record": _LOOKED_AT})
"""The run of which the kernels that observe and reduce are taken."""
