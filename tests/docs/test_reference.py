"""docs/reference has every public name, and every name in it says what it is; the site builds without a warning."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

import langevin_sgd as lsgd
from langevin_sgd import estimators, theory, training

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in sorted(PAGES.glob("*.md")))
DOCUMENTED = re.findall(r"^\.\. (?:auto(?:function|class|data|module)|py:data):: (langevin_sgd\.[\w.]+)$", TEXT, re.M)
PACKAGES = {"estimators", "laws", "theory", "training"}
PUBLIC = [
    *(f"langevin_sgd.{name}" for name in lsgd.__all__ if name not in PACKAGES),
    *(
        f"langevin_sgd.{package.__name__.rpartition('.')[2]}.{name}"
        for package in (theory, estimators)
        for name in package.__all__
    ),
    *(f"langevin_sgd.training.{name}" for name in training.__all__),
    *(f"langevin_sgd.laws.{name}" for name in ("LAWS", "Law", "NoAnswer", "Point")),
]
ALIASES = {"langevin_sgd.training.DataSet": "langevin_sgd.DataSet"}
PARTS = ("sphinx", "furo", "myst_nb", "latex2mathml")


def _found(path: str) -> Any:
    """What a full name stands for."""
    parts = path.split(".")
    found: Any = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:index]))
        found = getattr(found, part)
    return found


def test_every_public_name_is_in_the_reference() -> None:
    missing = [name for name in PUBLIC if ALIASES.get(name, name) not in DOCUMENTED]
    assert not missing, f"give them a line in docs/reference: {missing}"


def test_no_name_is_there_twice() -> None:
    assert len(DOCUMENTED) == len(set(DOCUMENTED))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_is_in_the_reference_says_what_it_is(name: str) -> None:
    found = _found(name)
    if name.endswith(("__version__", "LAWS")):  # told on the page, or below the name
        return
    assert (found.__doc__ or "").strip(), name
    fields = getattr(found, "__dataclass_fields__", {})  # told in the docstring of the class
    own = vars(found) if isinstance(found, type) else {}
    for attribute in own:
        if attribute.startswith("_") or attribute in fields:
            continue
        member = vars(found)[attribute]
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if callable(function) and hasattr(function, "__code__"):
            assert (function.__doc__ or "").strip(), f"{name}.{attribute}"


@pytest.mark.validate
@pytest.mark.skipif(
    not all(importlib.util.find_spec(part) for part in PARTS), reason='needs the extra: pip install -e ".[docs]"'
)
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    inventory = (tmp_path / "site" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    names = {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}
    missing = [name for name in PUBLIC if ALIASES.get(name, name) not in names]
    assert not missing
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text, page  # nothing is fetched when a page is looked at
