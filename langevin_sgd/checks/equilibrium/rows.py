"""The comparisons of stationary fluctuations with their laws, and of a network with what is simulated of it."""

from __future__ import annotations

from dataclasses import replace

from langevin_sgd.checks.equilibrium.config import EquilibriumCheck
from langevin_sgd.checks.equilibrium.point import equilibrium
from langevin_sgd.checks.equilibrium.side_by_side import network_against_simulation, same_process
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.verdicts.table import Comparison


def rows(judged: Judged, check: EquilibriumCheck) -> list[Comparison]:
    """The comparisons of one model, and of the networks with what is simulated of their H and C."""
    own = [
        replace(row, point=label)
        for label, point in judged.points()
        for row in equilibrium(
            point,
            model=judged.name,
            tolerance=check.tolerance,
            bin_tolerance=check.bin_tolerance,
            energy_bound=check.energy_bound,
            confidence=check.confidence,
            bins=check.bins,
            contrasts=check.contrasts,
            seed=judged.study.seed,
        )
    ]
    for taker in judged.takers():
        all_taken = judged.study.models[taker].takes_all_from(judged.name)
        for label, network, simulation in judged.beside(taker):
            found = network_against_simulation(
                network.data,
                simulation.data,
                model=judged.name,
                simulation_name=taker,
                # of a run that says it went otherwise than its config nothing is claimed
                same_noise=all_taken and same_process(network.stored[judged.name], simulation.stored[taker]),
                tolerance=check.tolerance,
                confidence=check.confidence,
            )
            own += [replace(row, point=label) for row in found]
    return own if check.contrasts else [row for row in own if row.role == "law"]
