"""A network's fluctuations against those simulated by the models that took H and C from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_sgd.checks.equilibrium.point import TOTAL_VARIANCE, total_variance
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.checks.verdicts.two_ensembles import MeanOverReplicas, assess_ratio_of_two

_RUN_WITH = ("learning_rate", "batch_size", "momentum")


def network_against_simulation(
    network: xr.Dataset,
    simulation: xr.Dataset,
    *,
    model: str,
    simulation_name: str,
    same_noise: bool,
    tolerance: float,
    confidence: float,
) -> list[Comparison]:
    """`total_variance` of network `model` over the simulated one, law "simulation:NAME"; none without both windows.

    Both sides fluctuate: relative errors add in quadrature, with the degrees of freedom of Welch and Satterthwaite.
    The row's role is "law" if the simulation is of the very same process: `same_noise` (H and C both as measured on
    this network), the map of SGD itself, sampling with replacement, and equal eta, B and momentum; else it is a
    contrast.
    """
    sides = [StationaryWindow.from_dataset(network), StationaryWindow.from_dataset(simulation)]
    if sides[0] is None or sides[1] is None:
        return []
    trained, simulated = sides[0], sides[1]
    measured = MeanOverReplicas(*total_variance(trained), trained.replicas)
    predicted = MeanOverReplicas(*total_variance(simulated), simulated.replicas)
    assessed, combined = assess_ratio_of_two(
        measured,
        predicted,
        tolerance=tolerance,
        confidence=confidence,
        name=f"ratio of {model} to the simulation {simulation_name}",
        cure="replicas on both sides, or stationary windows that much longer,",
    )
    role: Role = "law" if same_noise and same_process(network, simulation) else "contrast"
    return [
        Comparison.from_assessment(
            assessed,
            model=model,
            quantity=replace(TOTAL_VARIANCE, said=""),  # a sentence tells of laws first
            law=f"simulation:{simulation_name}",
            law_title=f"simulated {simulation_name}",
            law_said=f"the simulation {simulation_name}",
            role=role,
            measured=measured.value,
            standard_error=combined,
            predicted=predicted.value,
            tolerance=tolerance,
            eigenvalues=trained.eigenvalue,
        ).spoiled(trained.fault(tolerance) or simulated.fault(tolerance))
    ]


def same_process(network: xr.Dataset, simulation: xr.Dataset) -> bool:
    """Whether both hold the same eta, B and momentum, and follow the map of SGD with replacement."""
    discrete = network.attrs.get("law") == simulation.attrs.get("law") == "discrete"
    return discrete and all(
        name in network and name in simulation and np.isclose(float(network[name]), float(simulation[name]))
        for name in _RUN_WITH
    )
