"""What a kind of figure declares: its caption, of what in a run there is one, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from langevin_sgd.checks import check_defaults
from langevin_sgd.observables.declared import is_trained
from langevin_sgd.observables.scanned import dimensions, numbers_along
from langevin_sgd.reporting.plots.literal import literal, literals

# Two models that share these are the same process, and can share a figure.
_OF_A_PROCESS = ("hessian_eigenvalue", "learning_rate", "batch_size", "momentum")


@dataclass(frozen=True)
class Subject:
    """What one figure is about: a model, and those that stand beside it, by name.

    `checks` holds the settings of the study's checks that cover the model, by the kind of the check, and `table` the
    comparisons, if there are any.
    """

    name: str
    model: xr.Dataset
    others: Mapping[str, xr.Dataset] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    table: xr.Dataset | None = None

    def criterion(self, check: str, key: str) -> float:
        """The number by which a check judges the model, or would by default."""
        return float(self.checks.get(check, check_defaults(check))[key])

    @property
    def all(self) -> dict[str, xr.Dataset]:
        """The model and the others, by name."""
        return {self.name: self.model, **self.others}


@dataclass(frozen=True)
class Results:
    """The models of a run that are done, by name, the settings of its checks as the config has them, their table."""

    models: Mapping[str, xr.Dataset]
    checks: tuple[Mapping[str, Any], ...] = ()
    table: xr.Dataset | None = None

    @cached_property
    def single(self) -> dict[str, xr.Dataset]:
        """The models that are not scanned."""
        return {name: model for name, model in self.models.items() if not dimensions(model)}

    @cached_property
    def scanned(self) -> dict[str, xr.Dataset]:
        """The models over the points of a scan."""
        return {name: model for name, model in self.models.items() if dimensions(model)}

    @cached_property
    def trained(self) -> dict[str, xr.Dataset]:
        """Those of the models that are not scanned which were trained on data."""
        return {name: model for name, model in self.single.items() if is_trained(model)}

    @cached_property
    def beside(self) -> dict[str, dict[str, xr.Dataset]]:
        """What shares a figure: beside every network the simulated models of the same process; others are alone."""
        shared: dict[str, dict[str, xr.Dataset]] = {name: {} for name in self.trained}
        for name, model in self.single.items():
            if name in self.trained:
                continue
            hosts = [network for network, other in self.trained.items() if same_process(other, model)]
            for network in hosts:
                shared[network][name] = model
            if not hosts:
                shared[name] = {}
        return shared

    def subject(self, name: str, model: xr.Dataset, others: Mapping[str, xr.Dataset] | None = None) -> Subject:
        """A figure's subject, with the settings of the checks that cover the model called `name`.

        Names and texts in it are as matplotlib shows them letter by letter.
        """
        covering = {str(check["kind"]): check for check in self.checks if _covers(check, name.split(":")[0])}
        models = {name: model, **(others or {})}
        names = literals(list(models))
        shown = {own: literal(each) for own, each in zip(names, models.values(), strict=True)}
        return Subject(names[0], shown.pop(names[0]), shown, covering, self.table)


Subjects = Callable[[Results], dict[str, Subject]]
FOLLOWS = 9
"""What figures that do not lead say of it."""


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    `subjects` gives what in a run it is drawn of, by the name of the model; `together` that it is one figure of several
    models. Of the figures of scanned models, one that is `plain` is drawn only of those that get none that `stands` for
    it. The figure that `leads` a report is that of the smallest number: 0 of landscapes, potentials and maps.
    """

    caption: str
    subjects: Subjects
    draw: Callable[[Subject], Figure]
    together: bool = False
    stands: bool = False
    plain: bool = False
    leads: int = FOLLOWS

    def __call__(self, subject: Subject) -> Figure:
        """Draw it."""
        return self.draw(subject)


def figure(
    caption: str,
    subjects: Subjects,
    *,
    together: bool = False,
    stands: bool = False,
    plain: bool = False,
    leads: int = FOLLOWS,
) -> Callable[[Callable[[Subject], Figure]], FigureKind]:
    """Make a `FigureKind`, which says what the arguments mean, of the function below that draws it."""
    return lambda draw: FigureKind(caption, subjects, draw, together=together, stands=stands, plain=plain, leads=leads)


def each_model(*needed: str, unless: str = "") -> Subjects:
    """One of every model, not scanned, that has all the observables `needed` and lacks `unless`, with those beside it
    that have them too."""

    def subjects(results: Results) -> dict[str, Subject]:
        able = [
            name
            for name in results.beside
            if has(results.single[name], *needed) and not (unless and unless in results.single[name])
        ]
        return {
            name: results.subject(
                name,
                results.single[name],
                {other: model for other, model in results.beside[name].items() if has(model, *needed)},
            )
            for name in able
        }

    return subjects


def each_scan(*needed: str, over: tuple[str, ...] = (), numbers: bool = False) -> Subjects:
    """One of every scanned model that has all the observables `needed`, scanned over nothing but `over` if given.

    With `numbers` only if there is a scanned number to draw it against, and not names alone.
    """

    def subjects(results: Results) -> dict[str, Subject]:
        return {
            name: results.subject(name, model)
            for name, model in results.scanned.items()
            if has(model, *needed)
            and (not over or set(dimensions(model)) <= set(over))
            and (not numbers or numbers_along(model))
        }

    return subjects


def all_together(chosen: Callable[[Results], Mapping[str, xr.Dataset]]) -> Subjects:
    """One of all that are `chosen`, if there are several."""

    def subjects(results: Results) -> dict[str, Subject]:
        models = dict(chosen(results))
        if len(models) < 2:
            return {}
        first = next(iter(models))
        return {first: results.subject(first, models.pop(first), models)}

    return subjects


def has(model: xr.Dataset, *names: str) -> bool:
    """Whether there is anything to draw: a single replica has no variance over replicas, for one."""
    return all(name in model and bool((model[name] > 0).any()) for name in names)


def _covers(check: Mapping[str, Any], name: str) -> bool:
    return check.get("models") is None or name in check["models"]


def same_process(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two models have one Hessian, learning rate, batch size and momentum."""
    return all(name in one and name in other and np.array_equal(one[name], other[name]) for name in _OF_A_PROCESS)
