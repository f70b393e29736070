"""A study: several models side by side at the same learning rate, batch size, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, model_validator

from langevin_sgd.checks import Check
from langevin_sgd.config.axis import Axis, Value
from langevin_sgd.config.errors import KeyPath, inconsistent
from langevin_sgd.config.fields import ImportPath, ModelName, RunFolder, Section, Seed, StudyName, Text
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models import MODEL_KINDS, Model
from langevin_sgd.study import consistency, scan_values
from langevin_sgd.study import scan as scans
from langevin_sgd.study.scan_values import Scan


def _measured_at_minimum(model: Any) -> Iterator[str]:
    """The names in `from` of a model as the config writes it, unless its kind is measured along the way."""
    kind = MODEL_KINDS.section_of(model)
    if kind is not None and not kind.AT_MINIMUM:
        return
    for section in model.values() if isinstance(model, Mapping) else ():
        source = section.get("from") if isinstance(section, Mapping) else None
        if isinstance(source, str):
            yield source


def put(holder: Any, path: KeyPath, value: Any) -> None:
    """Put a value at a path of a config that is mappings and lists."""
    for part in path[:-1]:
        if isinstance(holder, dict) and holder.get(part) is None:
            holder[part] = {}
        holder = holder[part]
    holder[path[-1]] = value


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
    scan: Scan = Field(default_factory=dict)
    """Keys that take several values: a list, {linear: [FIRST, LAST, COUNT]} or geometric, {random: [LOW, HIGH, COUNT]}
    or sobol (with spacing: geometric if so), or NAME: {zip: {KEY: ...}} for keys that vary together. Every combination
    runs; the keys become leading dimensions of the results."""
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
        measured = {name for model in models.values() for name in _measured_at_minimum(model)}
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

    @cached_property
    def _axes(self) -> tuple[Axis, ...]:
        return scan_values.axes(self.scan, self.seed)

    def axes(self) -> tuple[Axis, ...]:
        """The dimensions of the scan, in the config's order."""
        return self._axes

    def changed(self, values: Mapping[KeyPath, Value]) -> Study:
        """The study without its scan and its checks, with other values at some keys: one point of it, validated.

        Raises `ValidationError` if that is no study.
        """
        config = self.as_written(without=("scan", "checks"))
        for path, value in values.items():
            put(config, path, value)
        return type(self).model_validate(config)

    def as_written(self, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """The config as plain mappings and lists, every default written out; it makes an equal Study.

        Some keys of the study may be left out.
        """
        data = self.model_dump(mode="json", by_alias=True, exclude=set(without))
        for model in data["models"].values():
            if model.get("sgd") is not None:
                # An override says what changes; a null in it would read as a value.
                model["sgd"] = {key: value for key, value in model["sgd"].items() if value is not None}
        return data
