"""Running a model of a study, of whatever kind: each kind says in its config which function runs it."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from langevin_sgd import user_code
from langevin_sgd.config.kinds import is_own, path
from langevin_sgd.laws.evaluate import evaluated, known, recorded, with_answers
from langevin_sgd.models import lineage
from langevin_sgd.models.context import Context
from langevin_sgd.models.finished import configured, law_points
from langevin_sgd.models.memory import Held
from langevin_sgd.observables.scanned import stack
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.progress import Progress
from langevin_sgd.storage.checkpoint import Checkpointing
from langevin_sgd.study.config import Study


def held_by(study: Study, name: str) -> list[Held]:
    """What one model of a study will hold in memory, as far as its config tells."""
    return list(study.models[name].held(study, name))


@one_blas_thread()
def run_model(
    study: Study,
    name: str,
    *,
    sources: Mapping[str, xr.Dataset],
    finished: Mapping[str, xr.Dataset] | None = None,
    device: str,
    progress: Progress,
    checkpoint: Checkpointing,
) -> xr.Dataset:
    """Run one model of a study; `sources` holds the models that it is measured on, `finished` all before.

    What the laws say of it is added to what was measured, as a cache. A scanned model has the scan's parameters as
    leading dimensions. Raises `Diverged` if its numbers grow without bound and `UserError` if it cannot be run as
    configured.
    """
    laws, configs = known(study.laws), configured(study, name)
    context = Context(
        study, name, device=device, sources=sources, finished=finished or {}, progress=progress, checkpoint=checkpoint
    )
    model = study.models[name]
    measured = model.run(configs, context)
    answers = [evaluated(point, laws) for point in law_points(study, name, measured, sources, configs)]
    whole, axes = (
        [with_answers(data, found) for data, found in zip(measured, answers, strict=True)],
        lineage.scanned(study, name),
    )
    if is_own(type(model)):
        return recorded(user_code.call(f"{path(type(model))}: its points make no scan", stack, whole, axes), answers)
    return recorded(stack(whole, axes), answers)
