"""`python -m langevin_sgd` is the command."""

from __future__ import annotations

import runpy

import pytest

from langevin_sgd import cli


def test_the_package_is_run_as_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(cli, "entry", lambda: begun.append("command"))
    runpy.run_module("langevin_sgd", run_name="__main__")
    assert begun == ["command"]
