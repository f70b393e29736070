"""A page a config of configs/: its question, the text, and the commands that run it."""

from __future__ import annotations

from pathlib import Path

INDEX = """# Configs

Every question is one commented YAML file. `langevin-sgd new NAME > study.yaml` copies one to edit, `langevin-sgd new`
lists those of the first table.

| config | question |
|---|---|
{rows}

Those of the [gallery](../gallery/README.md), each the claim of a paper:

| config | question |
|---|---|
{gallery}

```{{toctree}}
:hidden:
:glob:

*
gallery/*
```
"""

PAGE = """# {name}

```{{code-block}} yaml
:caption: configs/{path}

{text}
```

    {command}
"""


def pages(folder: Path) -> dict[str, str]:
    """Pages by their place in docs/configs."""
    found, rows = {}, {"": [], "gallery/": []}
    for file in sorted(folder.rglob("*.yaml")):
        path = file.relative_to(folder).as_posix()
        name, text = path.removesuffix(".yaml"), file.read_text(encoding="utf-8").strip()
        command = f"langevin-sgd simulate configs/{path}"
        found[f"{name}.md"] = PAGE.format(name=file.stem, path=path, text=text, command=command)
        rows[path.removesuffix(file.name)].append(f"| [{file.stem}]({name}.md) | {_question(text)} |")
    found["index.md"] = INDEX.format(rows="\n".join(rows[""]), gallery="\n".join(rows["gallery/"]))
    return found


def _question(text: str) -> str:
    """The first line of a config's comment."""
    first = next(line for line in text.splitlines() if line.startswith("#") and line.strip("# "))
    return first.strip("# ").replace("|", "\\|").replace("<", "&lt;")
