"""What the memory of several kinds of model grows with, by the keys of the config that set it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.config.fields import RECORD_TIMES
from langevin_sgd.config.window import Windowed
from langevin_sgd.models import lineage
from langevin_sgd.models.grid import Grid, block_shape
from langevin_sgd.models.memory import Factor
from langevin_sgd.models.stationary_window import SAMPLES

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

DIMENSION = 2_000
"""Parameters that nobody minds."""


def scan_points(study: Study, name: str) -> Factor:
    """The points of the scan of one model; one without a scan."""
    points = math.prod(len(axis) for axis in lineage.scanned(study, name))
    return Factor(("scan",), "points", points, 1, _fewer_points)


def launch_points(study: Study, name: str) -> Factor:
    """The points that are under way at once; no key makes them more, for there are more launches then."""
    together = math.prod(block_shape(Grid(study, name)))
    return Factor((), "points of a launch", together, together)


def common_points(study: Study, name: str) -> Factor:
    """Those of them that differ in what is stored once for points that have it in common."""
    return Factor(("scan",), "points that differ in H and C", Grid(study, name).distinct(), 1, _fewer_points)


def copies(points: Factor) -> int:
    """How often what is kept of every point is held: once more while the points of a scan are read."""
    return 2 if points.value > 1 else 1


def _fewer_points(most: int) -> str:
    return f"give a scan of at most {most:,} points"


def times(at: KeyPath, record_times: int) -> Factor:
    """The recorded times of the model at `at`, step 0 among them."""
    return Factor(
        (*at, "record_times"), "times", record_times + 1, RECORD_TIMES + 1, lambda most: f"give at most {most - 1:,}"
    )


def samples(at: KeyPath, model: Windowed, steps: int) -> Factor:
    """The samples of a stationary window, all of the steps where the burn-in is not known yet."""
    window = steps - (model.burn_in or 0)
    count = min(window, 2 * SAMPLES) if model.sample_every is None else window // model.sample_every
    return Factor(
        (*at, "sample_every"),
        "samples",
        count,
        SAMPLES,
        lambda most: f"give at least {-(-window // most):,}, or null",
    )


def parameters(key: KeyPath, size: int) -> Factor:
    """The number of parameters of a model, which follows from what the config has at `key`."""
    return Factor(key, "weights", size, DIMENSION, lambda most: f"make it smaller, {most:,} weights at most")
