"""What can be known before anything runs: what each model and each check says of itself within the study.

Faults are (key path, message) pairs, each at the line that is best changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import Faults, KeyPath, choice
from langevin_sgd.config.kinds import is_own
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.models import declared, lineage, own_kinds
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.variable import Declarations
from langevin_sgd.user_code import UserCodeError

if TYPE_CHECKING:
    from langevin_sgd.checks.section import CheckSection
    from langevin_sgd.study.config import Study


def problems(study: Study) -> list[tuple[KeyPath, str]]:
    """Every inconsistency of `study` as (key path, message), at most one at each place."""
    own = {name: model for name, model in study.models.items() if is_own(type(model))}
    if broken := list(_of_own_kinds(own)):
        return broken
    without = [name for name, model in study.models.items() if study.sgd is None and model.needs_sgd()]
    if without:
        mend = f"which {without[0]} takes{study.models[without[0]].instead_of_sgd()}"
        return [(("sgd",), f"missing; expected a mapping with {', '.join(Sgd.model_fields)}, {mend}")]
    faults = [fault for name, model in study.models.items() for fault in _told(name, model.problems, study)]
    faults += [fault for name in study.models for fault in _needs(study, name)]
    if not faults:
        # What follows reads values through `from`, so it needs every `from` to be sound.
        faults = [
            fault for name, model in study.models.items() for fault in _told(name, model.problems_with_sources, study)
        ]
    if all(source in study.models for name in study.models for source in lineage.sources(study, name)):
        faults += _checks(study)  # what a check covers depends on the sgd that a source lends
    first: dict[KeyPath, str] = {}
    for path, message in faults:
        first.setdefault(path, message)
    return list(first.items())


def _needs(study: Study, name: str) -> Faults:
    """Whether what a model is measured on is there, and is not measured on the model itself."""
    others = [other for other in study.models if other != name]
    for key, source in study.models[name].needs():
        at: KeyPath = ("models", name, *study.models[name].need_at(key))
        cycle = lineage.cycle(study, name, source)
        if source not in study.models:
            yield at, f'no model named "{source}"; {choice(source, others)}'
        elif cycle and name == min(cycle, key=list(study.models).index):  # a circle is one fault, told once
            yield at, f"goes in a circle ({' -> '.join(cycle)}); name a model that is measured on no other"


def _of_own_kinds(models: Mapping[str, ModelSection]) -> Faults:
    """What is wrong with kinds of the user's own themselves, at the models that are of them."""
    tables: dict[str, Declarations] = {}
    for name, model in models.items():
        found = list(own_kinds.faults(model))
        yield from ((("models", name, "kind"), message) for message in found)
        try:
            if not found:
                declared(**tables, **{name: model.declares()})
                tables[name] = model.declares()
        except UserError as error:
            yield ("models", name, "kind"), str(error)


def _told(name: str, ask: Callable[[Study, str], Faults], study: Study) -> Faults:
    """The faults that a model tells, and that it cannot tell them if the user's code fails."""
    try:
        yield from ask(study, name)
    except UserCodeError as error:
        yield ("models", name, "kind"), str(error)


def _withheld(check: CheckSection, model: ModelSection) -> list[str]:
    return [reason for name, reason in model.withholds().items() if name in check.REQUIRES]


def _checks(study: Study) -> Faults:
    for position, check in enumerate(study.checks):
        at: KeyPath = ("checks", position)
        names = list(study.models)
        if check.models is None and not check.covered(study):
            withheld = [f'"{name}" {reason}' for name in names for reason in _withheld(check, study.models[name])]
            yield at, withheld[0] if withheld else check.NOTHING
        for place, name in enumerate(check.models or ()):
            if name not in study.models:
                yield (*at, "models", place), f'no model named "{name}"; {choice(name, names)}'
            elif name in (check.models or ())[:place]:
                yield (*at, "models", place), f'"{name}" is named twice; remove one'
            elif not check.fits(study, name):
                withheld = _withheld(check, study.models[name])
                yield (
                    (*at, "models", place),
                    f'"{name}" {withheld[0] if withheld else f"{check.UNFIT}, or leave it out"}',
                )
        for name, model in study.models.items():
            members = model.MEMBERS
            if name not in check.covered(study):
                continue
            if not hasattr(model, members):
                yield (
                    ("models", name, "kind"),
                    f"the check takes its error bars from independent {members}, and this kind has no such key; name "
                    "the one that it has in MEMBERS",
                )
            elif getattr(model, members) < 2:
                yield (
                    ("models", name, members),
                    f"the check takes its error bars from independent {members}; give at least 2",
                )
