"""A study: several models side by side at the same learning rate, batch size, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from langevin_sgd.checks import Check
from langevin_sgd.config.axis import Axis
from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import ModelName, RunFolder, Section, Seed, StudyName, Text
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models import MODEL_KINDS, Model
from langevin_sgd.study import consistency
from langevin_sgd.study import scan as scans


def _measured_on(model: Any) -> Iterator[str]:
    """The names in `from` of a model as the config writes it."""
    for section in model.values() if isinstance(model, Mapping) else ():
        source = section.get("from") if isinstance(section, Mapping) else None
        if isinstance(source, str):
            yield source


class Study(Section):
    """A whole config, consistent: a Study that exists can be run as far as its config can tell."""

    name: StudyName
    """Name of the study; the run directory is runs/<name> unless `output` says otherwise."""
    seed: Seed
    """Seed of all randomness, 0 to 2^64 - 1. Same seed, same bits."""
    description: Text = ""
    """What the study is about, for the report."""
    sgd: Sgd | None = None
    """Stochastic gradient descent, shared by every model. Random potentials do without, and so do models of a
    landscape with both `temperature` and `time_step`."""
    models: Annotated[dict[ModelName, Model], Field(min_length=1)]
    """The models by name."""
    checks: tuple[Check, ...] = ()
    """Comparisons to make: a name, or a mapping with its settings."""
    scan: scans.Scan = Field(default_factory=dict)
    """Numeric keys that take several values: a list, {linear: [FIRST, LAST, COUNT]} or {geometric:
    [FIRST, LAST, COUNT]}. Every combination runs; the keys become leading dimensions of the results."""
    figures: tuple[Text, ...] = ()
    """Figures of your own that the report has too, each "module:attribute"."""
    output: RunFolder | None = None
    """Run directory. null: runs/<name>."""

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, data: Any) -> Any:
        """What a model that is left short has by default where others are measured on it."""
        models = data.get("models") if isinstance(data, Mapping) else None
        if not isinstance(models, Mapping):
            return data
        measured = {name for model in models.values() for name in _measured_on(model)}
        completed = dict(models)
        for name in measured.intersection(models):
            section = MODEL_KINDS.section_of(models[name])
            if section is not None:
                completed[name] = section.lending(models[name])
        return {**data, "models": completed}

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        problems = consistency.problems(self) or (list(scans.problems(self)) if self.scan else [])
        if problems:
            raise inconsistent(problems)
        return self

    @property
    def run_directory(self) -> str:
        """Where the results go: `output`, or runs/<name>."""
        return self.output if self.output is not None else f"runs/{self.name}"

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """For each model the networks that it is measured on, without repetitions."""
        return {name: self.sources(name) for name in self.models}

    def sources(self, name: str) -> tuple[str, ...]:
        """The networks that model `name` is measured on; the first one lends it its sgd and its steps."""
        return tuple(dict.fromkeys(source for _, source in self.models[name].sources()))

    def order(self) -> tuple[str, ...]:
        """All models, each after what it is measured on, otherwise as the config lists them."""
        ordered: dict[str, None] = {}
        for name in self.models:
            ordered.update(dict.fromkeys((*self.sources(name), name)))
        return tuple(ordered)

    def cycle(self, name: str, source: str) -> list[str]:
        """The models passed on the way from `name` through `source` back to `name`; empty if there is no way back."""
        queue: list[list[str]] = [[name, source]]
        seen = {source}
        while queue:
            way = queue.pop(0)
            if way[-1] == name:
                return way
            if way[-1] in self.models:
                following = [target for target in self.sources(way[-1]) if target not in seen or target == name]
                seen.update(following)
                queue += [[*way, target] for target in following]
        return []

    def effective_sgd(self, name: str) -> Sgd:
        """The sgd that model `name` runs with: the study's, the overrides of its network, its own overrides.

        An analytic model draws with replacement, also where its network goes through the data in epochs. A model that
        needs no sgd, in a study without one, has its own.
        """
        model = self.models[name]
        study_sgd = model.own_sgd() if self.sgd is None else self.sgd
        if study_sgd is None:
            raise ValueError(f"the study has no sgd for {name}")
        sources = self.sources(name)
        return model.sgd_of(self.effective_sgd(sources[0]) if sources else study_sgd)

    def sgd_origin(self, name: str, field: str) -> tuple[str, ...]:
        """The key path at which the sgd `field` that model `name` runs with is written."""
        for holder in (name, *self.sources(name)[:1]):
            override = self.models[holder].sgd_override
            if override is not None and field in override.changed():
                return ("models", holder, "sgd", field)
        return ("sgd", field)

    def effective_steps(self, name: str) -> int:
        """The number of steps of model `name`: its own, or that of the network it is measured on."""
        sources = self.sources(name)
        lent = self.effective_steps(sources[0]) if sources else None
        return self.models[name].total_steps(self.effective_sgd(name), lent)

    def axes(self) -> tuple[Axis, ...]:
        """The scanned keys, in the config's order."""
        return scans.axes(self.scan)

    def scanned(self, name: str) -> tuple[Axis, ...]:
        """The axes that change model `name`, in the order of its leading dimensions and called as they are there."""
        changing = [axis.key for axis in self.axes() if self._changes(axis, name)]
        return scans.axes({key: values for key, values in self.scan.items() if key in changing})

    def _changes(self, axis: Axis, name: str) -> bool:
        model, path = self.models[name], axis.path
        if len(path) < 2 or path[-1] in model.idle():
            return False  # a key that cannot be scanned changes nothing
        if path[0] == "models":
            return path[1] in {name, *self.sources(name)}
        if path[0] != "sgd" or path[1] not in model.SGD_KEYS:
            return False
        return self.sgd_origin(name, str(path[1])) == path

    def points(self, name: str) -> tuple[Study, ...]:
        """The studies at the points of the grid of `scanned(name)`, last axis fastest; the study itself without any."""
        scanned = self.scanned(name)
        if not scanned:
            return (self,)
        return tuple(scans.points(self.as_written(), scanned, type(self)))

    def as_written(self) -> dict[str, Any]:
        """The config as plain mappings and lists, every default written out; it makes an equal Study."""
        data = self.model_dump(mode="json", by_alias=True)
        for model in data["models"].values():
            if model.get("sgd") is not None:
                # An override says what changes; a null in it would read as a value.
                model["sgd"] = {key: value for key, value in model["sgd"].items() if value is not None}
        return data

    def checked_models(self, check: Check) -> tuple[str, ...]:
        """The models that `check` covers: those it names, or all that it is made for, in the config's order."""
        if check.models is not None:
            return check.models
        return tuple(name for name in self.models if check.covers(*self.checkable(name)))

    def checkable(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """What decides which checks can be made of a model: the observables it emits, the keys it is scanned over."""
        return self.models[name].emits(), frozenset(str(axis.path[-1]) for axis in self.scanned(name))
