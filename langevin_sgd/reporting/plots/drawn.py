"""The figures of a run: one kind a function, in one style. To add one, write it and add its line to `FIGURES`."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import xarray as xr
from matplotlib.figure import Figure

from langevin_sgd import import_path, user_code
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family, instance_of
from langevin_sgd.observables.points_done import points_done
from langevin_sgd.reporting.plots.figure import FigureKind, Results, Subject
from langevin_sgd.reporting.plots.picture import described, render
from langevin_sgd.reporting.plots.style import decades_as_text, style
from langevin_sgd.study import provenance, store
from langevin_sgd.study.answers import answered_all
from langevin_sgd.study.shelf import shelf

Argument = TypeVar("Argument")
Result = TypeVar("Result")

FORMATS = ("png", "pdf", "svg")

FIGURES: Family[FigureKind] = Family(
    "figure",
    {
        "mode_variance": "langevin_sgd.reporting.plots.mode_variance:mode_variance",
        "mode_prediction": "langevin_sgd.reporting.plots.mode_prediction:mode_prediction",
        "theories": "langevin_sgd.reporting.plots.theories:theories",
        "effective_temperature": "langevin_sgd.reporting.plots.effective_temperature:effective_temperature",
        "two_times": "langevin_sgd.reporting.plots.two_times:two_times",
        "energy_distribution": "langevin_sgd.reporting.plots.energy_distribution:energy_distribution",
        "squared_displacement": "langevin_sgd.reporting.plots.displacement:squared_displacement",
        "logarithmic_diffusion": "langevin_sgd.reporting.plots.diffusion:logarithmic_diffusion",
        "position_distribution": "langevin_sgd.reporting.plots.diffusion:position_distribution",
        "aging": "langevin_sgd.reporting.plots.diffusion:aging",
        "walker_history": "langevin_sgd.reporting.plots.walker_history:walker_history",
        "occupancy": "langevin_sgd.reporting.plots.occupancy:occupancy_in_time",
        "basins": "langevin_sgd.reporting.plots.basins:landscape_and_density",
        "current": "langevin_sgd.reporting.plots.basins:probability_current",
        "escape": "langevin_sgd.reporting.plots.escape:survival",
        "learning_curves": "langevin_sgd.reporting.plots.learning_curves:learning_curves",
        "scan": "langevin_sgd.reporting.plots.scanned:scanned",
        "scan_ratio": "langevin_sgd.reporting.plots.scan_ratio:scan_ratio",
        "scan_map": "langevin_sgd.reporting.plots.scan_map:scan_map",
        "occupancy_scan": "langevin_sgd.reporting.plots.occupancy:occupancy_against_temperature",
        "escape_scan": "langevin_sgd.reporting.plots.escape:arrhenius",
        "plane": "langevin_sgd.reporting.plots.plane:plane",
        "flatness": "langevin_sgd.reporting.plots.flatness:flatness",
        "inherent_structures": "langevin_sgd.reporting.plots.inherent_structures:inherent_structures",
        "mode_growth": "langevin_sgd.reporting.plots.mode_growth:mode_growth",
        "stationarity": "langevin_sgd.reporting.plots.stationarity:stationarity",
        "network_displacement": "langevin_sgd.reporting.plots.network_displacement:network_displacement",
        "distance_growth": "langevin_sgd.reporting.plots.distance_growth:distance_growth",
        "linear_response": "langevin_sgd.reporting.plots.linear_response:linear_response",
        "diffusion_collapse": "langevin_sgd.reporting.plots.collapse:diffusion_collapse",
    },
    group="langevin_sgd.figures",
    is_member=instance_of(FigureKind),
    needed="what langevin_sgd.reporting.plots.figure.figure makes of a function",
)


def figures(tree: xr.DataTree, names: Iterable[str] = ()) -> dict[str, Figure]:
    """The figures of a study, by name; only those named if any are.

    There is one of each kind for every network, with the simulated models beside it that share its Hessian, learning
    rate, batch size and momentum, and for every model that belongs to no network; and one of all networks together if
    there are several. A scanned model has one of its own, `scan`. A figure is called by its kind, with `_MODEL` behind
    it if there are several; a kind as name stands for all its figures. Raises `UserError` for a name that the study has
    no figure of.
    """
    drawn, faults = _made(tree, list(names), lambda kind, figure: figure)
    if faults:
        raise faults[0]
    return drawn


def pictures(
    tree: xr.DataTree, names: Iterable[str] = (), *, format: str = "png"
) -> tuple[dict[str, bytes], list[UserError]]:
    """The same figures as files, and the faults of figures of the user's own, which are left out."""
    return _made(tree, list(names), lambda kind, figure: _of_kind(kind, lambda made: render(made, format), figure))


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, its caption, and what is said of it to whoever does not see it."""

    png: bytes
    caption: str
    alt: str


@dataclass(frozen=True)
class Illustrations:
    """The pictures of a report, that which leads it first, the names of those not drawn, and what went wrong."""

    pictures: dict[str, Picture]
    left: list[str]
    faults: list[UserError]


def illustrations(tree: xr.DataTree, most: int) -> Illustrations:
    """The `most` figures of a study that tell most: that which leads, one of each kind, then others of these kinds.

    The others are drawn when they are asked for, by `plot`.
    """

    def picture(kind: str, figure: Figure) -> Picture:
        return _of_kind(kind, lambda made: Picture(render(made, "png"), FIGURES[kind].caption, described(made)), figure)

    with import_path.only():
        planned, broken = _plan(tree)
        ordered = _by_how_much_they_tell(planned)
        drawn, faults = _each({name: planned[name] for name in ordered[:most]}, picture)
    return Illustrations(drawn, ordered[most:], [*broken.values(), *faults])


def _by_how_much_they_tell(planned: Mapping[str, tuple[str, Subject]]) -> list[str]:
    seen: Counter[str] = Counter()
    ranks = {}
    for place, (name, (kind, _)) in enumerate(planned.items()):
        ranks[name] = (seen[kind], FIGURES[kind].leads, place)
        seen[kind] += 1
    return sorted(ranks, key=lambda name: ranks[name])


def _made(
    tree: xr.DataTree, wanted: Sequence[str], of: Callable[[str, Figure], Result]
) -> tuple[dict[str, Result], list[UserError]]:
    """What is made of every figure that is wanted, by its name, and what went wrong with those of the user's own."""
    with import_path.only():
        return _drawn(tree, wanted, of)


