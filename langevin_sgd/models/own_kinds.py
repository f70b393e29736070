"""Kinds of model of the user's own: what they are asked goes through one door, and what is no answer is told in a line.

A kind of this package is trusted to answer as `ModelSection` says. What a class from elsewhere overrides is called by
`user_code.call`, so that an exception becomes a `UserError` with the user's file and line, and its answer is looked at
before anything is made of it.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langevin_sgd import user_code
from langevin_sgd.config.kinds import path
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.devices import Engine
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable, merged

if TYPE_CHECKING:
    import xarray as xr

    from langevin_sgd.models.context import Context, Points
    from langevin_sgd.models.failed import PointFailed
    from langevin_sgd.models.section import ModelSection

_STORED = "biufU"  # kinds of numpy types that a run directory holds


def guard(kind: type[ModelSection]) -> None:
    """Let what a class of the user's own overrides go through the door."""
    for name, (fits, words) in _ANSWERS.items():
        written = vars(kind).get(name)
        if written is None:
            continue
        function = getattr(written, "__func__", written)
        if not callable(function):
            continue  # `faults` says so
        guarded = _asked(kind, name, function, fits, words)
        setattr(kind, name, classmethod(guarded) if isinstance(written, classmethod) else guarded)
    through = {"run": _running(kind, kind.run)}
    for written, question in (("HELD", "held"), ("PROCESS", "process"), ("FOLLOWS", "follows"), ("TRIAL", "trial")):
        if getattr(kind, written):  # the path of a function of the user's own
            through[question] = _asked(kind, question, getattr(kind, question), *_ANSWERS[question])
    for name, guarded in through.items():
        setattr(kind, name, guarded)


def runs(kind: type[ModelSection]) -> bool:
    """Whether a kind has something to run: a `run` of its own, or the path of one in `RUN`."""
    from langevin_sgd.models.section import ModelSection

    return bool(getattr(kind, "RUN", "")) or inspect.unwrap(kind.run) is not ModelSection.run


def faults(model: ModelSection) -> Iterator[str]:
    """What makes a model of the user's own useless: an attribute that is none, or no answer to what all are asked."""
    kind = type(model)
    if broken := list(_attribute_faults(kind)):
        yield from broken
        return
    override: Any = model.sgd_override
    if override is not None and not hasattr(override, "changed"):
        yield f"{path(kind)}: sgd must be of type SgdOverride | None, what the model changes in the study's sgd"
    try:
        for question in ("needs", "idle", "takes_sgd", "needs_sgd", "own_sgd", "engines", "code", "declares"):
            getattr(model, question)()
        known, promised = merged(ENSEMBLE, model.declares()), model.emits()
    except (UserError, ValueError) as error:
        yield f"{path(kind)}: {error}".replace(f"{path(kind)}: {path(kind)}: ", f"{path(kind)}: ")
        return
    if missing := sorted(promised - known.keys()):
        yield f"{path(kind)}: emits {missing[0]}, which is not declared; add it to DECLARES"


def _attribute_faults(kind: type[ModelSection]) -> Iterator[str]:
    for name, (fits, words) in _ATTRIBUTES.items():
        if not fits(found := getattr(kind, name)):
            yield f"{path(kind)}: {name} must be {words}, got {_told(found)}"
    for name in _ANSWERS:
        if name in kind.model_fields or not callable(getattr(kind, name)):
            yield f"{path(kind)}: {name} must be a method, for every model is asked for it; call your key otherwise"


def _asked(
    kind: type, name: str, function: Callable[..., Any], fits: Callable[[Any], bool], words: str
) -> Callable[..., Any]:
    failed = f"{path(kind)}: {name} failed"

    @functools.wraps(function)
    def ask(*args: Any, **kwargs: Any) -> Any:
        answer = user_code.call(failed, lambda: _whole(function(*args, **kwargs)))
        if not user_code.call(failed, fits, answer):
            raise UserError(f"{path(kind)}: {name} must give {words}, got {_told(answer)}")
        return answer

    return ask


def _whole(answer: Any) -> Any:
    """What is yielded one by one as a list: it is the user's code that runs."""
    return list(answer) if isinstance(answer, Iterator) else answer


