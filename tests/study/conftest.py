"""Commands on a small run in forked children of a warm process, which can be made to end before any file operation."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from made_up_records import asked

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.errors import UserError
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.study import execute as study
from langevin_sgd.study import store
from langevin_sgd.study.loading import load
from langevin_sgd.study.run_model import Surroundings

CRASHED = 77
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
CONFIG = """\
name: small
seed: 1
sgd: {learning_rate: 0.2, batch_size: 4}
models:
  first: &ou
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    steps: 2000
  hot: *ou
  last: *ou
checks: [equilibrium]
"""


def model(name: str, seed: int) -> xr.Dataset:
    values = np.random.default_rng([seed, len(name)]).normal(size=(4, 6))
    return xr.Dataset(
        {
            "energy": (("replica", "time"), values),
            "censored": ("replica", np.zeros(4, dtype=bool)),  # equal to the fill value: zarr writes no chunk of it
            "alignment": ((), 0.5),
        },
        coords={"time": np.arange(6.0)},
        attrs={"kind": "ornstein_uhlenbeck"},
    )


def _run_model(planned: study.Study, name: str, around: Surroundings) -> xr.Dataset:
    if name == "hot":
        raise UserError("diverged at step 3")
    checkpoint = around.checkpoint
    start = 0 if (saved := checkpoint.load()) is None else int(saved["step"])
    for step in range(start + 1, 3):
        checkpoint.save({"step": np.int64(step)})
        checkpoint.part("piece").save({"step": np.int64(step)})
    return asked(model(name, planned.seed), around.laws)


def table(value: float = 1.0) -> xr.Dataset:
    """A table of comparisons, of the least that is asked of one."""
    summary = {"verdict": "inconclusive", "rule": "none", "counts": {"law": {}, "contrast": {}}}
    return xr.Dataset({"measured": ("comparison", np.full(2, value))}, attrs={"summary": json.dumps(summary)})


@dataclass(frozen=True)
class Commands:
    """Runs functions in forked children: quick models, a table and figures made up, everything on disk as it is."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "small.yaml"

    def begin(
        self, work: Callable[[], object], *, crash_before: int | None = None, under: Path | None = None
    ) -> tuple[int, Path]:
        """Start a child, which ends before the n-th change of a file under a folder; returns its number and output."""
        log = self.folder / f"log{len(list(self.folder.glob('log*')))}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork() beside threads: zarr makes its own anew
            process = os.fork()
        if process:
            return process, log
        code: object = 99
        try:
            sys.stdout = sys.stderr = log.open("w", buffering=1)
            for descriptor in (1, 2):
                os.dup2(sys.stdout.fileno(), descriptor)
            _made_up()
            if under is not None:
                _end_before(under, crash_before)
            code = work()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code if isinstance(code, int) else 0)

    def on_terminal(self, work: Callable[[], object]) -> tuple[int, int]:
        """Start a child with a terminal of its own; returns its number and the other side of the terminal."""
        import pty

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process, terminal = pty.fork()
        if process:
            return process, terminal
        code: object = 99
        try:
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            _made_up()
            code = work()
        finally:
            os._exit(code if isinstance(code, int) else 0)

    def run(self, work: Callable[[], object], **crash: object) -> tuple[int, str]:
        """Run a function in a child to its end; returns its exit code and what it printed."""
        process, log = self.begin(work, **crash)  # type: ignore[arg-type]
        return self.end(process, log)

    def end(self, process: int, log: Path) -> tuple[int, str]:
        """Wait for a child; returns its exit code and what it printed."""
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        said = log.read_text()
        assert code != 99, said
        return code, said

    def simulate(self, run: Path, *flags: str) -> Callable[[], int]:
        """The command that runs the small study, which ends with 1 because one model fails."""
        return self.command("simulate", self.config, "--output", run, "--quiet", *flags)

    def command(self, *words: object) -> Callable[[], int]:
        """A command of the program."""
        return lambda: cli.main([str(word) for word in words])

    def count(self, work: Callable[[], object], under: Path) -> int:
        """How many changes of files a function makes under a folder."""
        counted = under.with_name(f"{under.name}.count")
        self.run(lambda: (work(), counted.write_text(str(_changes[0])))[0], under=under)
        return int(counted.read_text())


