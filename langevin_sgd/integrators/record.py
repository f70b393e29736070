"""What a run keeps: quantities at recorded steps, reduced inside the kernel; nothing else is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from langevin_sgd.errors import IntegrationError
from langevin_sgd.landscapes.by_value import ByValue
from langevin_sgd.landscapes.condition import always_decided, opposite, parse_condition
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FormulaError, check_names, parse, symbol
from langevin_sgd.landscapes.symbols import sympy
from langevin_sgd.real_array import real_array, whole_number

if TYPE_CHECKING:
    from langevin_sgd.landscapes.tabulated import Tabulated
    from langevin_sgd.landscapes.waves import Waves

_MOST_BINS = 1_000_000


@dataclass(frozen=True, eq=False)
class Record(ByValue):
    """Which quantities to keep, at which steps, and how.

    A quantity is `energy` (not of a table, nor of waves in the fused kernel), `squared_displacement` (from the start of
    the run), the name of a coordinate, or the name of a formula in `formulas`: {name: text over coordinates,
    start_<coordinate> and parameters}.

    `steps`: the recorded step numbers, counted from the start of the run, 0 included if wanted.
    `each`: quantities kept for every trajectory, (replica, time). `means`: quantities of which the mean over replicas
    and its standard error are kept. `histograms`: {quantity: (low, high, bins)}. `basins`: {label: condition}; a
    trajectory is in the first basin whose condition holds. `first_passage`: a condition such as "x > 0.8", looked at
    after every step.
    """

    steps: Sequence[int] = ()
    each: Sequence[str] = ()
    means: Sequence[str] = ()
    histograms: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    basins: Mapping[str, str] = field(default_factory=dict)
    first_passage: str | None = None
    formulas: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("steps", "each", "means"):
            if isinstance(getattr(self, name), str) or not isinstance(getattr(self, name), Iterable):
                raise IntegrationError(f"{name} of a record must be a list, not {getattr(self, name)!r:.60}")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        steps = tuple(whole_number(step, "a recorded step", IntegrationError) for step in self.steps)
        object.__setattr__(self, "steps", steps)
        if any(b <= a for a, b in zip(self.steps, self.steps[1:], strict=False)) or (self.steps and self.steps[0] < 0):
            raise IntegrationError("recorded steps must ascend from 0 or more, each once")
        for name, edges in self.histograms.items():
            what = f"the histogram of {name}"
            if np.shape(edges) != (3,):
                raise IntegrationError(f"{what} must be (low, high, bins), not {edges!r:.60}")
            low, high, _ = real_array(edges, what, IntegrationError)
            bins = whole_number(edges[2], f"the number of bins in {what}", IntegrationError)
            if not (low < high and np.isfinite(high - low) and 1 <= bins <= _MOST_BINS):
                raise IntegrationError(f"{what} needs low < high and 1 to {_MOST_BINS} bins, not {tuple(edges)}")
        check_names(self.formulas, "the quantity")
        _check_labels(self.basins)


def _check_labels(labels: Iterable[object]) -> None:
    for label in labels:
        if not isinstance(label, str) or not label.strip() or label != label.strip():
            raise IntegrationError(f"the basin {label!r:.60} has no name; use text, without spaces at its ends")


@dataclass(frozen=True)
class Quantities:
    """The rows that a record asks for, and which of them are kept how.

    `names` are those of the rows, `titles` what a message calls them.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    each: tuple[int, ...]
    means: tuple[int, ...]
    histograms: tuple[int, ...]
    edges: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class Observed:
    """A record turned into expressions, one a row.

    `target` is the first-passage condition; `target_fails` its opposite where a position can have neither, for want of
    a number to compare, else None.
    """

    quantities: Quantities
    expressions: tuple[sympy.Expr, ...]
    target: sympy.Basic | None
    target_fails: sympy.Basic | None


def observed(record: Record, landscape: Expression | Tabulated | Waves, parameters: Sequence[str]) -> Observed:
    """The record's quantities as expressions over the landscape's symbols; `FormulaError` for an unknown name."""
    names = [*landscape.variables, *(f"start_{name}" for name in landscape.variables), *parameters]
    check_names(names, "the symbol")
    known: dict[str, sympy.Expr] = {name: symbol(name) for name in landscape.variables}
    known |= landscape.formulas  # the energy, but of a table or of waves
    known["squared_displacement"] = sympy.Add(
        *((symbol(name) - symbol(f"start_{name}")) ** 2 for name in landscape.variables)
    )
    for name, text in record.formulas.items():
        if name in known:
            raise FormulaError(f"the quantity {name!r} is known already; give the formula another name")
        known[name] = parse(text, names)
    rows: dict[str, int] = {}
    expressions: list[sympy.Expr] = []
    titles: dict[str, str] = {}

    def row(name: str) -> int:
        if name not in known:
            raise FormulaError(
                f"unknown quantity {name!r} to record; known: {', '.join(known)}, or give it in formulas"
            )
        if name not in rows:
            rows[name] = len(expressions)
            expressions.append(known[name])
        return rows[name]

    each = tuple(row(name) for name in record.each)
    means = tuple(row(name) for name in record.means)
    histograms = [row(name) for name in record.histograms]
    edges = list(record.histograms.values())
    if record.basins:
        conditions = [parse_condition(text, names) for text in record.basins.values()]
        index = sympy.Piecewise(*((sympy.Integer(i), c) for i, c in enumerate(conditions)), (sympy.Integer(-1), True))
        known["_basin"] = index
        histograms.append(row("_basin"))
        edges.append((-0.5, len(conditions) - 0.5, len(conditions)))
        for label, decided in _decided(dict(zip(record.basins, conditions, strict=True))).items():
            known[f"_basin {label}"] = decided
            row(f"_basin {label}")
            titles[f"_basin {label}"] = f"what the condition of the basin {label!r} compares"
    target = None if record.first_passage is None else parse_condition(record.first_passage, names)
    kept = Quantities(
        names=tuple(rows),
        titles=tuple(titles.get(name, name) for name in rows),
        each=each,
        means=means,
        histograms=tuple(histograms),
        edges=tuple(edges),
    )
    return Observed(
        kept,
        tuple(expressions),
        target=target,
        target_fails=None if target is None or always_decided(target) else opposite(target),
    )


def _decided(conditions: Mapping[str, sympy.Basic]) -> dict[str, sympy.Expr]:
    """For each basin whose condition may be undecided, an expression that is infinite where it is.

    Between numbers that are none every comparison is false, and so may be a condition and its opposite. A basin is not
    looked at where an earlier one has the trajectory.
    """
    out: dict[str, sympy.Expr] = {}
    before: list[sympy.Expr] = []
    for label, condition in conditions.items():
        holds = _indicator(condition)
        if not always_decided(condition):
            out[label] = 1 / sympy.Add(*before, holds, _indicator(opposite(condition)))
        before.append(holds)
    return out


def _indicator(condition: sympy.Basic) -> sympy.Expr:
    return sympy.Piecewise((sympy.Integer(1), condition), (sympy.Integer(0), True))
