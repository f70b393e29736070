"""A config reaches code of the user's own and no other, and only where it is to be run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import langevin_sgd
from langevin_sgd import cli, import_path
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study import store
from langevin_sgd.study.loading import load, parse

MINE = """\
import functools
import os
import os.path as paths
from os import system
from shutil import rmtree as remove
from theirs_of_a_test import make as borrowed
import torch

alias = os.system
part = functools.partial(os.system, "touch called")
number = 3


def make(inputs, classes):
    open("called", "a").close()
    return torch.nn.Linear(inputs, classes)


class Nets:
    @staticmethod
    def make(inputs, classes):
        return torch.nn.Linear(inputs, classes)


class Made:
    def __call__(self, inputs, classes):
        return torch.nn.Linear(inputs, classes)


made = Made()
short = lambda inputs, classes: torch.nn.Linear(inputs, classes)


def text():
    return "no module"
"""
CONFIG = """\
name: own
seed: 1
sgd: {{learning_rate: 0.1, batch_size: 8}}
models:
  network:
    kind: network
    data: {{name: {data}}}
    architecture: {{kind: module, factory: "{factory}", arguments: {{{arguments}}}}}
    replicas: 2
    steps: 2
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_a_test.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "theirs_of_a_test.py").write_text("def make(inputs, classes):\n    return None\n", encoding="utf-8")
    yield tmp_path
    for name in ("mine_of_a_test", "theirs_of_a_test"):
        sys.modules.pop(name, None)


def written(home: Path, factory: str, *, data: str = "digits", arguments: str = "") -> str:
    text = CONFIG.format(factory=factory, data=data, arguments=arguments)
    (home / "own.yaml").write_text(text, encoding="utf-8")
    return "own.yaml"


FOREIGN = ["os:system", "os.path:join", "subprocess:run", "shutil:rmtree", "builtins:exec", "posix:system",
           "importlib:import_module", "runpy:run_path", "antigravity:fly", "torch.utils.collect_env:run",
           "numpy.testing:runstring", "pip:main", "langevin_sgd.cli:main"]  # fmt: skip


@pytest.mark.parametrize("path", FOREIGN)
def test_modules_of_python_and_of_this_package_are_refused_with_the_line(home, capsys, path):
    before = set(sys.modules)
    for config, line in ((written(home, path, arguments="command: touch called"), 8),):
        assert cli.main(["simulate", config]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert told.startswith(f"own.yaml:{line}: models.network.architecture.factory: cannot be ")
        assert told.endswith("name a function in a module of your own")
    with pytest.raises(ConfigError, match=r"models.network.data.name: cannot be .* module of your own"):
        load(written(home, "mine:make", data=f'"{path}"'))
    with pytest.raises(UserError, match="module of your own"):
        import_path.load(path)
    assert sorted(file.name for file in home.iterdir()) == ["mine_of_a_test.py", "own.yaml", "theirs_of_a_test.py"]
    assert not {name for name in set(sys.modules) - before if name in ("antigravity", "pip")}


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("system", "is not defined in mine_of_a_test but in posix; write a function there that calls it"),
        ("os.system", "not defined in mine_of_a_test but in posix"),
        ("paths.join", "not defined in mine_of_a_test but in posixpath"),
        ("remove", "not defined in mine_of_a_test but in shutil"),
        ("alias", "not defined in mine_of_a_test but in posix"),
        ("part", "not defined in mine_of_a_test but in functools"),
        ("torch.nn.Linear", "not defined in mine_of_a_test but in torch.nn.modules.linear; write a function there"),
        ("borrowed", 'not defined in mine_of_a_test but in theirs_of_a_test; name "theirs_of_a_test:make"'),
        ("number", "is int; a function or class that can be called is needed"),
        ("os", "is module; a function or class"),
        ("mak", "mine_of_a_test has no mak; did you mean mine_of_a_test:make"),
    ],
)
def test_what_a_module_only_imports_is_refused_before_it_is_called(home, capsys, attribute, told):
    config = written(home, f"mine_of_a_test:{attribute}")
    assert cli.main(["simulate", config, "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (home / "run").exists()
    assert not (home / "called").exists()


@pytest.mark.parametrize("attribute", ["make", "Nets.make", "made", "short"])
def test_what_a_module_defines_is_found(home, attribute):
    found = import_path.load(f"mine_of_a_test:{attribute}")
    assert isinstance(found(3, 2), torch.nn.Module)


@pytest.mark.parametrize(
    ("factory", "data", "line", "needed"),
    [
        ("text", "digits", "8: models.network.architecture", "a torch.nn.Module"),
        ("make", '"mine_of_a_test:text"', "7: models.network.data", "a langevin_sgd.DataSet"),
    ],
)
def test_what_is_returned_must_be_a_module_or_a_data_set(home, capsys, factory, data, line, needed):
    config = written(home, f"mine_of_a_test:{factory}", data=data)
    assert cli.main(["simulate", config, "--output", "run"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"own.yaml:{line}: mine_of_a_test:text: returned str; {needed} is needed\n"
    assert not (home / "run").exists()


def test_only_a_run_imports_what_a_config_names(home, capsys, monkeypatch):
    config = written(home, "mine_of_a_test:make")
    report = html_report.report
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    assert cli.main(["simulate", config, "--output", "run", "--quiet"]) == 0
    monkeypatch.setattr(html_report, "report", report)
    (home / "called").unlink()
    sys.modules.pop("mine_of_a_test")
    (home / "mine_of_a_test.py").write_text("open('called', 'a').close()\nraise SystemExit(7)\n", encoding="utf-8")

    assert store.open_run("run")["network"].attrs["status"] == "done"
    assert parse(load(config).as_written()).name == "own"
    langevin_sgd.check("run")
    for command in (["check", "run"], ["report", "run"], ["plot", "run"], ["export", "run", "x.nc"]):
        assert cli.main(command) == 0, capsys.readouterr().err
    assert "mine_of_a_test" not in sys.modules
    assert not (home / "called").exists()
    with pytest.raises(UserError, match="SystemExit: 7"):
        import_path.load("mine_of_a_test:make")
    assert (home / "called").exists()
