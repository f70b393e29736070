"""Reading a study from a file or a dict, and writing it out again with nothing left implicit."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from langevin_sgd.config.errors import ConfigError, FaultAtKey, KeyPath, Problem, dotted, shown
from langevin_sgd.study import messages, yaml_source
from langevin_sgd.study.config import Study
from langevin_sgd.study.overrides import Override, apply_overrides

_Place = Callable[[KeyPath], tuple[int | None, int]]
"""Gives the line of a key path, if there is one, and how many of its parts the config holds."""


class _Representer(RoundTripRepresenter):
    """Writes nothing as `null`, not as an empty place, and 1e-06 as 1.0e-06, a number to readers of YAML 1.1 too."""

    def write_null(self, data: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")

    def write_float(self, data: float) -> ScalarNode:
        node: ScalarNode = self.represent_float(data)
        mantissa, mark, exponent = str(node.value).partition("e")
        if mark and "." not in mantissa:
            node.value = f"{mantissa}.0e{exponent}"
        return node


_Representer.add_representer(type(None), _Representer.write_null)
_Representer.add_representer(float, _Representer.write_float)


def load(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Study:
    """The study in a YAML file, with `KEY=VALUE` overrides applied.

    Raises ConfigError: every fault as one line with file, line, key and mend; or with the override that caused it.
    """
    source = yaml_source.read(path)
    return _study(source.data, tuple(overrides), source.name, source.find)


def parse(config: Mapping[str, Any] | Study, overrides: Iterable[str] = ()) -> Study:
    """The study in a dict (numpy arrays and tuples may stand for lists), with `KEY=VALUE` overrides applied.

    Raises ConfigError: every fault as one line with its key.
    """
    if isinstance(config, Study):
        if not overrides:
            return config
        config = config.as_written()
    name = "<config>"
    try:
        data = _plain(config, ())
    except RecursionError:
        raise ConfigError.of("is nested too deeply", file=name) from None

    def find(path: KeyPath) -> tuple[None, int]:
        return None, _depth(data, path)

    return _study(data, tuple(overrides), name, find)


def located(error: FaultAtKey, path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> ConfigError:
    """Faults of a study that was loaded from there, as an error with the lines, or the overrides, to blame."""
    source = yaml_source.read(path)
    applied = apply_overrides(source.data, tuple(overrides))
    return ConfigError(*(_problem(key, told, source.name, source.find, applied) for key, told in error.faults))


def resolved_yaml(study: Study) -> str:
    """The study as YAML with every default written out; loading it gives an equal Study."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 110
    yaml.allow_unicode = True
    text = io.StringIO()
    yaml.dump(_flow_lists(study.as_written()), text)
    return text.getvalue()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config file, for editors that complete and check as one types."""
    schema = Study.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "langevin-sgd study"}


def _study(data: Any, texts: tuple[str, ...], name: str, find: _Place) -> Study:
    if data is None or (data == {} and not texts):
        raise ConfigError.of("the config is empty; it needs name, seed, sgd and models", file=name)
    if not isinstance(data, dict):
        raise ConfigError.of(f"must be a mapping with name, seed, sgd and models, got {shown(data)}", file=name)
    applied = apply_overrides(data, texts)
    unwritable = _unwritable(data, ())
    if unwritable is not None:
        raise ConfigError(_problem(unwritable, "holds a character that is not Unicode; remove it", name, find, applied))
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        faults = messages.explain(error, Study, data)
    problems = [_problem(path, message, name, find, applied) for path, message in faults]
    raise ConfigError(*sorted(problems, key=lambda problem: problem.line or 0))


def _problem(path: KeyPath, message: str, name: str, find: _Place, applied: tuple[Override, ...]) -> Problem:
    line, depth = find(path)
    blamed = next((each for each in reversed(applied) if path[: len(each.path)] == each.path), None)
    if blamed is None and depth < len(path):
        # A key that the file does not hold may have been made by an override of something inside it.
        blamed = next((each for each in reversed(applied) if each.path[: len(path)] == path), None)
    if blamed is not None:
        return Problem(message, dotted(path), name, override=blamed.text)
    return Problem(message, dotted(path), name, line)


def _plain(value: Any, path: KeyPath) -> Any:
    if isinstance(value, Mapping):
        unusable = [key for key in value if not isinstance(key, str)]
        if unusable:
            raise ConfigError.of(f"keys must be text, got {shown(unusable[0])}", key=dotted(path))
        return {str(key): _plain(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, (*path, index)) for index, inner in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # arrays and scalars of numpy and torch
        return value.tolist()
    return value


def _unwritable(data: Any, path: KeyPath) -> KeyPath | None:
    """The first key or text with half a surrogate pair in it, which no file can hold."""
    if isinstance(data, str):
        return path if any("\ud800" <= character <= "\udfff" for character in data) else None
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        found = _unwritable(key, (*path, key)) or _unwritable(value, (*path, key))
        if found is not None:
            return found
    return None


def _depth(data: Any, path: KeyPath) -> int:
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _flow_lists(value: Any) -> Any:
    """Lists of numbers and words on one line each, everything else in block style."""
    if isinstance(value, dict):
        return {key: _flow_lists(inner) for key, inner in value.items()}
    if isinstance(value, list):
        items = CommentedSeq(_flow_lists(inner) for inner in value)
        if not any(isinstance(inner, dict | list) for inner in value):
            items.fa.set_flow_style()
        return items
    return value
