"""What a random-potential model holds in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.cores import cores
from langevin_sgd.landscapes.grid import Grid
from langevin_sgd.models.factors import copies, scan_points, times
from langevin_sgd.models.memory import Factor, Held
from langevin_sgd.models.random_potential import potentials
from langevin_sgd.models.random_potential.config import RandomPotentialModel
from langevin_sgd.models.random_potential.known import largest
from langevin_sgd.models.random_potential.run import chunk_size

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_USUAL_SITES = 100_000
_USUAL_WAVES = 1 << 16
_FIELDS, _LANES = 5, 8  # numbers of the master equation for each site, and disorders side by side


def held(study: Study, name: str) -> list[Held]:
    """Averages of disorders x times, and the potentials and the work of the disorders that run side by side."""
    model = study.models[name]
    assert isinstance(model, RandomPotentialModel)
    at: KeyPath = ("models", name)
    disorders = Factor(
        (*at, "disorders"), "disorders", model.disorders, RandomPotentialModel.model_fields["disorders"].default
    )
    points, record = scan_points(study, name), times(at, model.record_times)
    count = 1 + copies(points)
    parts = [
        Held("the averages of disorders x times", 17.0, (disorders, record, points), kept=True, copies=count),
        Held(
            "the increments and draws of disorders",
            8.0 * (60 + (model.draws or 0)),
            (disorders, points),
            kept=True,
            copies=count,
        ),
    ]
    if model.aging is not None:
        both = len(model.aging.ln_waiting_times) * len(model.aging.ratios)
        parts.append(Held("the two-time displacements", 17.0 * both, (disorders, points), kept=True, copies=count))
    work = _waves(at, model, record) if model.landscape == "fourier" else _sites(at, model)
    return [*parts, *work]


def _sites(at: KeyPath, model: RandomPotentialModel) -> list[Held]:
    """Potentials on the sites of a line or a grid."""
    assert model.half_width is not None
    threads, d, cells = cores(), model.dimension, model.cells or 1
    count = (2 * model.half_width + 1) ** d
    sites = Factor(
        (*at, "half_width"), "sites", count, _USUAL_SITES,
        lambda most: f"give at most {max(0, int(most ** (1 / d) - 1) // 2):,}",
    )  # fmt: skip
    together = min(chunk_size(model), model.disorders)
    if d > 1:
        grid = potentials.sites(largest(model))
        assert isinstance(grid, Grid)
        period = (grid.period / (2 * model.half_width + 1)) ** d
        return [
            Held(
                "the modes and floods of a grid, on every thread",
                threads * (24.0 * period + 60.0) + 12.0 * period,
                (sites,),
            )
        ]
    parts = [Held("the modes of a line, on every thread", 100.0 * threads, (sites,))]
    if model.method == "master_equation":
        running = min(threads, math.ceil(together / _LANES))
        refined = Factor((*at, "cells"), "cells", cells, 1)
        return [
            *parts,
            Held("the potentials of the disorders side by side", 8.0 * together, (sites,)),
            Held("their refined potentials", 16.0 * together, (sites, refined)),
            Held("the master equation, on every thread", 8.0 * _FIELDS * _LANES * running, (sites, refined)),
        ]
    if model.method == "flooding":
        return [*parts, Held("the floods, on every thread", 60.0 * threads, (sites,))]
    walkers = _walkers(at, model)
    return [
        *parts,
        Held("the potentials of the disorders side by side", 8.0 * 4 * together, (sites,)),
        Held("the walkers of the disorders side by side", 150.0 * together, (walkers,)),
    ]


def _waves(at: KeyPath, model: RandomPotentialModel, record: Factor) -> list[Held]:
    """Wave vectors, and the walkers among them."""
    assert model.features is not None
    together = min(chunk_size(model), model.disorders)
    features = Factor((*at, "features"), "features", model.features, max(_USUAL_WAVES // model.dimension, 512))
    dimension = Factor((*at, "dimension"), "coordinates", model.dimension, 128)
    walkers = _walkers(at, model)
    return [
        Held("the waves of the disorders side by side", 8.0 * 4 * together, (features, dimension)),
        Held("the phases of the walkers in the waves", 8.0 * 3 * together, (features, walkers)),
        Held("the walkers of the disorders side by side", 8.0 * 10 * together, (walkers, dimension)),
        Held("the displacements of walkers x times", 8.0 * 2 * together, (walkers, record)),
    ]


def _walkers(at: KeyPath, model: RandomPotentialModel) -> Factor:
    assert model.walkers is not None
    return Factor((*at, "walkers"), "walkers", model.walkers, 16)
