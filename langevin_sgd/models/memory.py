"""What a model will hold in memory and store, known from its config before anything is allocated, and refused if it
cannot fit.

A kind of model says in its own file what it holds, as a list of `Held`: arrays by what they are for, with the numbers
of the config that they grow with. From these follow the total, the key that is to blame if the total does not fit, and
the largest value of it that does.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from langevin_sgd import machine_memory
from langevin_sgd.config.errors import FaultAtKey, KeyPath, dotted
from langevin_sgd.models import lineage

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_ROOM_LEFT = 0.9  # of what is free, in the advice: estimates are no more exact than that
_WORTH_SAYING = 0.5  # of what is free
_UNITS = ("kB", "MB", "GB", "TB")


def _at_most(most: int) -> str:
    return f"give at most {most:,}"


@dataclass(frozen=True)
class Factor:
    """A number that memory grows with in proportion: what it counts, its value, and one that nobody minds.

    `key` is where the config sets it. `mend(most)` says what to write there for at most that many, which is another
    number where one follows from the other, as sites from a half width.
    """

    key: KeyPath
    counts: str
    value: float
    usual: float
    mend: Callable[[int], str] = _at_most

    def same(self, other: Factor) -> bool:
        """Whether both are the same number of the config."""
        return (self.key, self.counts) == (other.key, other.counts)


@dataclass(frozen=True)
class Held:
    """Arrays for one purpose: `bytes_each` times all factors, of which one may be there twice, as in d x d.

    `kept` is what stays in memory when the model has finished, which is what is stored of it, once; in memory it may be
    there in several `copies`. `on_device` is what lies on the device that it runs on.
    """

    what: str
    bytes_each: float
    factors: tuple[Factor, ...]
    kept: bool = False
    on_device: bool = False
    copies: int = 1

    @property
    def bytes(self) -> float:
        """The size."""
        return self.bytes_each * self.copies * math.prod(factor.value for factor in self.factors)

    def bytes_with(self, changed: Factor, value: float) -> float:
        """The size at another value of one factor."""
        values = (value if factor.same(changed) else factor.value for factor in self.factors)
        return self.bytes_each * self.copies * math.prod(values)


def of_launch(held: Sequence[Held], points: Factor, together: Factor) -> list[Held]:
    """What is `kept` of the points of a scan, while the `together` points of one launch become a block: twice more."""
    if points.value == 1:
        return []
    return [
        replace(
            each,
            what=f"{each.what} of one launch",
            factors=tuple(together if factor.same(points) else factor for factor in each.factors),
            kept=False,
            copies=2,
        )
        for each in held
        if each.kept and any(factor.same(points) for factor in each.factors)
    ]


class TooLarge(FaultAtKey):
    """A model that would not fit into memory; `path` is the key to blame."""


def total(held: Sequence[Held]) -> float:
    """Bytes of all together."""
    return sum(each.bytes for each in held)


def stored(held: Sequence[Held]) -> list[Held]:
    """What of it a run directory will hold."""
    return [replace(each, copies=1) for each in held if each.kept]


@dataclass(frozen=True)
class Place:
    """Where bytes are, in the words of a refusal: `{size} of memory`, `{size} are free`."""

    kind: str = "memory"
    where: str = ""


MEMORY = Place()


def refuse_too_large(
    name: str, held: Sequence[Held], *, free: float, others: float = 0.0, place: Place = MEMORY
) -> None:
    """Raise `TooLarge`, one line at the key to blame, if a model holds more than the `free` bytes.

    `others` are held by models that ran before it.
    """
    needed = total(held) + others
    if needed <= free or not held:
        return
    blamed, *further = _by_blame(held)
    most = _most(held, blamed, _ROOM_LEFT * free - others)
    if most >= 1:
        mend = blamed.mend(most)
    elif others and total(held) <= free:
        mend = "the models before it leave too little; run it in a study of its own"
    else:
        also = next((dotted(factor.key) for factor in further if factor.key != blamed.key), None)
        mend = "reduce it" + (f", and {also}" if also else "")
    involved = [each for each in held if any(blamed.same(factor) for factor in each.factors)]
    largest = max(involved, key=lambda each: each.bytes)
    raise TooLarge(blamed.key, f"{_sentence(name, needed, largest, free, place)}; {mend}")


def warnings(name: str, held: Sequence[Held], *, free: float, others: float = 0.0) -> Iterator[str]:
    """What is worth saying of a model that fits: that it takes more than half of what is free."""
    needed = total(held) + others
    if _WORTH_SAYING * free < needed <= free:
        yield _sentence(name, needed, max(held, key=lambda each: each.bytes), free, MEMORY)


def check(study: Study, held_by: Callable[[Study, str], Sequence[Held]], *, devices: Mapping[str, str]) -> list[str]:
    """Refuse a study of which a model cannot fit into memory, before anything of it is started; what else to say.

    `held_by` gives what one model holds, `devices` where each runs. Models run one after the other, and their results
    stay until the end. Raises `TooLarge` as `refuse_too_large` does.
    """
    free, others = machine_memory.available(), 0.0
    told: list[str] = []
    for name in lineage.order(study):
        held = held_by(study, name)
        refuse_too_large(name, held, free=free, others=others)
        told += warnings(name, held, free=free, others=others)
        if devices[name] != "cpu":
            there = [each for each in held if each.on_device]
            refuse_too_large(f"{name} on {devices[name]}", there, free=machine_memory.available_on(devices[name]))
        others += sum(each.bytes for each in held if each.kept)
    return told


def check_disk(study: Study, held_by: Callable[[Study, str], Sequence[Held]], *, folder: Path, reused: int) -> None:
    """Refuse a study whose results would fill the disk of a run directory, before anything of it is started.

    `reused` are bytes that the run takes there already. Raises `TooLarge` as `refuse_too_large` does.
    """
    free, others = _ROOM_LEFT * shutil.disk_usage(folder).free + reused, 0.0
    for name in lineage.order(study):
        held = stored(held_by(study, name))
        refuse_too_large(name, held, free=free, others=others, place=Place("disk", f" on the disk of {folder}"))
        others += total(held)


def format_bytes(size: float) -> str:
    """Bytes as `3.1 GB` or `82 TB`, in powers of 1000."""
    exponent = next((place for place, unit in enumerate(_UNITS, 1) if size < 999.5 * 1000.0**place), len(_UNITS))
    scaled = size / 1000.0**exponent
    return f"{scaled:.2g} {_UNITS[exponent - 1]}" if scaled < 99.5 else f"{scaled:,.0f} {_UNITS[exponent - 1]}"


def _sentence(name: str, needed: float, largest: Held, free: float, place: Place) -> str:
    return (
        f"{name} needs about {format_bytes(needed)} of {place.kind}, {format_bytes(largest.bytes)} of it for "
        f"{largest.what}, and {format_bytes(free)} are free{place.where}"
    )


def _by_blame(held: Sequence[Held]) -> list[Factor]:
    """The factors above their usual value, first the one that would free the most if it had that."""
    factors = {(factor.key, factor.counts): factor for each in held for factor in each.factors}

    def left(factor: Factor) -> float:
        return sum(each.bytes_with(factor, min(factor.value, factor.usual)) for each in held)

    unusual = [factor for factor in factors.values() if factor.value > factor.usual]
    return sorted(unusual or factors.values(), key=left)


def _most(held: Sequence[Held], factor: Factor, free: float) -> int:
    """The largest whole value of a factor with which all fits, to two digits; 0 if none does."""
    low, high = 0, int(factor.value)
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(each.bytes_with(factor, middle) for each in held) <= free
        low, high = (middle, high) if fits else (low, middle - 1)
    digits: int = 10 ** max(0, len(str(low)) - 2)
    return low // digits * digits
