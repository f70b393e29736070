"""What can be known before anything runs: what each model and each check says of itself within the study.

Faults are (key path, message) pairs, each at the line that is best changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config.errors import Faults, KeyPath, choice
from langevin_sgd.config.sgd import Sgd

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


def problems(study: Study) -> list[tuple[KeyPath, str]]:
    """Every inconsistency of `study` as (key path, message), at most one at each place."""
    without = [name for name, model in study.models.items() if study.sgd is None and model.needs_sgd()]
    if without:
        mend = f"which {without[0]} takes{study.models[without[0]].instead_of_sgd()}"
        return [(("sgd",), f"missing; expected a mapping with {', '.join(Sgd.model_fields)}, {mend}")]
    faults = [fault for name, model in study.models.items() for fault in model.problems(study, name)]
    if not faults:
        # What follows reads values through `from`, so it needs every `from` to be sound.
        faults = [fault for name, model in study.models.items() for fault in model.problems_with_sources(study, name)]
    if all(source in study.models for name in study.models for source in study.sources(name)):
        faults += _checks(study)  # what a check covers depends on the sgd that a source lends
    first: dict[KeyPath, str] = {}
    for path, message in faults:
        first.setdefault(path, message)
    return list(first.items())


def _checks(study: Study) -> Faults:
    for position, check in enumerate(study.checks):
        at: KeyPath = ("checks", position)
        names = list(study.models)
        if check.models is None and not study.checked_models(check):
            yield at, check.NOTHING
        for place, name in enumerate(check.models or ()):
            if name not in study.models:
                yield (*at, "models", place), f'no model named "{name}"; {choice(name, names)}'
            elif name in (check.models or ())[:place]:
                yield (*at, "models", place), f'"{name}" is named twice; remove one'
            elif not check.takes(*study.checkable(name)):
                yield (*at, "models", place), f'"{name}" {check.UNFIT}, or leave it out'
        for name, model in study.models.items():
            members = model.MEMBERS
            if name in study.checked_models(check) and getattr(model, members) < 2:
                yield (
                    ("models", name, members),
                    f"the check takes its error bars from independent {members}; give at least 2",
                )
