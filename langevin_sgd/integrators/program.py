"""What a run asks of its lane program, known from an earlier process with the same formulas, or made from symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from langevin_sgd.integrators.coefficients import Coefficients
from langevin_sgd.integrators.generate import LaneProgram, lane_program, structure
from langevin_sgd.integrators.record import Quantities, Record, observed
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.schemes.scheme import Scheme
from langevin_sgd.landscapes import known
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import Noise, amplitude_of

if TYPE_CHECKING:
    from langevin_sgd.integrators.generate import Generated

Key = tuple[Any, ...]
"""All that formulas of a run consist of, as JSON."""


@dataclass(frozen=True)
class Program:
    """The outline of a lane program, and `lanes()`, the program itself in symbols.

    `widths` are the numbers of components of the vectors of the state, `draws` and `quantities` how many random numbers
    a step takes and how many rows are observed, `slopes` how many are found ahead of a step. `key` determines all of
    it; without one nothing of it is kept.
    """

    dimension: int
    widths: Mapping[str, int]
    draws: int
    quantities: int
    slopes: int
    coefficients: Coefficients
    lanes: Callable[[], LaneProgram]
    key: Key | None = None

    def known(self, question: str, given: Sequence[Any], find: Callable[[], Any]) -> Any:
        """`find()`, as JSON has it, or what it was found to be of the same formulas and `given` before."""
        return find() if self.key is None else known.answer(question, [*self.key, *given], find)


def program_of(lanes: LaneProgram) -> Program:
    """Of a lane program that is there."""
    return Program(
        dimension=lanes.dimension,
        widths=lanes.widths,
        draws=len(lanes.draws),
        quantities=len(lanes.quantities),
        slopes=len(lanes.slopes),
        coefficients=lanes.function(),
        lanes=lambda: lanes,
    )


def structure_of(landscape: Generated, noise: Noise) -> str:
    """The kind of noise, as schemes declare it: additive, diagonal or general."""
    key = _equation(landscape, noise)
    return (
        structure(landscape, noise)
        if key is None
        else str(known.answer("structure of the noise", key, lambda: structure(landscape, noise)))
    )


def program_of_run(
    landscape: Generated, noise: Noise, scheme: Scheme, record: Record, names: Sequence[str]
) -> tuple[Quantities, Program]:
    """What is recorded and the program; `names` are those of the parameters that recorded formulas may hold.

    Raises `FormulaError` or `SchemeError` for what no program is made of.
    """

    @cache
    def made() -> tuple[Quantities, LaneProgram]:
        rows = observed(record, landscape, names)
        lanes = lane_program(
            landscape,
            noise,
            scheme,
            quantities=rows.expressions,
            target=rows.target,
            target_fails=rows.target_fails,
        )
        return rows.quantities, lanes

    equation = _equation(landscape, noise)
    # a scheme of somebody else's, or one bound to this run, is told by no name
    own = SCHEMES.is_own(scheme.name) and SCHEMES[scheme.name] is scheme
    if equation is None or not own:
        rows, lanes = made()
        return rows, program_of(lanes)
    key = (*equation, scheme.name, _asked(record), list(names))
    found = known.answer("program", key, lambda: _outline(*made()))
    coefficients = {name: _tuples(value) for name, value in found["coefficients"].items()}
    program = Program(
        dimension=found["dimension"],
        widths=found["widths"],
        draws=found["draws"],
        quantities=found["quantities"],
        slopes=found["slopes"],
        coefficients=Coefficients(**coefficients),
        lanes=lambda: made()[1],
        key=key,
    )
    return Quantities(**{name: _tuples(value) for name, value in found["rows"].items()}), program


def _outline(rows: Quantities, lanes: LaneProgram) -> dict[str, Any]:
    made = program_of(lanes)
    return {
        "rows": asdict(rows),
        "dimension": made.dimension,
        "widths": dict(made.widths),
        "draws": made.draws,
        "quantities": made.quantities,
        "slopes": made.slopes,
        "coefficients": asdict(made.coefficients),
    }


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _equation(landscape: Generated, noise: Noise) -> Key | None:
    """What determines landscape and noise in symbols; None where a formula is not all that they are."""
    amplitude = amplitude_of(noise)
    if type(landscape) is not Expression or amplitude is None:
        return None
    return (
        *(landscape.formula, landscape.variables, list(landscape.parameters), landscape.force),
        *(amplitude, list(noise.parameters)),
    )


def _asked(record: Record) -> list[Any]:
    """What a record asks for, without when."""
    histograms = [[name, *map(float, edges)] for name, edges in record.histograms.items()]
    kept = [record.each, record.means, histograms, list(record.basins.items()), record.first_passage]
    return [*kept, list(record.formulas.items())]
