"""What reaches a model of a study from elsewhere in it: models that it is measured on, an sgd, steps, a scan.

A model with needs takes its sgd and its steps from the first model that it is measured on, and through it the keys of
a scan that reach that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config import axis
from langevin_sgd.config.axis import Axis
from langevin_sgd.config.sgd import Sgd

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


def sources(study: Study, name: str) -> tuple[str, ...]:
    """The models that model `name` is measured on; the first one lends it its sgd and its steps."""
    return tuple(dict.fromkeys(source for _, source in study.models[name].needs()))


def order(study: Study) -> tuple[str, ...]:
    """All models, each after what it is measured on, otherwise as the config lists them."""
    ordered: dict[str, None] = {}
    for name in study.models:
        ordered.update(dict.fromkeys((*sources(study, name), name)))
    return tuple(ordered)


def cycle(study: Study, name: str, source: str) -> list[str]:
    """The models passed on the way from `name` through `source` back to `name`; empty if there is no way back."""
    queue: list[list[str]] = [[name, source]]
    seen = {source}
    while queue:
        way = queue.pop(0)
        if way[-1] == name:
            return way
        if way[-1] in study.models:
            following = [target for target in sources(study, way[-1]) if target not in seen or target == name]
            seen.update(following)
            queue += [[*way, target] for target in following]
    return []


def sgd(study: Study, name: str) -> Sgd:
    """The sgd that model `name` runs with: the study's, with what its first source and then itself change in it.

    A model that needs no sgd, in a study without one, has its own. Raises `ValueError` if there is none.
    """
    model = study.models[name]
    base = model.own_sgd() if study.sgd is None else study.sgd
    if base is None:
        raise ValueError(f"the study has no sgd for {name}")
    first = sources(study, name)[:1]
    return model.sgd_of(sgd(study, first[0]) if first else base)


def sgd_origin(study: Study, name: str, field: str) -> tuple[str, ...]:
    """The key path at which the sgd `field` that model `name` runs with is written."""
    for holder in (name, *sources(study, name)[:1]):
        override = study.models[holder].sgd_override
        if override is not None and field in override.changed():
            return ("models", holder, "sgd", field)
    return ("sgd", field)


def steps(study: Study, name: str) -> int:
    """The number of steps of model `name`: its own, or that of the first model that it is measured on."""
    first = sources(study, name)[:1]
    lent = steps(study, first[0]) if first else None
    return study.models[name].total_steps(sgd(study, name), lent)


def scanned(study: Study, name: str) -> tuple[Axis, ...]:
    """The axes that change model `name`, in the order of its leading dimensions and called as they are there."""
    return axis.named({one.key: one.values for one in study.axes() if _changes(study, one, name)})


def _changes(study: Study, scan: Axis, name: str) -> bool:
    model, path = study.models[name], scan.path
    if len(path) < 2 or path[-1] in model.idle():
        return False  # a key that cannot be scanned changes nothing
    if path[0] == "models":
        return path[1] in {name, *sources(study, name)}
    if path[0] != "sgd" or path[1] not in model.SGD_KEYS:
        return False
    return sgd_origin(study, name, str(path[1])) == path
