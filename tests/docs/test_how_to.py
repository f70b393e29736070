"""The pages of docs/ with snippets are followed word for word, as a newcomer would, in an empty directory.

A block whose first line is a comment with a file's name is written to that file; other Python goes on in one process a
page, and each `langevin-sgd` command runs as it stands.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML

import langevin_sgd as lsgd
from langevin_sgd import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    DOCS / "start.md",
    *(page for page in sorted((DOCS / "how_to").glob("*.md")) if re.search("^```(sh|python)$", page.read_text(), re.M)),
]
SHORTER = {
    "langevin-sgd simulate digits.yaml": " ".join(
        f"--set models.{name}.{key}"
        for name in ("network", "network_large_step")
        for key in ("replicas=8", "steps=2000")
    )
}
"""What is run for less long than a page says: a minute or two on two cores."""
_FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that it is to be written to."""
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of Python, YAML and commands."""
    return [Block(*found) for found in re.findall(r"^```(python|yaml|sh)\n(.*?)^```", page.read_text(), re.M | re.S)]


def commands(page: Path) -> list[str]:
    """The commands, without comments."""
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    return [line.partition(" #")[0].strip() for line in lines if line.startswith("langevin-sgd")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_options_named_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        name = command.split()[1]
        assert cli.main([name, "--help"]) == 0
        help_text = capsys.readouterr().out
        for option in re.findall(r" --[a-z]+", command):
            assert option in help_text, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_studies_are_valid(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = [block for block in blocks(page) if block.file]
    for block in written:
        Path(str(block.file)).write_text(block.text, encoding="utf-8")
    for block in written:
        if block.language == "yaml":
            assert lsgd.load(str(block.file)).models
    for block in written:
        sys.modules.pop(str(block.file).removesuffix(".py"), None)


@pytest.mark.validate
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs_word_for_word(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "MPLBACKEND": "agg"}

    def run(*words: str | Path, into: str | None = None) -> None:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        assert "RuntimeWarning" not in done.stderr, f"{words}\n{done.stderr}"
        if into:
            (tmp_path / into).write_text(done.stdout, encoding="utf-8")

    done_so_far = ""
    for block in blocks(page):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            done_so_far += block.text
            (tmp_path / "page.py").write_text(done_so_far, encoding="utf-8")
            run(sys.executable, "-W", "error::DeprecationWarning", "page.py")
        elif block.language == "sh":
            for line in block.text.splitlines():
                command, _, into = (f"{line.partition(' #')[0]} {SHORTER.get(line, '')}").partition(" > ")
                if command.startswith("langevin-sgd"):
                    run(sys.executable, "-m", "langevin_sgd.cli", *shlex.split(command)[1:], into=into.strip() or None)


def test_the_scan_shown_fits_a_study_of_a_network_and_a_model_measured_on_it() -> None:
    (text,) = re.findall(r"```yaml\n(scan:\n.*?)```", (DOCS / "how_to" / "scan.md").read_text(), re.DOTALL)
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 100}
    measured = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
    study = {
        "name": "shown",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 16},
        "models": {"network": network, "measured": measured},
        **YAML(typ="safe").load(text),
    }
    assert {axis.name: len(axis) for axis in lsgd.parse(study).axes()} == {
        "learning_rate": 6,
        "batch_size": 4,
        "sampling": 2,
        "spoilt": 16,
    }
