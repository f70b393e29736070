"""What reaches a model of a study from elsewhere in it: models that it is measured on, an sgd, steps, a scan.

A model with needs takes its sgd and its steps from the first model that it is measured on, and through it the keys of
a scan that reach that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config import axis
from langevin_sgd.config.axis import Axis
from langevin_sgd.config.errors import KeyPath
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
    passed: list[str] = []
    while name not in passed:  # models that are measured in a circle are told elsewhere
        override = study.models[name].sgd_override
        if override is not None and field in override.changed():
            return ("models", name, "sgd", field)
        passed.append(name)
        name = next(iter(sources(study, name)), name)
    return ("sgd", field)


def steps(study: Study, name: str) -> int:
    """The number of steps of model `name`: its own, or that of the first model that it is measured on."""
    first = sources(study, name)[:1]
    lent = steps(study, first[0]) if first else None
    return study.models[name].total_steps(sgd(study, name), lent)


def ancestors(study: Study, name: str) -> tuple[str, ...]:
    """All models that model `name` is measured on, directly or through others; none of them is `name` itself."""
    found: dict[str, None] = {}
    queue = list(sources(study, name))
    while queue:
        source = queue.pop(0)
        if source in found or source == name or source not in study.models:
            continue
        found[source] = None
        queue += sources(study, source)
    return tuple(found)


def scanned(study: Study, name: str) -> tuple[Axis, ...]:
    """The axes that change model `name`, in the order of its leading dimensions and called as they are there.

    Those that change a model that it is measured on, through any number of others, change it too.
    """
    return axis.named(one for one in study.axes() if any(changes(study, path, name) for path in one.paths))


def changes(study: Study, path: KeyPath, name: str) -> bool:
    """Whether a key of the config changes model `name`, or any that it is measured on."""
    return any(_changes(study, path, each) for each in (name, *ancestors(study, name)))


def _changes(study: Study, path: KeyPath, name: str) -> bool:
    """Whether a key changes model `name` itself."""
    model = study.models[name]
    if path == ("seed",):
        return True
    if len(path) < 2 or (path[-1] in model.idle() and not _of_several_forms(study, name)):
        return False  # a key that cannot be scanned changes nothing
    if path[0] == "models":
        return len(path) > 2 and path[1] == name
    if path[0] != "sgd" or path[1] not in model.SGD_KEYS:
        return False
    return sgd_origin(study, name, str(path[1])) == path


def _of_several_forms(study: Study, name: str) -> bool:
    """Whether names of the model are scanned, such as its scheme, so that what is idle with one may not be with all."""
    return any(
        path[:2] == ("models", name) and any(isinstance(value, str) for value in column)
        for axis in study.axes()
        for path, column in zip(axis.paths, axis.columns, strict=True)
    )
