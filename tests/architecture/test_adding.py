"""What docs/architecture.md says of adding a member of each family: one new file or folder, and one line."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_toys import BY_NAME, MEMBERS, TOYS

import langevin_sgd as lsgd

PACKAGE = Path(lsgd.__file__).parent
ROOT = PACKAGE.parent
RUN = """
import sys

from langevin_sgd.cli import main
from langevin_sgd.reporting.plots import drawn

drawn.render = lambda figure, format: b""  # pictures of these members are rendered by test_by_import_path
sys.exit(main(sys.argv[1:]))
"""
ROW = re.compile(r"^\| ([a-z ]+) \| `([^`]+)` \| `([^`]+)` \| `(langevin_sgd\.[a-z_]+)` \|")


def told() -> dict[str, tuple[str, str, str]]:
    """The table of the document: file, table's file and group by family."""
    lines = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
    return {found[1]: (found[2], found[3], found[4]) for line in lines if (found := ROW.match(line))}


def add(package: Path, family: str) -> None:
    """Add one member as the document says."""
    _, name, module_of_toy, attribute, _ = MEMBERS[family]
    attribute = attribute.replace("MIDPOINT", "SCHEME")  # what schemes of the package are called
    file, table, _ = told()[family]
    written = package / file.replace("NAME", name)
    assert not written.exists()
    if not written.parent.exists():
        written.parent.mkdir()
        (written.parent / "__init__.py").write_text(f'"""{name}."""\n', encoding="utf-8")
    text = (TOYS / f"{module_of_toy}.py").read_text(encoding="utf-8")
    written.write_text(text.replace("MIDPOINT", "SCHEME"), encoding="utf-8")
    module = ".".join((package.name, *written.relative_to(package).with_suffix("").parts))
    lines = (package / table).read_text(encoding="utf-8").splitlines(keepends=True)
    opening = next(at for at, line in enumerate(lines) if re.match(r"[A-Z_]+(: Family\[.*)? = _?\w*Family\(", line))
    entries = [at for at in range(opening, len(lines)) if re.match(r' +"[a-z_]+": "langevin_sgd', lines[at])]
    if entries:
        lines.insert(entries[0], f'        "{name}": "{module}:{attribute}",\n')
    else:  # a table of names alone
        first = next(at for at in range(opening, len(lines)) if re.match(r' {12}"[a-z_]+",', lines[at]))
        lines.insert(first, f'            "{name}",\n')
    (package / table).write_text("".join(lines), encoding="utf-8")


def changed(before: Path, after: Path) -> tuple[list[str], int]:
    """Files that are new, and the number of lines that are new in those that were there."""
    new, lines = [], 0
    for file in sorted(after.rglob("*.py")):
        old = before / file.relative_to(after)
        if not old.exists():
            new.append(file.relative_to(after).as_posix())
            continue
        texts = [path.read_text(encoding="utf-8").splitlines() for path in (old, file)]
        lines += sum(line.startswith("+ ") for line in difflib.ndiff(*texts)) if texts[0] != texts[1] else 0
    return new, lines


def copied(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(PACKAGE, tmp_path / "langevin_sgd", ignore=shutil.ignore_patterns("__pycache__", "configs"))
    )


def test_the_document_tells_of_every_family() -> None:
    families = {
        line.strip().removeprefix('group="').removesuffix('",')
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith('group="langevin_sgd.')
    }
    assert families == {group for _, _, group in told().values()}
    assert set(MEMBERS) == set(told())


@pytest.mark.parametrize("family", MEMBERS)
def test_a_member_is_one_new_file_or_folder_and_one_line(tmp_path: Path, family: str) -> None:
    package = copied(tmp_path)
    add(package, family)
    new, lines = changed(PACKAGE, package)
    assert len({file.removesuffix("/__init__.py") for file in new if not file.endswith("__init__.py")}) == 1
    assert len({Path(file).parent for file in new}) == 1
    assert lines == 1


@pytest.mark.validate
def test_with_one_of_each_the_package_runs(tmp_path: Path) -> None:
    package = copied(tmp_path)
    for family in MEMBERS:
        add(package, family)
    (tmp_path / "added.yaml").write_text(BY_NAME, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", RUN, "simulate", "added.yaml", "--output", "run", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tree = lsgd.open_run(tmp_path / "run")
    assert tree["checks"]["verdict"].values.tolist() == ["agrees"]
    assert "weight_length" in tree["network"]
    assert tree["own"].attrs["status"] == "done"
    assert "mean_noise" in tree["valley"]["law"].values
    assert (tmp_path / "run" / "figures" / "turn_histogram.png").exists()
