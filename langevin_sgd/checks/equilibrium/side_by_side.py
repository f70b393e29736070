"""A network's fluctuations against those simulated by the models that took H and C from it."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from langevin_sgd.checks.diffusion.window import StationaryWindow
from langevin_sgd.checks.equilibrium.point import TOTAL_VARIANCE, total_variance
from langevin_sgd.checks.verdicts.statistics import MINIMUM_REPLICAS, assess_ratio, inconclusive, too_few_replicas
from langevin_sgd.checks.verdicts.table import Comparison, Role

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
    name = f"ratio of {model} to the simulation {simulation_name}"
    measured, stderr = total_variance(trained)
    predicted, predicted_stderr = total_variance(simulated)
    dofs = (trained.replicas - 1, simulated.replicas - 1)
    fewest = min(dofs) + 1
    if fewest < MINIMUM_REPLICAS or not (measured > 0 and predicted > 0):
        why = too_few_replicas(fewest) if fewest < MINIMUM_REPLICAS else f"{name} is not between positive numbers"
        combined = stderr
        assessed = inconclusive(math.nan, math.nan, why)
    else:
        parts = ((stderr / measured) ** 2, (predicted_stderr / predicted) ** 2)
        relative = math.sqrt(sum(parts))
        weight = sum(part**2 / dof for part, dof in zip(parts, dofs, strict=True))
        combined = measured * relative
        assessed = assess_ratio(
            measured,
            combined,
            predicted,
            dof=sum(parts) ** 2 / weight if weight > 0 else float(min(dofs)),
            tolerance=tolerance,
            confidence=confidence,
            name=name,
            cure="replicas on both sides, or stationary windows that much longer,",
        )
    role: Role = "law" if same_noise and same_process(network, simulation) else "contrast"
    return [
        Comparison.from_assessment(
            assessed,
            model=model,
            quantity=TOTAL_VARIANCE,
            law=f"simulation:{simulation_name}",
            law_title=f"simulated {simulation_name}",
            role=role,
            measured=measured,
            standard_error=combined,
            predicted=predicted,
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
