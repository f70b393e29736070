"""Runs that may be read and not written to: their results are shown, and what could not be stored is said."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import langevin_sgd
from langevin_sgd.errors import NotStored
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.study import store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drops capabilities as Linux has them")


@pytest.fixture
def protected(whole: Path) -> Iterator[Path]:
    """A copy of the finished run, where other users may look but not write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    run = Path(shutil.copytree(whole, folder / "run"))
    for place in (run, *run.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    yield run
    for place in (run, *run.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    shutil.rmtree(folder)


def held_by_permissions(work):
    """The same without the capabilities of a superuser, who may write to what is protected."""

    def run() -> object:
        if os.geteuid() == 0:
            header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
            assert ctypes.CDLL(None).capset(header, none) == 0
        return work()

    return run


@pytest.mark.parametrize("command", ["check", "report", "plot"])
def test_a_run_that_may_only_be_read_is_shown(commands, protected, contents_of, command):
    before = contents_of(protected)
    code, said = commands.run(held_by_permissions(commands.command(command, protected)))
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if "not stored" in line]
    assert line.startswith(f"{protected}: shown, but not stored: {protected}/")
    assert "Permission denied" in line
    assert "Traceback" not in said
    assert contents_of(protected) == before
    if command == "check":
        assert said.splitlines()[-1].strip() == "shown"
    else:
        made = Path(line.rpartition(" lies in ")[2])
        assert any((made / name).is_file() and str(made / name) in said for name in ("report.html", "small.png"))
        shutil.rmtree(made)


def test_export_needs_to_write_nothing_in_the_run(commands, protected):
    file = Path(tempfile.gettempdir()) / f"exported{os.getpid()}.nc"
    code, said = commands.run(held_by_permissions(commands.command("export", protected, file)))
    assert code == 0, said
    file.unlink()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_from_python_the_table_comes_with_a_warning(copied, monkeypatch, contents_of, code):
    def refuse(*args: object, **_: object) -> None:
        raise OSError(code, os.strerror(code), str(args[0]))

    monkeypatch.setattr("langevin_sgd.study.run_lock.take", refuse)
    before = contents_of(copied)
    with pytest.warns(NotStored, match=rf"shown, but not stored: .*{os.strerror(code)}"):
        table = langevin_sgd.check(copied)
    assert table.sizes["comparison"] >= 0
    assert contents_of(copied) == before


def test_what_may_be_written_to_in_part_gets_what_it_can(copied, monkeypatch):
    """A page that may not be replaced is written elsewhere, whatever became of the figures."""

    def refuse(file: Path, text: str) -> None:
        if file.name == store.REPORT:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(store, "replace_text", refuse)
    monkeypatch.setattr(html_report, "page", lambda tree, **_: "page")
    monkeypatch.setattr(plots, "pictures", lambda *_, **__: ({}, []))
    monkeypatch.setattr(plots, "illustrations", lambda *_, **__: plots.Illustrations({}, [], []))
    with pytest.warns(NotStored, match=r"report\.html: cannot be written: Permission denied.* lies in "):
        page = html_report.report(copied)
    assert page.read_text() == "page"
    assert page.parent != copied
    shutil.rmtree(page.parent)
