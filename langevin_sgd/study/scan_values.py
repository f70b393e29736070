"""What a config writes for the values of a scan: lists, ranges, random and quasi-random numbers, groups of keys."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from langevin_sgd.config.axis import Axis, Value, named, of_key
from langevin_sgd.config.errors import KeyPath, choice, inconsistent, nearest
from langevin_sgd.config.fields import Entries, Number, PositiveNumber, Section, Text, WholeNumber

VALUE_LIMIT = 2**20
"""Most values along one dimension, which are kept one by one."""

Count = Annotated[WholeNumber, Field(ge=2, le=VALUE_LIMIT)]
Range = tuple[Number | WholeNumber, Number | WholeNumber, Count]


_NEGLIGIBLE = 1e-9
"""Part of the distance to the next value by which a value of a range may be rounded."""


def _filled(first: float, last: float, count: int, fractions: Sequence[float]) -> tuple[float, ...]:
    # Between whole numbers the values that are whole up to rounding are written as such: batch sizes must be.
    whole = isinstance(first, int) and isinstance(last, int)
    values = [first, *_short(fractions), last]
    return tuple(round(v) if whole and math.isclose(v, round(v), rel_tol=1e-9) else v for v in values[:count])


def _short(values: Sequence[float]) -> Iterator[float]:
    """The inner values as the shortest decimals that are them for all purposes.

    0.3 for 0.30000000000000004, which nobody would write. Neighbours have about as many digits, so the search for each
    begins with those of the one before.
    """
    digits = 1
    for value, following in itertools.pairwise(values[1:]):
        allowed = _NEGLIGIBLE * abs(following - value)
        short = value if digits == 17 else float(f"{value:.{digits}g}")
        while abs(short - value) > allowed and digits < 17:
            digits += 1
            short = float(f"{value:.{digits}g}")
        while digits > 1 and abs((shorter := float(f"{value:.{digits - 1}g}")) - value) <= allowed:
            digits, short = digits - 1, shorter
        yield short


class Linear(Section):
    """Equally spaced values, the inner ones as short decimals."""

    linear: Range
    """First, last and number of values."""

    @property
    def count(self) -> int:
        """The number of values."""
        return self.linear[2]

    def values(self) -> tuple[float, ...]:
        """The values in order."""
        first, last, count = self.linear
        return _filled(first, last, count, [first + (last - first) * i / (count - 1) for i in range(count)])

    def problem(self) -> str | None:
        """Why these are no values."""
        return None


class Geometric(Section):
    """Values of equal ratio, the inner ones as short decimals."""

    geometric: Range
    """First, last and number of values; both ends > 0."""

    @property
    def count(self) -> int:
        """The number of values."""
        return self.geometric[2]

    def values(self) -> tuple[float, ...]:
        """The values in order."""
        first, last, count = self.geometric
        if not (first > 0 and last > 0):
            return ()
        return _filled(first, last, count, [first * (last / first) ** (i / (count - 1)) for i in range(count)])

    def problem(self) -> str | None:
        """Why these are no values."""
        first, last, _ = self.geometric
        return None if first > 0 and last > 0 else "geometric takes two numbers > 0; use linear, or a list"


class Drawn(Section):
    """Values drawn between two ends, uniformly or in their logarithm."""

    SEQUENCE: ClassVar[str]
    spacing: Literal["linear", "geometric"] = "linear"
    """linear: uniform between the ends. geometric: uniform in the logarithm; both ends > 0."""

    @property
    def ends(self) -> Range:
        """Lowest, highest and number of values."""
        ends: Range = getattr(self, self.SEQUENCE)
        return ends

    @property
    def count(self) -> int:
        """The number of values."""
        return self.ends[2]

    def drawn(self, uniform: Sequence[float]) -> tuple[float, ...]:
        """The values that uniform numbers in (0, 1) stand for; whole numbers, both ends included, between such."""
        low, high, _ = self.ends
        if self.problem() is not None:
            return ()
        if isinstance(low, int) and isinstance(high, int):
            return tuple(min(high, math.floor(self._between(low, high + 1, u))) for u in uniform)
        return tuple(self._between(low, high, u) for u in uniform)

    def _between(self, low: float, high: float, u: float) -> float:
        return low + (high - low) * u if self.spacing == "linear" else low * (high / low) ** u

    def problem(self) -> str | None:
        """Why these are no values."""
        low, high, _ = self.ends
        if not low < high:
            return f"{self.SEQUENCE} takes LOW < HIGH, got {low:g} and {high:g}"
        if self.spacing == "geometric" and low <= 0:
            return f"geometric spacing takes two numbers > 0, got {low:g} and {high:g}; give spacing: linear"
        return None


class Random(Drawn):
    """Independent random values, the same for the same seed of the study; more of them keep the first ones."""

    SEQUENCE: ClassVar[str] = "random"
    random: Range
    """Lowest, highest and number of values."""


class Sobol(Drawn):
    """Values that fill a range evenly: a Sobol sequence, scrambled by the seed of the study.

    A number of values that is a power of two fills it best. More of them keep the first ones.
    """

    SEQUENCE: ClassVar[str] = "sobol"
    sobol: Range
    """Lowest, highest and number of values."""


class Rule(Section):
    """How a value goes with another: value = VALUE (other/OTHER)^p."""

    with_: Text = Field(alias="with")
    """The other key, of the same group: sgd.batch_size."""
    rule: Literal["sqrt", "linear"]
    """sqrt: p = 1/2, as Hoffer, Hubara and Soudry (2017) scale the learning rate, which keeps the noise of a step.
    linear: p = 1 (Goyal et al. 2017), which keeps the temperature eta sigma^2/B."""
    at: Annotated[tuple[PositiveNumber, PositiveNumber], Entries("[VALUE, OTHER]")]
    """VALUE, and the OTHER that it goes with."""


class Scaled(Section):
    """Values that follow from those of another key of the same group."""

    scaled: Rule
    """With which key, by which rule, from where."""

    def beside(self, other: Sequence[Value]) -> tuple[float, ...]:
        """The values beside those of the other key, as short decimals."""
        value, reference = self.scaled.at
        power = 0.5 if self.scaled.rule == "sqrt" else 1.0
        exact = (value * (float(each) / reference) ** power for each in other)
        return tuple(float(f"{each:.12g}") for each in exact)


def _sort(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    return "whole" if isinstance(value, int) and not isinstance(value, bool) else "number"


# each told by what it is, so that what is none of them is one fault
Entry = Annotated[
    Annotated[Number, Tag("number")] | Annotated[WholeNumber, Tag("whole")] | Annotated[Text, Tag("name")],
    Discriminator(_sort),
    # of one of several schemas exactly one may fit, and 2.0 is a whole number to JSON Schema
    WithJsonSchema({"type": ["number", "string"]}),
]
Listed = Annotated[tuple[Entry, ...], Field(min_length=1, max_length=VALUE_LIMIT)]

_FORMS: Mapping[str, type[Section]] = {
    "linear": Linear,
    "geometric": Geometric,
    "random": Random,
    "sobol": Sobol,
    "scaled": Scaled,
}
_GROUP = "zip"
FORMS = "a list, {linear: [FIRST, LAST, COUNT]} (or geometric, random, sobol) or {zip: {KEY: ...}}"


def _form(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return next((name for name in (*_FORMS, _GROUP) if name in value), None)
    return next((name for name, form in _FORMS.items() if isinstance(value, form)), "list")


def _form_or_group(value: Any) -> str | None:
    return _GROUP if isinstance(value, Group) else _form(value)


def _dotted(scan: Any) -> Any:
    """`{sgd: {learning_rate: ...}}` is the same as `{sgd.learning_rate: ...}`."""
    if not isinstance(scan, Mapping):
        return scan
    flat: dict[Any, Any] = {}
    names = (*_FORMS, _GROUP)
    for key, value in scan.items():
        nested = isinstance(value, Mapping) and not any(name in value for name in names)
        misspelt = [part for part in value if "." in str(key) or nearest(part, names)] if nested else []
        if misspelt or value == {}:
            given = f"{{{misspelt[0]}: ...}}" if misspelt else "an empty mapping"
            raise inconsistent([((key,), f"must be {FORMS}, got {given}")])
        for path, inner in _dotted(value).items() if nested else [("", value)]:
            whole = f"{key}.{path}" if path else key
            if whole in flat:
                raise inconsistent([((key,), f"{whole} is scanned twice; remove one")])
            flat[whole] = inner
    return flat


Column = Annotated[
    Annotated[Listed, Tag("list")]
    | Annotated[Linear, Tag("linear")]
    | Annotated[Geometric, Tag("geometric")]
    | Annotated[Random, Tag("random")]
    | Annotated[Sobol, Tag("sobol")]
    | Annotated[Scaled, Tag("scaled")],
    Discriminator(_form),
]


class Group(Section):
    """Keys that vary together, entry by entry, along one dimension."""

    zip: Annotated[dict[Text, Column], BeforeValidator(_dotted), Field(min_length=1)]
    """Values of each key, as many of each; random and sobol ones are points of one sequence, a key a dimension."""


Values = Annotated[
    Annotated[Listed, Tag("list")]
    | Annotated[Linear, Tag("linear")]
    | Annotated[Geometric, Tag("geometric")]
    | Annotated[Random, Tag("random")]
    | Annotated[Sobol, Tag("sobol")]
    | Annotated[Scaled, Tag("scaled")]
    | Annotated[Group, Tag("zip")],
    Discriminator(_form_or_group),
]
Scan = Annotated[dict[Text, Values], BeforeValidator(_dotted)]


def axes(scan: Mapping[str, Any], seed: int) -> tuple[Axis, ...]:
    """The axes of a scan in order, with what is drawn by the seed of the study."""
    return named(_axis(key, values, seed) for key, values in scan.items())


def _axis(key: str, values: Any, seed: int) -> Axis:
    if not isinstance(values, Group):
        return of_key(key, _columns(key, {key: values}, seed)[0])
    return Axis(key, tuple(values.zip), _columns(key, values.zip, seed), grouped=True)


def _columns(name: str, columns: Mapping[str, Any], seed: int) -> tuple[tuple[Value, ...], ...]:
    """The values of every key of one axis."""
    drawn = [each for each in columns.values() if isinstance(each, Drawn)]
    uniform: dict[str, Iterator[list[float]]] = {}
    if drawn:
        from langevin_sgd.study import drawn_points  # of numpy, not of a config

        for sequence in dict.fromkeys(each.SEQUENCE for each in drawn):
            counts = [each.count for each in drawn if sequence == each.SEQUENCE]
            points = drawn_points.uniform(sequence, seed, axis=name, count=max(counts), dimensions=len(counts))
            uniform[sequence] = iter(points)
    found = {
        key: each.drawn(next(uniform[each.SEQUENCE])[: each.count])
        if isinstance(each, Drawn)
        else each.values()
        if isinstance(each, Linear | Geometric)
        else each
        for key, each in columns.items()
        if not isinstance(each, Scaled)
    }
    return tuple(
        each.beside(found.get(each.scaled.with_, ())) if isinstance(each, Scaled) else found[key]
        for key, each in columns.items()
    )


def problems(scan: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the values as they are written, whatever their keys are, as (path within scan, message)."""
    for key, values in scan.items():
        written: dict[KeyPath, Any] = {(key,): values}
        if isinstance(values, Group):
            written = {(key, _GROUP, inner): each for inner, each in values.zip.items()}
        for path, each in written.items():
            if isinstance(each, Linear | Geometric | Drawn) and (fault := each.problem()) is not None:
                yield path, fault
        if isinstance(values, Scaled):
            yield (key,), "scaled goes with another key; put both into a group, NAME: {zip: {KEY: ..., KEY: ...}}"
        if isinstance(values, Group):
            yield from _scaled_problems(key, values) or _group_problems(key, values)


