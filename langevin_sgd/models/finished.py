"""A finished model as laws take it: every point of its scan with the config that it ran with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws import Point
from langevin_sgd.models import lineage

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


def configured(study: Study, name: str) -> list[tuple[Any, Sgd | None]]:
    """The config of a model and its sgd, None of a kind that has none, at every point of its scan or the only one."""
    takes_sgd = study.models[name].takes_sgd()
    return [(point.models[name], lineage.sgd(point, name) if takes_sgd else None) for point in study.points(name)]


def law_points(
    study: Study, name: str, data: Sequence[xr.Dataset], done: Mapping[str, xr.Dataset], configs: Sequence[Any]
) -> list[Point]:
    """The observables `data` at every point, each with its entry of `configured`, for laws and for what follows."""
    sources = {source: done[source] for source in lineage.sources(study, name)}
    return [
        Point(each, model, sgd, configs, sources, partial(lineage.steps, study, name))
        for each, (model, sgd) in zip(data, configs, strict=True)
    ]
