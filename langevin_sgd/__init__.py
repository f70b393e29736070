"""SGD as a Langevin process: models and real training side by side, at the same eta, B, H and C.

Everything is imported when first used, so that the command line answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Study": "langevin_sgd.study.config",
    "ConfigError": "langevin_sgd.config.errors",
    "load": "langevin_sgd.study.loading",
    "parse": "langevin_sgd.study.loading",
    "json_schema": "langevin_sgd.study.loading",
    "plan": "langevin_sgd.simulation",
    "scan": "langevin_sgd.simulation",
    "simulate": "langevin_sgd.simulation",
    "check": "langevin_sgd.study.judge",
    "open_run": "langevin_sgd.study.store",
    "watch": "langevin_sgd.own_loop.watch",
    "to_minimum": "langevin_sgd.own_loop.at_minimum",
    "merge": "langevin_sgd.own_loop.merge",
    "DataSet": "langevin_sgd.training.data.dataset",
    "integrate": "langevin_sgd.integrators.integrate",
    "Record": "langevin_sgd.integrators.record",
    "Scheme": "langevin_sgd.integrators.schemes",
    "Expression": "langevin_sgd.landscapes.expression",
    "Quadratic": "langevin_sgd.landscapes.quadratic",
    "Line": "langevin_sgd.landscapes.line",
    "Grid": "langevin_sgd.landscapes.grid",
    "Fourier": "langevin_sgd.landscapes.fourier",
    "evolve": "langevin_sgd.integrators.master_equation",
    "flood_disorders": "langevin_sgd.integrators.flooding",
    "IsotropicNoise": "langevin_sgd.noise",
    "DiagonalNoise": "langevin_sgd.noise",
    "FullNoise": "langevin_sgd.noise",
    "LowRankNoise": "langevin_sgd.noise",
    "PositionDependentNoise": "langevin_sgd.noise",
    "export": "langevin_sgd.study.store",
    "figures": "langevin_sgd.reporting.plots.drawn",
    "plot": "langevin_sgd.reporting.plots.drawn",
    "new": "langevin_sgd.study.templates",
    "info": "langevin_sgd.installation",
    "report": "langevin_sgd.reporting.html",
}

_PACKAGES = ("estimators", "laws", "theory", "training")

__all__ = ["__version__", *sorted(_HOME), *_PACKAGES]

if TYPE_CHECKING:
    from langevin_sgd import estimators as estimators
    from langevin_sgd import laws as laws
    from langevin_sgd import theory as theory
    from langevin_sgd import training as training
    from langevin_sgd.config.errors import ConfigError as ConfigError
    from langevin_sgd.installation import info as info
    from langevin_sgd.integrators.flooding import flood_disorders as flood_disorders
    from langevin_sgd.integrators.integrate import integrate as integrate
    from langevin_sgd.integrators.master_equation import evolve as evolve
    from langevin_sgd.integrators.record import Record as Record
    from langevin_sgd.integrators.schemes import Scheme as Scheme
    from langevin_sgd.landscapes.expression import Expression as Expression
    from langevin_sgd.landscapes.fourier import Fourier as Fourier
    from langevin_sgd.landscapes.grid import Grid as Grid
    from langevin_sgd.landscapes.line import Line as Line
    from langevin_sgd.landscapes.quadratic import Quadratic as Quadratic
    from langevin_sgd.noise import DiagonalNoise as DiagonalNoise
    from langevin_sgd.noise import FullNoise as FullNoise
    from langevin_sgd.noise import IsotropicNoise as IsotropicNoise
    from langevin_sgd.noise import LowRankNoise as LowRankNoise
    from langevin_sgd.noise import PositionDependentNoise as PositionDependentNoise
    from langevin_sgd.own_loop.at_minimum import to_minimum as to_minimum
    from langevin_sgd.own_loop.merge import merge as merge
    from langevin_sgd.own_loop.watch import watch as watch
    from langevin_sgd.reporting.html import report as report
    from langevin_sgd.reporting.plots.drawn import figures as figures
    from langevin_sgd.reporting.plots.drawn import plot as plot
    from langevin_sgd.simulation import plan as plan
    from langevin_sgd.simulation import scan as scan
    from langevin_sgd.simulation import simulate as simulate
    from langevin_sgd.study.config import Study as Study
    from langevin_sgd.study.judge import check as check
    from langevin_sgd.study.loading import json_schema as json_schema
    from langevin_sgd.study.loading import load as load
    from langevin_sgd.study.loading import parse as parse
    from langevin_sgd.study.store import export as export
    from langevin_sgd.study.store import open_run as open_run
    from langevin_sgd.study.templates import new as new
    from langevin_sgd.training.data.dataset import DataSet as DataSet


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _PACKAGES:
        return importlib.import_module(f"langevin_sgd.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
