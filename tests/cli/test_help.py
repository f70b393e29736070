"""The pages of `--help`, which import nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import langevin_sgd
from langevin_sgd import cli


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from langevin_sgd import cli; cli.main(['--help']);"
        "heavy = {'torch', 'xarray', 'matplotlib', 'scipy', 'sklearn', 'pydantic', 'zarr', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    package = str(Path(langevin_sgd.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=package, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in ("simulate", "check", "report", "plot", "export", "new", "schema", "info"):
        assert command in text
    assert "130 interrupted" in text


def test_exit_codes_are_listed_where_they_occur(capsys):
    for command in ("simulate", "check", "report", "plot", "export", "new", "schema", "info"):
        assert cli.main([command, "--help"]) == 0
        listed = " ".join(capsys.readouterr().out.rpartition("Exit codes:")[2].split())
        assert ("3 check --strict" in listed) == (command == "check"), command
        assert ("1 a run failed" in listed) == (command == "simulate"), command
        assert "2 bad config, data, code or usage" in listed