_changes = [0]


def _end_before(folder: Path, number: int | None) -> None:
    """End this process before its n-th change of a file under a folder, or only count the changes."""
    top, state = str(folder), {"within": False}

    def hook(event: str, arguments: Sequence[object]) -> None:
        if state["within"] or (event != "open" and event not in _CHANGES):
            return
        state["within"] = True
        try:
            if event == "open":
                _, mode, flags = arguments
                writes = int(flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)  # type: ignore[call-overload]
                if not (writes or (isinstance(mode, str) and set(mode) & set("wax+"))):
                    return
            path = arguments[0]
            name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
            relative = bool(name) and not os.path.isabs(name)  # beside a folder that is open, as rmtree() does it
            if relative or name == top or name.startswith(top + os.sep):
                _changes[0] += 1
                if _changes[0] == number:
                    os._exit(CRASHED)
        finally:
            state["within"] = False

    sys.addaudithook(hook)


def _made_up() -> None:
    study.run_model = _run_model  # type: ignore[assignment]
    study.judged = lambda tree, planned, **_: table()  # type: ignore[assignment]
    from langevin_sgd.study import judge as checks

    checks.judged = lambda tree, planned=None, **_: table()  # type: ignore[assignment]
    checks._judged = lambda *_, **__: (table(), {})  # type: ignore[assignment]
    plots.pictures = lambda *_, **__: ({"small": b"picture"}, [])  # type: ignore[assignment]
    small = plots.Illustrations({"small": plots.Picture(b"picture", "caption", "small")}, [], [])
    plots.illustrations = lambda *_, **__: small  # type: ignore[assignment]
    html_report.page = lambda tree, **_: "page"  # type: ignore[assignment]
    from langevin_sgd.reporting import terminal

    terminal.print_verdicts = lambda tree, table, **_: print("shown", tree.attrs.get("unfinished", ""))
    terminal.print_run = lambda *_, **__: None


def contents(run: Path) -> dict[str, object]:
    """Every file and folder of a run, with the bytes of the files; times and the checkout's state left out."""
    found: dict[str, object] = {}
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run).as_posix()
        found[name] = file.read_bytes() if file.is_file() else None
        if name == "data.zarr/zarr.json":
            root = json.loads(file.read_text())
            if "provenance" in root["attributes"]:
                provenance = json.loads(root["attributes"]["provenance"])
                root["attributes"]["provenance"] = {
                    key: value
                    for key, value in provenance.items()
                    if key not in ("started", "elapsed_seconds", "git_revision")
                }
            found[name] = json.dumps(root)
    return found


@pytest.fixture(scope="session")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What commands import when they need it is there, so that no child has to: most of the work of a small command."""
    for name in ("torch", "zarr", "dask.array", "rich.console", "rich.table", "langevin_sgd.reporting.terminal"):
        importlib.import_module(name)
    config = tmp_path_factory.mktemp("imported") / "small.yaml"
    config.write_text(CONFIG)
    small = load(config)
    lsgd.simulate(small.model_copy(update={"models": {"first": small.models["first"]}, "checks": ()}))


@pytest.fixture
def commands(tmp_path: Path, _imported: None) -> Commands:
    """Runs commands in forked children."""
    made = Commands(tmp_path)
    made.config.write_text(CONFIG)
    return made


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, _imported: None) -> Path:
    """The small study as an uninterrupted run leaves it; to be copied, not changed."""
    made = Commands(tmp_path_factory.mktemp("whole"))
    made.config.write_text(CONFIG)
    code, said = made.run(made.simulate(made.folder / "run"))
    assert code == 1, said
    assert store.open_run(made.folder / "run").attrs["status"] == "finished"
    return made.folder / "run"


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """A copy of the uninterrupted run, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "run", symlinks=True))


@pytest.fixture(scope="session")
def contents_of() -> Callable[[Path], dict[str, object]]:
    """A function that reads all of a run directory, for comparison."""
    return contents


@pytest.fixture(scope="session")
def table_of() -> Callable[[float], xr.Dataset]:
    """A function that makes a table of comparisons."""
    return table


@pytest.fixture(scope="session")
def model_of() -> Callable[[str, int], xr.Dataset]:
    """A function that makes the results of a model."""
    return model