def _drawn(
    tree: xr.DataTree, wanted: Sequence[str], of: Callable[[str, Figure], Result]
) -> tuple[dict[str, Result], list[UserError]]:
    planned, broken = _plan(tree)
    faults = [fault for kind, fault in broken.items() if not wanted or kind in wanted or _called(kind) in wanted]
    if wanted and faults:
        wanted = [name for name in wanted if name not in broken and name not in map(_called, broken)]
        if not wanted:
            return {}, faults
    for name in wanted:
        if name not in planned and not any(kind == name for kind, _ in planned.values()):
            close = difflib.get_close_matches(name, planned, n=1)
            mend = f"did you mean {close[0]}?" if close else f"there are: {', '.join(planned) or 'none'}"
            raise UserError(f"no figure {name!r} in this run; {mend}")
    chosen = {name: each for name, each in planned.items() if not wanted or name in wanted or each[0] in wanted}
    drawn, more = _each(chosen, of)
    return drawn, [*faults, *more]


def _each(
    planned: Mapping[str, tuple[str, Subject]], of: Callable[[str, Figure], Result]
) -> tuple[dict[str, Result], list[UserError]]:
    """What is made of each figure that is planned, and what went wrong with those of the user's own."""
    drawn: dict[str, Result] = {}
    faults: list[UserError] = []
    with style():
        for name, (kind, subject) in planned.items():
            try:
                drawn[name] = of(kind, _figure(kind, subject))
            except UserError as fault:
                if FIGURES.is_own(kind):
                    raise
                faults.append(fault)
    return drawn, faults


def _figure(kind: str, subject: Subject) -> Figure:
    drawn: Any = _of_kind(kind, FIGURES[kind].draw, subject)
    if not isinstance(drawn, Figure):
        raise UserError(f"figure {kind}: returned {type(drawn).__name__}; a matplotlib Figure is needed")
    if FIGURES.is_own(kind):
        decades_as_text(drawn)
    return drawn


def _subjects(kind: str, results: Results) -> dict[str, Subject]:
    found: Any = _of_kind(kind, FIGURES[kind].subjects, results)
    if not isinstance(found, dict) or not all(isinstance(of, Subject) for of in found.values()):
        raise UserError(f"figure {kind}: its subjects must give a dict from names to Subject")
    return found