def _running(kind: type[ModelSection], function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(model: ModelSection, points: Points, context: Context) -> Sequence[xr.Dataset | PointFailed]:
        stopped: list[Diverged] = []

        def called() -> Any:
            try:
                return _whole(function(model, points, context))
            except Diverged as error:  # no fault of the code
                stopped.append(error)

        answer = user_code.call(f"{path(kind)}: run failed", called)
        if stopped:
            raise stopped[0]
        return _datasets(model, points, answer)

    return run


def _datasets(model: ModelSection, points: Points, answer: Any) -> Sequence[xr.Dataset | PointFailed]:
    """The datasets that a run gave, if they are such: one a point, of declared observables, with those promised."""
    import xarray as xr  # not of a config

    from langevin_sgd.models.failed import PointFailed

    what = f"{path(type(model))}: run"
    if not isinstance(answer, list | tuple) or not all(isinstance(each, xr.Dataset | PointFailed) for each in answer):
        raise UserError(f"{what} must give a list with an xarray.Dataset a point, got {_told(answer)}")
    if len(answer) != len(points):
        raise UserError(f"{what} gave {len(answer)} datasets for {len(points)} points; give one a point, in order")
    known = merged(ENSEMBLE, model.declares())
    for dataset in (each for each in answer if isinstance(each, xr.Dataset)):
        _declared(what, dataset, known)
        if missing := sorted(model.emits() - set(map(str, dataset.variables))):
            raise UserError(f"{what} gave no {missing[0]}, which `emits` promises; emit it, or promise less")
    return answer


def _declared(what: str, dataset: xr.Dataset, known: Declarations) -> None:
    for name, variable in dataset.variables.items():
        declared = known.get(str(name))
        if declared is None:
            raise UserError(f"{what} gave {name}, which is not a declared observable; add it to DECLARES")
        if isinstance(declared, Coordinate) != (name in dataset.coords):
            place = "a coordinate" if isinstance(declared, Coordinate) else "an observable"
            raise UserError(f"{what} gave {name} as what it is not: it is declared as {place}")
        if len(variable.dims) != len(declared.dims) or "units" not in variable.attrs:
            raise UserError(
                f"{what} gave {name} with dimensions ({', '.join(map(str, variable.dims))}) and not as declared, with "
                f"({', '.join(declared.dims)}) and its units; make it by langevin_sgd.observables.declared.dataset"
            )
        if variable.dtype.kind not in _STORED:
            raise UserError(
                f"{what} gave {name} of type {variable.dtype}, which no run can hold; give numbers or texts"
            )
    try:
        json.dumps(dataset.attrs)
    except (TypeError, ValueError) as error:
        raise UserError(f"{what} gave attributes that no run can hold ({error}); give texts and numbers") from None


def _told(answer: Any) -> str:
    return "nothing" if answer is None else type(answer).__name__


def _texts(answer: Any) -> bool:
    return isinstance(answer, Iterable) and not isinstance(answer, str) and all(isinstance(one, str) for one in answer)


def _pairs(answer: Any) -> bool:
    return isinstance(answer, tuple | list) and all(len(pair) == 2 and _texts(pair) for pair in answer)


def _faults(answer: Any) -> bool:
    return isinstance(answer, list | tuple) and all(
        len(fault) == 2 and isinstance(fault[0], tuple) and isinstance(fault[1], str) for fault in answer
    )


def _declarations(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(
        isinstance(name, str) and isinstance(variable, Variable) for name, variable in answer.items()
    )


def _engines(answer: Any) -> bool:
    return isinstance(answer, tuple | list) and bool(answer) and all(isinstance(one, Engine) for one in answer)


def _of(*types: type) -> Callable[[Any], bool]:
    return lambda answer: isinstance(answer, types)


def _held(answer: Any) -> bool:
    from langevin_sgd.models.memory import Held

    return isinstance(answer, list | tuple) and all(isinstance(one, Held) for one in answer)


_NOTHING = type(None)
_ATTRIBUTES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "SCANNABLE": (_texts, "a tuple of keys"),
    "SGD_KEYS": (_texts, "a tuple of keys"),
    "FUSED": (_texts, "a tuple of keys"),
    "COMMON": (_of(Mapping), "a mapping from observables to tuples of keys"),
    "MEMBERS": (_of(str), "a key"),
    "DECLARES": (_declarations, "a mapping from names to Variables"),
}
"""What an attribute of the class has to be, and how that is said."""

_ANSWERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "needs": (_pairs, "a tuple of pairs (key, name of a model)"),
    "takes_all_from": (_of(bool), "true or false"),
    "refuses_to_lend": (_of(tuple, _NOTHING), "a pair (key path or None, reason), or None"),
    "lending": (_of(Mapping), "a mapping"),
    "lends": (_of(bool), "true or false"),
    "idle": (_texts, "a tuple of keys"),
    "takes_sgd": (_of(bool), "true or false"),
    "needs_sgd": (_of(bool), "true or false"),
    "instead_of_sgd": (_of(str), "a text"),
    "own_sgd": (_of(Sgd, _NOTHING), "an Sgd or None"),
    "sgd_of": (_of(Sgd), "an Sgd"),
    "total_steps": (_of(int), "a whole number"),
    "parameters": (_of(int, _NOTHING), "a whole number or None"),
    "engines": (_engines, "a tuple of engines of langevin_sgd.devices, such as (NUMPY,)"),
    "declares": (_declarations, "a mapping from names to Variables"),
    "emits": (_of(frozenset, set), "a set of names"),
    "trial": (_of(_NOTHING), "nothing"),
    "process": (lambda answer: True, "anything"),
    "follows": (_of(Mapping), "a mapping of what is recomputed"),
    "held": (_held, "a list of Held"),
    "code": (_texts, 'a tuple of "module:attribute"'),
    "problems": (_faults, "pairs (key path, message), as a generator or a list"),
    "problems_with_sources": (_faults, "pairs (key path, message), as a generator or a list"),
    "work": (_of(Mapping), "a mapping from names to whole numbers"),
    "shorter": (_of(Mapping), "a mapping from keys to values"),
    "points_at_once": (_of(int), "a whole number"),
    "withholds": (_of(Mapping), "a mapping from observables to texts"),
    "unscannable": (_of(str, _NOTHING), "a text or None"),
}
"""What an answer has to be, by question, and how that is said."""
