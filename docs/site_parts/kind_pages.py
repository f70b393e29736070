"""A page a kind of section of the config, made from its schema: what `langevin-sgd schema KIND` prints."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from langevin_sgd.families import imported
from langevin_sgd.reporting.kind_page import FAMILIES, Key, keys
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

OF_FAMILY = """# {title}

{table}

One of your own is written in one file: see the table of families in [architecture](../../../architecture.md).

```{{toctree}}
:hidden:

{entries}
```
"""

STUDY = """The whole of a config. Beside the keys below it has `models`, names with a [model](models/index.md) each."""

WHERE = {
    "models": "models.NAME.kind",
    "checks": "an entry of checks",
    "probes": "an entry of a network's probes",
    "losses": "a network's loss",
    "update rules": "a network's update_rule",
    "schedules": "update_rule.schedule",
    "data": "data.name",
    "architectures": "architecture.kind",
}
"""Where a config names a member of each family."""


def pages() -> dict[str, str]:
    """Pages by their place in docs/reference/kinds."""
    schema = Study.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    own = {key: told for key, told in schema["properties"].items() if key != "models"}
    values = ("Linear", "Geometric", "Random", "Sobol")
    study = _page("study", STUDY, {**schema, "properties": own}, definitions, values)
    found = {
        "study.md": study,
        "sgd.md": _page("sgd", _text(definitions["Sgd"]["description"]), definitions["Sgd"], definitions, ()),
    }
    tables, entries = [], []
    for plural, path in FAMILIES.items():
        family = imported(path)
        folder = _folder(plural)
        rows = []
        for name in family:
            section = family[name]
            of_kind = section.model_json_schema(by_alias=True)
            inner = of_kind.get("$defs", {})
            told = f"*{family.word}*: {_paragraphs(section.__doc__ or '')}"
            found[f"{folder}/{name}.md"] = _page(name, told, of_kind, inner, tuple(inner))
            first = (section.__doc__ or "").partition("\n\n")[0]
            rows.append((name, _text(first).replace("|", "\\|")))
        title = plural.capitalize()
        here = "\n".join(f"| [{name}]({name}.md) | {told} |" for name, told in rows)
        head = f"| {WHERE[plural]} | what it is |\n|---|---|\n"
        names = "\n".join(family)
        found[f"{folder}/index.md"] = OF_FAMILY.format(title=title, table=head + here, entries=names)
        tables.append(f"## {title}\n\n{head}" + here.replace("](", f"]({folder}/"))
        entries.append(f"{folder}/index")
    found["index.md"] = INDEX.format(tables="\n\n".join(tables), entries="\n".join(entries))
    return found


def _folder(plural: str) -> str:
    return plural.replace(" ", "_")


def _page(
    title: str, told: str, schema: Mapping[str, Any], definitions: Mapping[str, Any], inner: tuple[str, ...]
) -> str:
    parts = [f"# {title}", told, _list(keys(schema, definitions)) or "No keys of its own."]
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
    if kind:
        return f"{where}: kind `{kind}`"
    return f"{where}: `{section['required'][0]}`" if "scan" in under else where


def _list(given: list[Key]) -> str:
    return "\n\n".join(_entry(key) for key in given)


def _entry(key: Key) -> str:
    """A key as a term with its meaning below."""
    lines = [f"`{key.name}`", f": {_takes(key)}", "", f"  {_text(key.meaning)}"]
    return "\n".join(lines)


def _takes(key: Key) -> str:
    default = key.default if len(key.default) < 80 else "default: that of its keys"
    default = 'default ""' if default == "default " else default
    return f"{_kinds_named(key.takes)}; {_text(default)}"


def _kinds_named(takes: str) -> str:
    """What a key takes; where that is any kind of a family, a link to all of them."""
    for plural, path in FAMILIES.items():
        family = imported(path)
        kinds = [kind for word in ("kind", "name") for name in family if (kind := f"{{{word}: {name}}}") in takes]
        if len(kinds) > 2 or (kinds and len(kinds) == len(list(family))):
            listed = takes.startswith("list of")
            names = "" if f"{kinds[0]}" == takes.split(" | ")[0] else "a name, or "
            page = f"/reference/kinds/{_folder(plural)}/index.md"
            one = f"{names}a mapping with its settings, of a kind of [{plural}]({page})"
            return f"a list, of each {one}" if listed else one
    return f"*{_text(takes)}*"


def _paragraphs(told: str) -> str:
    """A docstring in Markdown: paragraphs, and lists where lines begin with a dash."""
    parts = []
    for part in inspect.cleandoc(told).split("\n\n"):
        entries = re.split(r"^- ", part, flags=re.M)
        parts.append("\n- ".join(_text(entry) for entry in entries).lstrip() if len(entries) > 1 else _text(part))
    return "\n\n".join(parts)


def _text(told: str) -> str:
    """Prose of a docstring in Markdown: its backticks stay, what else Markdown would read as a mark is as written."""
    parts = " ".join(told.split()).split("`")
    for even in range(0, len(parts), 2):
        for mark in "\\*_[]<>{}$":
            parts[even] = parts[even].replace(mark, f"\\{mark}")
    return "`".join(parts)
