"""YAML 1.2 text into plain data, remembering the line of every key: so `1e-3` is a number and `no` is a word."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from langevin_sgd.config.errors import ConfigError, KeyPath, dotted, shown
from langevin_sgd.paths import local
from langevin_sgd.study import aliases, number_lists

_TAG = "tag:yaml.org,2002:"
_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class Source:
    """A parsed YAML text: its name for messages, its data, and the node tree that knows the lines."""

    name: str
    data: Any
    root: Node | None
    runs: Mapping[str, number_lists.Run] = field(default_factory=dict)
    """What stands in the node tree for long runs of numbers."""
    _places: dict[int, dict[str | int, tuple[int, Node]]] = field(default_factory=dict)

    def find(self, path: KeyPath) -> tuple[int, int]:
        """The line of the deepest part of `path` that the text holds, and how many parts of `path` that is."""
        node, line = self.root, 1 if self.root is None else self.root.start_mark.line + 1
        for depth, part in enumerate(path):
            found = None if node is None else self._inside(node).get(part)
            if found is None:
                return line, depth
            line, node = found
        return line, len(path)

    def _inside(self, node: Node) -> dict[str | int, tuple[int, Node]]:
        """The line and the node of everything right under `node`."""
        places = self._places.get(id(node))
        if places is None:
            places = self._places[id(node)] = {}
            if isinstance(node, MappingNode):
                for key, value in node.value:
                    if isinstance(key, ScalarNode):
                        places.setdefault(str(key.value), (key.start_mark.line + 1, value))
            if isinstance(node, SequenceNode):
                for child in node.value:
                    run = self.runs.get(str(child.value))
                    line = child.start_mark.line + 1
                    for below in (0,) if run is None else run.lines():
                        places[len(places)] = (line + below, child)
        return places


def read(path: str | os.PathLike[str]) -> Source:
    """Read a YAML file. Raises ConfigError if it is missing, unreadable, not UTF-8, malformed or repeats a key."""
    name = os.fspath(path)
    file = local(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError.of(_missing_file(file), file=name) from None
    except IsADirectoryError:
        raise ConfigError.of("is a directory; give the YAML file itself", file=name) from None
    except UnicodeDecodeError:
        raise ConfigError.of("is not a text file in UTF-8; save it as UTF-8", file=name) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError.of(f"cannot be read: {reason}", file=name) from None
    return parse_text(text, name)


def parse_text(text: str, name: str) -> Source:
    """Parse YAML text; `name` stands in messages where a file's path would. Raises ConfigError."""
    folded, runs = number_lists.fold(text)
    try:
        source = _parse(folded, name, runs)
        if source is None:  # some of the numbers are words of a text, so all of them are read as they stand
            source = _parse(text, name, {})
        assert source is not None
        return source
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "end of stream" in str(error.problem) and error.context_mark is not None:
            mark = error.context_mark  # what was never closed began there
        message = "; ".join(str(part) for part in (error.context, error.problem) if part)
        line = None if mark is None else mark.line + 1
        raise ConfigError.of(f"malformed YAML: {message}{_hint(message, text, line)}", file=name, line=line) from None
    except YAMLError as error:
        raise ConfigError.of(f"malformed YAML: {str(error).splitlines()[0]}", file=name) from None
    except RecursionError:
        raise ConfigError.of("is nested too deeply", file=name) from None
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        # The YAML library lets some malformed directives and escapes out as bare Python errors.
        raise ConfigError.of(f"malformed YAML: {error}", file=name) from None


