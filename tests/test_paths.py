"""Paths as users give them: a home directory, `::`, addresses, names that are too long, folders that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.paths import local
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study.loading import parse

CONFIG = """\
name: small
seed: 1
sgd: {learning_rate: 0.2, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0]}
    noise: {kind: isotropic, scale: 0.4}
    replicas: 4
    steps: 20
"""
ADDRESSES = ["s3://b/x", "memory://x", "http://x.org/y", "file:///x", "gcs://b/x", "s3:/b/x", "simplecache::s3://b/x"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory and a working directory with `::` in its name."""
    (tmp_path / "home").mkdir()
    (tmp_path / "w::d").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "w::d")
    Path("small.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def everything(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All commands on a run, which must succeed, and the same from Python."""
    for command in (["check", run], ["report", run], ["plot", run], ["export", run, "x::y.nc"]):
        assert cli.main(command) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert lsgd.open_run(run)["ou"].attrs["status"] == "done"
    lsgd.check(run)
    lsgd.report(run)
    lsgd.plot(run)
    lsgd.export(run, "x::y.nc", overwrite=True)
    assert Path("x::y.nc").is_file()


@pytest.mark.parametrize(
    ("output", "there"),
    [
        ("~/a::b/x", "home/a::b/x"),
        *(pytest.param(name, f"w::d/{name}", marks=pytest.mark.validate) for name in ("a::b", "::", "x~")),
        pytest.param("./~/x", "w::d/~/x", marks=pytest.mark.validate),
    ],
)
def test_a_run_goes_where_its_path_says_and_nowhere_else(places, capsys, output, there):
    assert cli.main(["simulate", "small.yaml", "--set", f"output='{output}'", "--quiet"]) == 0
    assert (places / there / "data.zarr" / "ou" / "zarr.json").is_file()
    assert (places / there / "report.html").is_file()
    everything(output, capsys)
    top = {"w::d/small.yaml", "w::d/x::y.nc", "home", "w::d"}
    parents = {"/".join(there.split("/")[: depth + 1]) for depth in range(len(there.split("/")))}
    assert {name for name in files(places) if not name.startswith(there)} == (top | parents) - {there}


def test_home_directories_are_known_to_every_command_and_function(places, capsys):
    (places / "home" / "small.yaml").write_text(CONFIG, encoding="utf-8")
    assert cli.main(["simulate", "~/small.yaml", "--output", "~/run", "--quiet"]) == 0
    assert cli.main(["simulate", "~/small.yaml", "--output", "~/run", "--quiet", "--resume"]) == 0
    assert cli.main(["export", "~/run", "~/x.nc"]) == 0
    assert (places / "home" / "x.nc").is_file()
    assert lsgd.open_run(Path("~/run"))["ou"].attrs["status"] == "done"
    tree = lsgd.simulate("~/small.yaml", output="~/other")
    assert lsgd.export(tree, Path("~/y.nc")) == places / "home" / "y.nc"
    assert (places / "home" / "other" / "data.zarr").is_dir()
    assert not Path("~").exists()


def test_addresses_are_refused_everywhere_and_nothing_is_left(places, capsys):
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--quiet"]) == 0
    capsys.readouterr()
    before = files(places)
    for address in ADDRESSES:
        _refused_everywhere(address, capsys)
        assert files(places) == before, address


def _refused_everywhere(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [["simulate", "small.yaml", "--output", address], ["simulate", address],
                ["simulate", "small.yaml", "--set", f"output={address}"], ["check", address],
                ["report", address], ["plot", address],
                ["export", address, "x.nc"], ["export", "run", f"{address}.nc"]]  # fmt: skip
    for command in commands:
        assert cli.main(command) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert "is an address" in line
    calls: list[Callable[[], object]] = [
        lambda: lsgd.open_run(address), lambda: lsgd.open_run(Path(address)), lambda: lsgd.check(address),
        lambda: lsgd.simulate("small.yaml", output=address), lambda: lsgd.export("run", Path(f"{address}.nc")),
        lambda: lsgd.report(address), lambda: lsgd.plot(address), lambda: lsgd.load(address),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(UserError, match="is an address"):
            call()


def test_the_line_of_an_address_in_a_config_is_named(places, capsys):
    Path("bad.yaml").write_text(CONFIG + "output: s3://b/x\n", encoding="utf-8")
    assert cli.main(["simulate", "bad.yaml"]) == 2
    assert capsys.readouterr().err.startswith("bad.yaml:11: output: is an address")


def test_names_that_are_too_long_are_one_line_and_nothing_is_left(places, capsys):
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--quiet"]) == 0
    capsys.readouterr()
    before = files(places)
    for name in ("n" * 256, "a/" + "n" * 300, "é" * 128, "n" * 300 + "/b", "n/" * 3000 + "b"):
        commands = [["simulate", "small.yaml", "--output", name], ["simulate", name], ["check", name], ["report", name],
                    ["plot", name], ["export", name, "x.nc"], ["export", "run", f"{name}.nc"],
                    ["simulate", "small.yaml", "--set", f"output={name}"]]  # fmt: skip
        for command in commands:
            assert cli.main(command) == 2, command
            (line,) = capsys.readouterr().err.splitlines()
            assert len(line) < 800
    assert files(places) == before
    with pytest.raises(ConfigError, match="at most 100 characters, got 256"):
        parse({"name": "x", "seed": 1, "models": {"m" * 256: {"kind": "random_potential"}}})


@contextmanager
def unprivileged(*closed: Path) -> Iterator[None]:
    """Take all rights to some folders away, and those of root that make rights idle."""
    for folder in closed:
        folder.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)
        for folder in closed:
            folder.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="takes rights away")
def test_a_folder_that_cannot_be_read_is_one_line_and_nothing_is_left(places, capsys, monkeypatch):
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--quiet"]) == 0
    Path("shut").mkdir()
    capsys.readouterr()
    before = files(places)
    for above in (places, *places.parents):  # pytest's own folders are shut to others
        if above.stat().st_uid == os.geteuid() and above.stat().st_mode & 0o011 == 0:
            above.chmod(above.stat().st_mode | 0o011)
    shut = [Path.cwd() / "shut", Path.cwd() / "run"]
    for command in (
        ["simulate", "small.yaml", "--output", "shut/x"], ["simulate", "small.yaml", "--output", "shut"],
        ["simulate", "shut/small.yaml"], ["check", "run"], ["plot", "run"], ["export", "run", "x.nc"],
        ["export", "shut/run", "x.nc"], ["simulate", "small.yaml", "--output", "run", "--resume"],
        ["simulate", "small.yaml", "--output", "run", "--overwrite"],
    ):  # fmt: skip
        with unprivileged(*shut):
            code = cli.main(command)
        (line,) = capsys.readouterr().err.splitlines()
        assert code == 2, command
        assert "Permission denied" in line
    assert files(places) == before


def test_data_that_cannot_be_read_are_one_line(places):
    from langevin_sgd.training.data import idx, read_csv, read_npz  # noqa: F401  imported while all can be read
    from langevin_sgd.training.data.csv import CsvData
    from langevin_sgd.training.data.mnist import MnistData
    from langevin_sgd.training.data.npz import NpzData

    shut = Path.cwd() / "shut"
    (shut / "inside").mkdir(parents=True)
    (shut / "table.csv").write_text("x,y\n1,2\n")
    for above in (places, *places.parents):
        if above.stat().st_uid == os.geteuid() and above.stat().st_mode & 0o011 == 0:
            above.chmod(above.stat().st_mode | 0o011)
    sections = (
        MnistData(name="mnist", folder=str(shut / "inside")),
        MnistData(name="mnist", folder=str(shut)),
        CsvData(name="csv", path=str(shut / "table.csv"), labels=["y"], targets="real"),
        NpzData(name="npz", path=str(shut / "arrays.npz")),
    )
    for section in sections:
        with unprivileged(shut), pytest.raises(UserError, match="shut") as caught:
            section.load()
        assert len(str(caught.value).splitlines()) == 1


def test_what_local_makes_of_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.chdir(tmp_path)
    assert local("~/x") == local(Path("~/x")) == Path("/h/x")
    assert local("~") == Path("/h")
    assert local("./~/x") == tmp_path / "~" / "x"
    assert local(local("./~/x")) == local("./~/x")
    assert local("a//b/../c") == Path("a/b/../c")
    assert local("C:/x") == Path("C:/x")
    with pytest.raises(UserError, match="there is no user nobody_of_that_name"):
        local("~nobody_of_that_name/x")
    with pytest.raises(UserError, match="null character"):
        local("a\0b")
    for none in (None, 3, b"a", ["a"], Path):
        with pytest.raises(UserError, match="is no path; give text or a pathlib"):
            local(none)
