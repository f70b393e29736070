"""A study: several models side by side at the same learning rate, batch size, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from langevin_sgd.checks import Check
from langevin_sgd.config.axis import Axis
from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import ImportPath, ModelName, RunFolder, Section, Seed, StudyName, Text
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models import MODEL_KINDS, Model, lineage
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
    """Stochastic gradient descent, shared by every model that has one; may be left out if none needs it."""
    models: Annotated[dict[ModelName, Model], Field(min_length=1)]
    """The models by name."""
    checks: tuple[Check, ...] = ()
    """Comparisons to make: a name, or a mapping with its settings."""
    scan: scans.Scan = Field(default_factory=dict)
    """Numeric keys that take several values: a list, {linear: [FIRST, LAST, COUNT]} or {geometric:
    [FIRST, LAST, COUNT]}. Every combination runs; the keys become leading dimensions of the results."""
    laws: tuple[ImportPath, ...] = ()
    """Laws of your own that the models are held against too, each "module:attribute"."""
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

    def axes(self) -> tuple[Axis, ...]:
        """The scanned keys, in the config's order."""
        return scans.axes(self.scan)

    def points(self, name: str) -> tuple[Study, ...]:
        """The studies at the points that model `name` is scanned over, last axis fastest; the study itself if none."""
        scanned = lineage.scanned(self, name)
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
