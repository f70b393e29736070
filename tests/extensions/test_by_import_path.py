"""A member of every family in a file of the user's own, named in the config as "module:attribute"."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_up_toys import BY_PATH, MEMBERS, TOYS, WALK_BY_PATH

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.errors import UserError
from langevin_sgd.study import store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's package and config, in which the commands are given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys").symlink_to(TOYS)
    (tmp_path / "toys.yaml").write_text(BY_PATH, encoding="utf-8")
    yield tmp_path
    forget()


def forget() -> None:
    """As in a new process: nothing of the user's has been imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "toys"]:
        del sys.modules[name]


IMPORT = [word for toy in MEMBERS.values() for word in ("--import", f"toys.{toy.module}")]


def test_every_command_takes_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "toys.yaml", "--output", "run", "--quiet"]) == 0
    tree = lsgd.open_run("run")
    assert float(tree["network"]["weight_length"].min()) > 0.0
    assert tree["well"]["energy"].sizes["replica"] == 64
    squared = tree["own"]["squared_displacement"].values
    assert squared[:, 1] == pytest.approx(6 * 0.1**2, rel=1e-5)  # six weights have moved by eta each
    noise = float(tree["valley"]["mode_variance_law"].sel(law="mean_noise")[1])
    assert noise == pytest.approx(0.1 * 2.0 / (2 * 8 * 1.0))  # eta tr C/(2 d B k) of the mode with k = 1
    table = tree["checks"].to_dataset()
    assert table["quantity"].values.tolist() == ["turns"]
    assert table["verdict"].values.tolist() == ["agrees"]
    assert (home / "run" / "figures" / "turn_histogram.png").exists()
    assert "How often each walker turned." in (home / "run" / "report.html").read_text(encoding="utf-8")
    forget()
    assert cli.main(["check", "run", "--strict", *IMPORT]) == 0
    forget()
    assert cli.main(["report", "run", *IMPORT]) == 0
    forget()
    assert cli.main(["plot", "run", "turn_histogram", "--format", "pdf", *IMPORT]) == 0
    assert (home / "run" / "figures" / "turn_histogram.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    assert cli.main(["schema", "toys.model:FreeWalk"]) == 0
    assert "scale: number > 0; default 1.0\n    Standard deviation of one step." in capsys.readouterr().out


def test_reading_a_run_imports_nothing_by_itself(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "toys.yaml").write_text(WALK_BY_PATH, encoding="utf-8")
    assert cli.main(["simulate", "toys.yaml", "--output", "run", "--quiet"]) == 0
    forget()
    capsys.readouterr()
    assert cli.main(["check", "run"]) == 2
    of_model, of_check = capsys.readouterr().err.splitlines()  # a line a fault
    assert of_model.startswith("run/config.yaml:")
    assert "models.walk.kind: toys.model:FreeWalk: is code that this run names" in of_model
    assert of_model.endswith("allow it with --import toys.model; in Python, import toys.model before")
    assert of_check.endswith("allow it with --import toys.check; in Python, import toys.check before")
    assert cli.main(["plot", "run"]) == 2
    assert "allow it with --import toys." in capsys.readouterr().err
    assert not [name for name in sys.modules if name.partition(".")[0] == "toys"]
    assert lsgd.open_run("run")["walk"]["turns"].size == 256
    assert cli.main(["export", "run", "run.nc"]) == 0
    assert not [name for name in sys.modules if name.partition(".")[0] == "toys"]
    with pytest.raises(UserError, match=r"in Python, import toys\."):
        lsgd.check("run")
    monkeypatch.syspath_prepend(home)  # where Python begins to look for modules of a script beside it
    for name in ("toys.model", "toys.check"):
        importlib.import_module(name)
    assert set(lsgd.check("run").model.values) == {"walk"}


def test_a_scan_over_a_key_of_the_users_own_kind(home: Path) -> None:
    study = lsgd.load("toys.yaml")
    written = {**study.as_written(), "scan": {"models.walk.scale": [1.0, 2.0]}}
    tree = lsgd.simulate(written)
    walked = tree["walk"]["squared_displacement"]
    assert walked.dims == ("scale", "replica", "time")
    np.testing.assert_array_equal(walked.sel(scale=2.0), 4.0 * walked.sel(scale=1.0))
    assert tree["checks"]["point"].values.tolist() == ["scale=1", "scale=2"]
    alone = lsgd.simulate({**study.as_written(), "models": {"walk": {"kind": "toys.model:FreeWalk", "steps": 40}}})
    np.testing.assert_array_equal(walked.sel(scale=1.0), alone["walk"]["squared_displacement"])


def test_an_interrupted_study_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = WALK_BY_PATH.replace("checks:", '  other: {kind: "toys.model:FreeWalk", scale: 2.0}\nchecks:')
    (home / "toys.yaml").write_text(two, encoding="utf-8")
    from langevin_sgd.study import execute

    run_model = execute.run_model

    def interrupted(study: object, name: str, around: object) -> object:
        if name == "other":
            raise KeyboardInterrupt
        return run_model(study, name, around)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(execute, "run_model", interrupted)
        assert cli.main(["simulate", "toys.yaml", "--output", "run", "--quiet"]) == cli.INTERRUPTED
    forget()
    assert cli.main(["simulate", "toys.yaml", "--output", "run", "--quiet", "--resume"]) == 0
    assert set(store.open_run("run").children) == {"walk", "other", "checks"}


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("toys.model:FreeWalk", "toys.model:FreeWlk", "models.walk.kind: toys.model:FreeWlk: "
         "toys.model has no FreeWlk; did you mean toys.model:FreeWalk?"),
        ("toys.model:FreeWalk", "toys.modl:FreeWalk", "no module named toys.modl, neither installed nor in"),
        ("toys.model:FreeWalk", "toys.check:Turns", "toys.check:Turns is Turns; a subclass of"),
        ('FreeWalk", steps: 40', 'FreeWalk", stesp: 40', "models.walk.stesp: unknown key; did you mean \"steps\"?"),
        ("toys.check:Turns", "toys.check:Turn", "did you mean toys.check:Turns?"),
        ("toys.figure:turn_histogram", "toys.figure:canvas", "toys.figure:canvas is function; what"),
    ],
)  # fmt: skip
def test_a_misspelt_one_is_one_line(home: Path, capsys, written: str, instead: str, told: str) -> None:
    (home / "toys.yaml").write_text(BY_PATH.replace(written, instead), encoding="utf-8")
    assert cli.main(["simulate", "toys.yaml", "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (home / "run").exists()


def test_no_file_of_the_package_names_them() -> None:
    package = Path(lsgd.__file__).parent
    assert not [file for file in package.rglob("*.py") if "toys" in file.read_text(encoding="utf-8")]


def test_of_a_kind_that_does_not_say_what_it_holds_the_memory_is_not_known(home):
    (home / "toys.yaml").write_text(WALK_BY_PATH, encoding="utf-8")
    table = lsgd.plan("toys.yaml")
    assert np.isnan(table["memory"]).all()
    assert "does not say what it holds" in table["note"].values[0]
    assert (table["seconds"] > 0).all()  # of its steps, as of any kind
