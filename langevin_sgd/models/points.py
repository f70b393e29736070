"""The points of a model's scan, each made when it is asked for: copies of validated sections with other values."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import BaseModel, TypeAdapter, ValidationError

from langevin_sgd.config.axis import Axis, Value
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.config.kinds import is_own
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models import lineage

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

ModelAndSgd = tuple[Any, Sgd | None]

_KEPT = 64
"""Studies that are kept for points that differ from them in numbers alone."""


class Points(Sequence[ModelAndSgd]):
    """The config of model `name` and its sgd (None of a kind that has none) at every point, last axis fastest.

    Point i is what the study validated with the values of point i has, and costs microseconds: where a number
    stands in the place of another, the sections around it are copied, not validated. Names of kinds and the like
    change more than their own place, so a study is validated for each combination of them.
    """

    def __init__(self, study: Study, name: str) -> None:
        self.name = name
        self.axes = lineage.scanned(study, name)
        self.shape = tuple(len(axis) for axis in self.axes)
        self._study = study
        self._indices: Sequence[int] = range(math.prod(self.shape))
        self._columns: list[dict[KeyPath, tuple[Any, ...]]] = []
        self._bases: dict[tuple[int, ...], Study] = {}
        first = self._base(tuple(0 for _ in self.axes)) if self.axes else study
        self._columns = [_converted(first, axis) for axis in self.axes]
        self._exact = [len(columns) < len(axis.keys) for axis, columns in zip(self.axes, self._columns, strict=True)]

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> ModelAndSgd: ...
    @overload
    def __getitem__(self, index: slice) -> Points: ...
    def __getitem__(self, index: int | slice) -> ModelAndSgd | Points:
        if isinstance(index, slice):
            return self._part(self._indices[index])
        return self._pair(self.study(index))

    def __iter__(self) -> Iterator[ModelAndSgd]:
        return (self[index] for index in range(len(self)))

    def entries(self, index: int) -> tuple[int, ...]:
        """The entry on each axis at a point."""
        flat, found = self._indices[index], []
        for length in reversed(self.shape):
            flat, entry = divmod(flat, length)
            found.append(entry)
        return tuple(reversed(found))

    def study(self, index: int) -> Study:
        """The study at a point, without its scan and its checks; the study itself if nothing is scanned."""
        entries = self.entries(index)
        if not entries:
            return self._study
        base = self._base(tuple(entry if exact else 0 for entry, exact in zip(entries, self._exact, strict=True)))
        values = {
            path: column[entry]
            for entry, columns in zip(entries, self._columns, strict=True)
            for path, column in columns.items()
        }
        point: Study = replaced(base, values)
        return point

    def forms(self) -> Iterator[tuple[Study, Study]]:
        """The study at points that differ in more than numbers, at the first and at the last of all numbers: for every
        entry of each axis of names, at the first entry of the others."""
        numbers = [0 if exact else length - 1 for length, exact in zip(self.shape, self._exact, strict=True)]
        yield self._study_at([0] * len(self.shape)), self._study_at(numbers)
        for along, (length, exact) in enumerate(zip(self.shape, self._exact, strict=True)):
            for entry in range(1, length) if exact else ():
                names = [entry * (axis == along) for axis in range(len(self.shape))]
                yield self._study_at(names), self._study_at([max(pair) for pair in zip(names, numbers, strict=True)])

    def _study_at(self, entries: Sequence[int]) -> Study:
        flat = 0
        for entry, length in zip(entries, self.shape, strict=True):
            flat = flat * length + entry
        return self.study(flat)

    def only(self, indices: Iterable[int]) -> Points:
        """Those of the points, as when only they are done."""
        return self._part(tuple(self._indices[index] for index in indices))

    def _part(self, indices: Sequence[int]) -> Points:
        part = object.__new__(Points)
        part.__dict__.update(self.__dict__)
        part._indices = indices
        return part

    def _pair(self, study: Study) -> ModelAndSgd:
        model = study.models[self.name]
        return model, lineage.sgd(study, self.name) if model.takes_sgd() else None

    def _base(self, entries: tuple[int, ...]) -> Study:
        """The study validated with these entries of the axes."""
        if entries not in self._bases:
            while len(self._bases) >= _KEPT:
                del self._bases[next(iter(self._bases))]
            overrides = {
                path: value
                for axis, entry in zip(self.axes, entries, strict=True)
                for path, value in axis.overrides(entry).items()
            }
            self._bases[entries] = self._study.changed(overrides)
        return self._bases[entries]


def replaced(holder: Any, values: Mapping[KeyPath, Any]) -> Any:
    """A section, mapping or list of a config with other values at these paths in it; what they have is not checked."""
    if () in values:
        return values[()]
    inner: dict[str | int, dict[KeyPath, Any]] = {}
    for path, value in values.items():
        inner.setdefault(path[0], {})[path[1:]] = value
    if isinstance(holder, BaseModel):
        fields = {_names(type(holder))[str(key)]: own for key, own in inner.items()}
        return _copied(holder, {name: replaced(getattr(holder, name), own) for name, own in fields.items()})
    if isinstance(holder, dict):
        return {**holder, **{key: replaced(holder.get(key), own) for key, own in inner.items()}}
    changed = list(holder)
    for key, own in inner.items():
        changed[int(key)] = replaced(changed[int(key)], own)
    return tuple(changed)


def _copied(section: BaseModel, changes: Mapping[str, Any]) -> BaseModel:
    """A copy with other fields, and without what was worked out from the old ones."""
    copy = section.__copy__()
    held = section.__dict__
    copy.__dict__.clear()
    copy.__dict__.update({name: held[name] for name in type(section).model_fields}, **changes)
    return copy


@cache
def _names(section: type[BaseModel]) -> dict[str, str]:
    """The fields of a section by their keys in the config."""
    return {info.alias or name: name for name, info in section.model_fields.items()}


def _converted(study: Study, axis: Axis) -> dict[KeyPath, tuple[Any, ...]]:
    """The values of the keys of an axis that stand for nothing but themselves, as their fields hold them."""
    found = {path: _values(study, path, column) for path, column in zip(axis.paths, axis.columns, strict=True)}
    return {path: values for path, values in found.items() if values is not None}


def refused(study: Study, axis: Axis) -> int | None:
    """The first entry of an axis with a value that its field does not take; None if each is taken by itself."""
    entries = [_refused(study, path, column) for path, column in zip(axis.paths, axis.columns, strict=True)]
    return min((entry for entry in entries if entry is not None), default=None)


def _refused(study: Study, path: KeyPath, column: tuple[Value, ...]) -> int | None:
    def fails(count: int) -> bool:
        try:
            _values(study, path, column[:count])
        except ValidationError:
            return True
        return False

    return bisect_left(range(1, len(column) + 1), True, key=fails) if fails(len(column)) else None


def _values(study: Study, path: KeyPath, column: tuple[Value, ...]) -> tuple[Any, ...] | None:
    """The column as the field at `path` holds it; None if a change there may change more than this place."""
    if all(isinstance(value, str) for value in column):
        return None
    holder: Any = study
    owner: BaseModel = study
    inner = path
    for depth, part in enumerate(path):
        if isinstance(holder, BaseModel):
            if _of_another_form(holder):
                return None
            owner, inner = holder, path[depth:]
            holder = getattr(holder, _names(type(holder))[str(part)])
        else:
            holder = holder[part]
    if isinstance(holder, BaseModel | dict | tuple):
        return None
    field = type(owner).model_fields[_names(type(owner))[str(inner[0])]]
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    if len(inner) == 1:
        column_of: Any = tuple[annotation, ...]
        values: tuple[Any, ...] = TypeAdapter(column_of).validate_python(column)
        return values
    whole: TypeAdapter[Any] = TypeAdapter(annotation)
    held = getattr(owner, _names(type(owner))[str(inner[0])])
    return tuple(_at(whole.validate_python(replaced(held, {inner[1:]: value})), inner[1:]) for value in column)


def _of_another_form(section: BaseModel) -> bool:
    """Whether a section of the user's own may change more of itself than the place of a value."""
    own = type(section).__pydantic_decorators__
    return is_own(type(section)) and bool(own.model_validators or own.field_validators or own.validators)


def _at(holder: Any, path: KeyPath) -> Any:
    for part in path:
        holder = holder[part]
    return holder
