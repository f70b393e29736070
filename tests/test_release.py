"""What a release says of itself, in several places that must agree."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import langevin_sgd as lsgd

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CALLED = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""What packages are called in the other family of channels."""


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))
    return found


def test_every_place_names_one_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (latest, date) = re.findall(r"^## (\S+)(?: \((.*)\))?$", changes, re.MULTILINE)[0]
    citation = read("CITATION.cff")
    assert latest == citation["version"] == read("conda/recipe.yaml")["context"]["version"] == lsgd.__version__
    assert date == str(citation["date-released"])
    assert citation["license"] == PROJECT["license"]


def test_the_recipe_needs_what_the_package_needs() -> None:
    recipe = read("conda/recipe.yaml")["requirements"]["run"]
    needed = [f"python {PROJECT['requires-python']}"]
    for each in PROJECT["dependencies"]:
        name, bound = re.fullmatch(r"([\w.-]+)(.*)", each).groups()
        needed.append(f"{CALLED.get(name, name)} {bound}")
    assert recipe == needed


def test_types_are_announced_and_configs_are_there() -> None:
    assert (files("langevin_sgd") / "py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert "side_by_side" in {Path(name).stem for name in (path.name for path in (ROOT / "configs").glob("*.yaml"))}