def _scaled_problems(key: str, group: Group) -> list[tuple[KeyPath, str]]:
    """Values that go with a key of which there are none, or none that are numbers > 0."""
    faults: list[tuple[KeyPath, str]] = []
    free = [name for name, each in group.zip.items() if not isinstance(each, Scaled)]
    for name, each in group.zip.items():
        if not isinstance(each, Scaled):
            continue
        other, at = each.scaled.with_, (key, _GROUP, name, "scaled", "with")
        if other not in free:
            mend = choice(other, free) if free else "give values of another key"
            faults.append((at, f'"{other}" has no values of its own in this group; {mend}'))
        elif isinstance(values := group.zip[other], tuple) and not all(
            not isinstance(value, str) and value > 0 for value in values
        ):
            faults.append((at, f"{other} must have numbers > 0 to go with"))
    return faults


def _group_problems(key: str, group: Group) -> Iterator[tuple[KeyPath, str]]:
    given = {name: each for name, each in group.zip.items() if not isinstance(each, Scaled)}
    counts = {name: len(each) if isinstance(each, tuple) else each.count for name, each in given.items()}
    first = next(iter(counts))
    if not key.isidentifier():
        yield (key,), "is the name of a dimension and must be letters, digits and underscores; rename it"
    for name, count in counts.items():
        if count != counts[first]:
            yield (key, _GROUP, name), f"has {count} values, but {first} has {counts[first]}; give as many of each"
            return
