"""A page a kind of section of the config, made from its schema: what `langevin-sgd schema KIND` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langevin_sgd.families import imported
from langevin_sgd.reporting.kind_page import FAMILIES, Key, described, keys
from langevin_sgd.study.config import Study

INDEX = """# Config reference

A study is one YAML file, or a mapping in Python. Its keys are on the pages of the [study](study.md) and of
[sgd](sgd.md); what stands in it is of a kind, and each kind has a page here. `langevin-sgd schema KIND` prints the page
in a terminal, `langevin-sgd schema` the JSON Schema for editors. *As said* is a default that follows from other keys,
as the key's meaning tells.

{tables}

```{{toctree}}
:hidden:

study
sgd
{entries}
```
"""


def pages() -> dict[str, str]:
    """Pages by their place in docs/reference/kinds."""
    schema = Study.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    own = {key: told for key, told in schema["properties"].items() if key != "models"}
    study = _page(
        "study", "The whole of a config.", {**schema, "properties": own}, definitions, ("Linear", "Geometric")
    )
    found = {
        "study.md": study,
        "sgd.md": _page("sgd", definitions["Sgd"]["description"], definitions["Sgd"], definitions, ()),
    }
    tables, entries = [], []
    for plural, path in FAMILIES.items():
        family = imported(path)
        folder = plural.replace(" ", "_")
        rows = []
        for name in family:
            section = family[name]
            of_kind = section.model_json_schema(by_alias=True)
            inner = of_kind.get("$defs", {})
            title = f"{name} ({family.word})"
            found[f"{folder}/{name}.md"] = _page(title, described(section), of_kind, inner, tuple(inner))
            rows.append(f"| [{name}]({folder}/{name}.md) | {_cell(described(section))} |")
            entries.append(f"{folder}/{name}")
        tables.append(f"## {plural.capitalize()}\n\n| {family.word} | |\n|---|---|\n" + "\n".join(rows))
    found["index.md"] = INDEX.format(tables="\n\n".join(tables), entries="\n".join(entries))
    return found


def _page(
    title: str, told: str, schema: Mapping[str, Any], definitions: Mapping[str, Any], inner: tuple[str, ...]
) -> str:
    parts = [f"# {title}", _text(told), _list(keys(schema, definitions)) or "No keys of its own."]
    for name in inner:
        of_part = definitions[name]
        parts.append(f"## {_called(name, of_part, schema)}")
        parts.append(_text(of_part.get("description", "")))
        parts.append(_list(keys(of_part, definitions)) or "No keys of its own.")
    return "\n\n".join(parts) + "\n"


def _called(name: str, section: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a config calls a section inside a section: its kind, or the key that it stands under."""
    kind = section.get("properties", {}).get("kind", {}).get("const")
    under = [key for key, told in schema.get("properties", {}).items() if f'"#/$defs/{name}"' in json.dumps(told)]
    where = ", ".join(f"`{key}`" for key in under) or "`augment`"
    return f"{where}: kind `{kind}`" if kind else where


def _list(given: list[Key]) -> str:
    return "\n\n".join(_entry(key) for key in given)


def _entry(key: Key) -> str:
    """A key as a term with its meaning below."""
    lines = [f"`{key.name}`", f": {_takes(key)}", "", f"  {_text(key.meaning)}"]
    return "\n".join(lines)


def _takes(key: Key) -> str:
    default = key.default if len(key.default) < 80 else "default: see its kind"
    return f"*{_text(key.takes)}*; {_text(default)}"


def _text(told: str) -> str:
    """Prose of a docstring in Markdown: its backticks stay, what else Markdown would read as a mark is as written."""
    parts = " ".join(told.split()).split("`")
    for even in range(0, len(parts), 2):
        for mark in "\\*_[]<>{}$":
            parts[even] = parts[even].replace(mark, f"\\{mark}")
    return "`".join(parts)


def _cell(told: str) -> str:
    return _text(told).replace("|", "\\|")