def _parse(text: str, name: str, runs: Mapping[str, number_lists.Run]) -> Source | None:
    """The data of a text with `runs` of numbers folded into words; None if one of the words stands in no list."""
    yaml = YAML(typ="safe", pure=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an anchor defined twice is legal YAML
        root = yaml.compose(text)
    if root is None:
        return None if runs else Source(name, None, None)
    reader = _Reader(yaml, name, {word: run.entries() for word, run in runs.items()})
    unfolded = set(_words(root, reader, set()))
    if len(unfolded) < len(runs):
        return None
    fault = aliases.fault(root, reader.entries)
    if fault is not None:
        node, path, message = fault
        raise reader.error(message, node, path)
    return Source(name, _plain(root, reader, ()), root, runs)


def _words(node: Node, reader: _Reader, seen: set[int]) -> Iterator[str]:
    """The words for runs of numbers that are entries of a list."""
    if id(node) in seen or not isinstance(node, MappingNode | SequenceNode):
        return
    seen.add(id(node))
    for child in node.value:
        if isinstance(node, SequenceNode) and reader.run(child) is not None:
            yield str(child.value)
        for inner in child if isinstance(node, MappingNode) else (child,):
            yield from _words(inner, reader, seen)


@dataclass(frozen=True)
class _Reader:
    yaml: YAML
    name: str
    runs: Mapping[str, list[number_lists.Entry]]

    def run(self, node: Node) -> list[number_lists.Entry] | None:
        """The entries that a scalar stands for, None if it stands for itself."""
        return self.runs.get(node.value) if isinstance(node, ScalarNode) and node.style is None else None

    def entries(self, node: Node) -> int:
        """How many values a node stands for, apart from those of the nodes in it."""
        return 1 + sum(len(entry) if isinstance(entry, list) else 1 for entry in self.run(node) or ())

    def error(self, message: str, node: Node, path: KeyPath) -> ConfigError:
        return ConfigError.of(message, key=dotted(path), file=self.name, line=node.start_mark.line + 1)


def _plain(node: Node, reader: _Reader, path: KeyPath) -> Any:
    if isinstance(node, MappingNode):
        return _mapping(node, reader, path)
    if isinstance(node, SequenceNode):
        return _sequence(node, reader, path)
    return _scalar(node, reader, path)


def _sequence(node: SequenceNode, reader: _Reader, path: KeyPath) -> list[Any]:
    _refuse_tag(node, "seq", reader, path)
    data: list[Any] = []
    for child in node.value:
        run = reader.run(child)
        if run is None:
            data.append(_plain(child, reader, (*path, len(data))))
        else:
            data += [list(entry) if isinstance(entry, list) else entry for entry in run]
    return data


def _mapping(node: MappingNode, reader: _Reader, path: KeyPath) -> dict[str, Any]:
    _refuse_tag(node, "map", reader, path)
    data: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        if str(key_node.tag) == f"{_TAG}merge":
            raise reader.error("merge keys (<<) are not supported; write the keys out", key_node, path)
        key = _scalar(key_node, reader, path) if isinstance(key_node, ScalarNode) else None
        if not isinstance(key, str):
            what = shown(key) if isinstance(key_node, ScalarNode) else "a list or mapping"
            raise reader.error(f"keys must be text, got {what}", key_node, path)
        if key in data:
            message = f"given twice (first on line {lines[key]}); remove one"
            raise reader.error(message, key_node, (*path, key))
        lines[key] = key_node.start_mark.line + 1
        data[key] = _plain(value_node, reader, (*path, key))
    return data


def _refuse_tag(node: Node, plain: str, reader: _Reader, path: KeyPath) -> None:
    if str(node.tag) != f"{_TAG}{plain}":
        raise reader.error(_tagged(node), node, path)


def _tagged(node: Node) -> str:
    return f"the tag {str(node.tag).replace(_TAG, '!!')} is not supported; remove it"


def _scalar(node: Node, reader: _Reader, path: KeyPath) -> Any:
    constructor = reader.yaml.constructor
    tag = str(node.tag)
    try:
        match tag.removeprefix(_TAG):
            case "str" | "timestamp":
                return str(node.value)
            case "int":
                return int(constructor.construct_yaml_int(node))
            case "float":
                return float(constructor.construct_yaml_float(node))
            case "bool":
                return bool(constructor.construct_yaml_bool(node))
            case "null" if str(node.value) in _NOTHING:
                return None
    except (ValueError, KeyError, IndexError):
        what = "true or false" if tag == f"{_TAG}bool" else "a number"
        raise reader.error(f"cannot read {shown(str(node.value))} as {what}", node, path) from None
    raise reader.error(_tagged(node), node, path)


def _missing_file(path: Path) -> str:
    try:
        siblings = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return "no such file, and no such folder"
    names = {Path(name).stem: name for name in siblings}  # the endings are alike anyway
    close = [names[stem] for stem in difflib.get_close_matches(path.stem, names, n=1, cutoff=0.75)]
    return f'no such file; did you mean "{path.parent / close[0]}"?' if close else "no such file"


def _hint(problem: str, text: str, line: int | None) -> str:
    lines = text.splitlines()
    if line is not None and any(
        "\t" in lines[near][: len(lines[near]) - len(lines[near].lstrip())]
        for near in (line - 1, line - 2)
        if 0 <= near < len(lines)
    ):
        return "; indent with spaces, not tabs"
    if "'\\t' that cannot start" in problem:
        return "; write a space for the tab"
    if "mapping values are not allowed" in problem:
        return "; check the indentation, and that every colon has a space after it"
    if "end of stream" in problem:
        return "; what begins here is never closed"
    return ""
