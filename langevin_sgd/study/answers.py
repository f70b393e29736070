"""What laws say of finished models, where a run does not hold it yet: a law that came later needs no new run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from langevin_sgd.errors import UserError
from langevin_sgd.laws.cache import completed, unanswered
from langevin_sgd.laws.evaluate import evaluated, known
from langevin_sgd.models import lineage
from langevin_sgd.models.finished import configured, law_points
from langevin_sgd.observables.scanned import places_done, points
from langevin_sgd.study import provenance
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import parse


def answered(study: Study, name: str, done: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """A finished model with the answers of the study's laws that it lacks, or itself if it lacks none.

    `done` holds it and the models that it is measured on. Nothing is run or trained.
    """
    data = done[name]
    laws = unanswered(data, known(study.laws))
    if not laws:
        return data
    configs = configured(study, name).only(places_done(data))
    at = law_points(study, name, [point for _, point in points(data)], done, configs)
    return completed(data, [evaluated(point, laws) for point in at])


def answered_all(attributes: Mapping[Any, Any], done: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """The same of all finished models of a tree with these attributes, which tell its config."""
    try:
        config = provenance.config(attributes)
    except ValueError as error:
        raise UserError(f"the provenance of this run is damaged ({error})") from error
    laws = known(config.get("laws", ()))
    if "models" not in config:  # results that somebody put together: nothing says what they are of
        return dict(done)
    if not any(unanswered(data, laws) for data in done.values()):
        return dict(done)
    study, whole = parse(config), dict(done)
    for name in lineage.order(study):
        if name in whole:
            whole[name] = answered(study, name, whole)
    return whole