def _of_kind(kind: str, function: Callable[[Argument], Result], argument: Argument) -> Result:
    """What a figure's function returns; what one of somebody else's raises is told in a line that names the figure."""
    if FIGURES.is_own(kind):
        return function(argument)
    return user_code.call(f"figure {kind}", function, argument)


def _called(kind: str) -> str:
    """What a figure is called: by the name of its kind, one of the user's own by its attribute."""
    return kind.rpartition(":")[2].rpartition(".")[2]


def captions(tree: xr.DataTree) -> dict[str, str]:
    """What each figure of a study shows, by its name."""
    with import_path.only():
        return {name: FIGURES[kind].caption for name, (kind, _) in _plan(tree)[0].items()}


def plot(run: str | os.PathLike[str], names: Iterable[str] = (), *, format: str = "png") -> list[os.PathLike[str]]:
    """Draw figures of a run directory into its figures/ folder as PNG, PDF or SVG; returns their paths.

    If another process writes to the run or that is not permitted, they go to a temporary folder, and this is warned of.
    """
    if format not in FORMATS:
        raise UserError(f"no figure format {format!r}; use {', '.join(FORMATS)}")
    with shelf(run) as kept:
        files, faults = pictures(store.open_run(run, load=True), names, format=format)
        if faults and not files:
            raise faults[0]
        for fault in faults:
            user_code.left_out(fault)
        return list(kept.figures({f"{name}.{format}": file for name, file in files.items()}))


def ready(names: Sequence[str]) -> None:
    """Raise `UserError` before anything runs if figures of the user's own are none, or are called like others."""
    kinds = [*FIGURES, *names]
    for name in names:
        FIGURES[name]
        _refuse_taken(name, kinds)


def _refuse_taken(kind: str, kinds: Sequence[str]) -> None:
    if any(_called(other) == _called(kind) for other in kinds[: kinds.index(kind)]):
        raise UserError(f"figure {kind}: there is another one called {_called(kind)}; rename it")


def _plan(tree: xr.DataTree) -> tuple[dict[str, tuple[str, Subject]], dict[str, UserError]]:
    """What is drawn: kind and subject of every figure, by its name; and what is wrong with kinds of the user's own."""
    results = _results(tree)
    kinds = [*FIGURES, *_own_figures(tree)]
    subjects: dict[str, dict[str, Subject]] = {}
    broken: dict[str, UserError] = {}
    for kind in kinds:
        try:
            _refuse_taken(kind, kinds)
            subjects[kind] = _subjects(kind, results)
        except import_path.NotImported:
            raise
        except UserError as fault:
            if FIGURES.is_own(kind):
                raise
            broken[kind] = fault
    stood_for = {name for kind, of in subjects.items() if FIGURES[kind].stands for name in of}
    planned: dict[str, tuple[str, Subject]] = {}
    for kind, of in subjects.items():
        chosen = {name: each for name, each in of.items() if not (FIGURES[kind].plain and name in stood_for)}
        for name, subject in chosen.items():
            alone = len(chosen) == 1 or FIGURES[kind].together
            planned[_called(kind) if alone else f"{_called(kind)}_{name}"] = (kind, subject)
    return planned, broken


def _own_figures(tree: xr.DataTree) -> list[str]:
    """The figures of the user's own that the study names, each "module:attribute"."""
    try:
        named = provenance.config(tree.attrs).get("figures", [])
    except ValueError as error:
        raise UserError(f"the provenance of this run is damaged ({error})") from error
    return [str(name) for name in named]


def _results(tree: xr.DataTree) -> Results:
    done = {
        name: node.to_dataset(inherit=False)
        for name, node in tree.children.items()
        if name != store.CHECKS and _has_results(node.to_dataset(inherit=False))
    }
    table = tree.children[store.CHECKS].to_dataset(inherit=False) if store.CHECKS in tree.children else None
    try:
        checks = provenance.config(tree.attrs).get("checks", [])
        settings = [{"kind": str(entry["kind"]), **entry} for entry in checks]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"the checks in the provenance of this run are damaged ({error})") from error
    return Results(answered_all(tree.attrs, done), tuple(settings), table)


def _has_results(model: xr.Dataset) -> bool:
    found = points_done(model)
    return str(model.attrs.get("status", "done")) == "done" if found is None else found.done > 0
