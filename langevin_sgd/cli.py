"""The command line. Heavy imports stay inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import gc
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TextIO

from cyclopts import App, CycloptsError, Parameter

from langevin_sgd import __version__, options
from langevin_sgd.errors import LeftOut, NotStored, UserError, readable
from langevin_sgd.interruption import let_finish, stopped_by_signals

if TYPE_CHECKING:
    import xarray as xr

DONE, FAILED, MISUSED, NOT_AGREED, INTERRUPTED = 0, 1, 2, 3, 130

_ENDINGS = {
    DONE: "done",
    FAILED: "a run failed",
    MISUSED: "bad config, data, code or usage",
    NOT_AGREED: "check --strict and not all agree",
    INTERRUPTED: "interrupted",
}


def _exit_codes(*codes: int) -> str:
    return f"Exit codes: {', '.join(f'{code} {_ENDINGS[code]}' for code in codes)}."


app = App(
    name="langevin-sgd",
    help="SGD as a Langevin process: models and real training side by side.",
    help_epilogue=_exit_codes(*_ENDINGS),
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_Run = Annotated[str, Parameter(name="RUN_DIR", help="Run directory, as `simulate` leaves it.")]
_Flag = Parameter(negative="", show_default=False)
_Imported = Annotated[
    list[str] | None,
    Parameter(
        name="--import",
        negative="",
        help="Module that may be imported because the run's config names code of it; repeatable. None is otherwise.",
    ),
]


@contextmanager
def _importing(modules: Sequence[str] | None) -> Iterator[None]:
    """Around the reading of a run: what its config names is imported from these modules alone."""
    from langevin_sgd import import_path

    with import_path.only(modules or ()):
        yield


@app.command(sort_key=0, help_epilogue=_exit_codes(DONE, FAILED, MISUSED, INTERRUPTED))
def simulate(
    config: Annotated[str, Parameter(help="Study to run, a YAML file.")],
    /,
    *,
    output: Annotated[str | None, Parameter(help="Run directory. Default: that of the config, or runs/NAME.")] = None,
    overrides: Annotated[
        list[str] | None,
        Parameter(
            name="--set", negative="", help="KEY=VALUE to change in the config, such as sgd.momentum=0.9; repeatable."
        ),
    ] = None,
    device: Annotated[str, Parameter(help="auto, cpu or cuda[:N].")] = "auto",
    resume: Annotated[bool, _Flag, Parameter(help="Continue an interrupted run.")] = False,
    overwrite: Annotated[bool, _Flag, Parameter(help="Replace the run in the directory.")] = False,
    dry_run: Annotated[
        bool, _Flag, Parameter(help="Print the time, memory and disk that it would take, and leave nothing.")
    ] = False,
    quiet: Annotated[bool, _Flag, Parameter(help="No progress, and only the verdict at the end.")] = False,
    workers: Annotated[int | None, Parameter(help="Run the points of a scan in so many processes.")] = None,
    scheduler: Annotated[
        str | None, Parameter(help="Run the points of a scan on the dask cluster with this address.")
    ] = None,
    shard: Annotated[
        str | None,
        Parameter(help="I/N: be one of N processes that share a study and its run directory, as in a job array."),
    ] = None,
) -> int:
    """Run a study: train, simulate, compare; leaves a run directory with a report."""
    from langevin_sgd.config.errors import FaultAtKey
    from langevin_sgd.paths import local
    from langevin_sgd.study import loading as configs

    loaded = configs.load(config, overrides or [])
    run = str(local(output if output is not None else loaded.run_directory))
    from langevin_sgd import progress, simulation  # a second or two, which a bad config need not wait for
    from langevin_sgd.study import store

    words = ["langevin-sgd", "simulate", config, *(["--output", output] if output else [])]
    words += [word for override in overrides or [] for word in ("--set", override)]
    words += ["--device", device] if device != "auto" else []
    words += ["--workers", str(workers)] if workers is not None else []
    words += ["--scheduler", scheduler] if scheduler is not None else []
    words += ["--resume"] if shard is None else ["--shard", shard]
    shown = progress.choose(quiet=quiet)
    try:
        if dry_run:
            asked = {
                "resume": resume,
                "overwrite": overwrite,
                "workers": workers,
                "scheduler": scheduler,
                "shard": shard,
            }
            if given := [f"--{name}" for name, value in asked.items() if value not in (None, False)]:
                raise UserError(
                    f"--dry-run tells what a whole study takes in one process; leave out {', '.join(given)}"
                )
            return _print_plan(simulation.plan(loaded, output=run, device=device))
        tree = simulation.simulate(
            loaded,
            output=run,
            device=device,
            resume=resume,
            overwrite=overwrite,
            progress=shown,
            workers=workers,
            scheduler=scheduler,
            shard=shard,
        )
        return _conclude(tree, run, quiet=quiet, again=words)
    except FaultAtKey as error:
        raise configs.located(error, config, overrides or []) from None
    except KeyboardInterrupt:
        let_finish()
        shown.close()
        if not store.holds_run(run):
            raise
        print(f"Interrupted. What is done so far lies in {run}; go on with: {shlex.join(words)}", file=sys.stderr)
        return INTERRUPTED


def _print_plan(table: xr.Dataset) -> int:
    from langevin_sgd.reporting.plan_table import print_plan

    print_plan(table)
    return DONE


def _conclude(tree: xr.DataTree, run: str, *, quiet: bool, again: Sequence[str]) -> int:
    from langevin_sgd.reporting import terminal
    from langevin_sgd.study import store
    from langevin_sgd.study.execute import failures, resumable

    if "unfinished" in tree.attrs:  # other shards have not run yet, or not to their end
        print(f"{run}: {tree.attrs['unfinished']}")
        return DONE
    terminal.print_run(tree, run=run, brief=quiet)
    if not quiet:
        print(f"Report: {Path(run) / store.REPORT}")
    if names := resumable(tree):
        kept = f"{', '.join(names)}: what was recorded is kept in {run}"
        print(f"{kept}; mend that code, then go on with: {shlex.join(again)}", file=sys.stderr)
    return FAILED if failures(tree) else DONE


@app.command(sort_key=1, help_epilogue=_exit_codes(DONE, MISUSED, NOT_AGREED))
def check(
    run_dir: _Run,
    /,
    *,
    strict: Annotated[bool, _Flag, Parameter(help="Exit with 3 unless every law agrees.")] = False,
    verbose: Annotated[bool, _Flag, Parameter(help="Print the whole reason for every verdict.")] = False,
    imported: _Imported = None,
) -> int:
    """Evaluate the comparisons of a run anew and print all of them."""
    import langevin_sgd
    from langevin_sgd.reporting import terminal
    from langevin_sgd.reporting.verdict_table import summary
    from langevin_sgd.study import store

    with _importing(imported):
        table = langevin_sgd.check(run_dir)
    terminal.print_verdicts(store.open_run(run_dir), table, full=True, verbose=verbose, run=run_dir)
    return NOT_AGREED if strict and summary(table)["verdict"] != "agrees" else DONE


@app.command(sort_key=2, help_epilogue=_exit_codes(DONE, MISUSED))
def report(run_dir: _Run, /, *, imported: _Imported = None) -> int:
    """Write one self-contained HTML page: verdicts, figures, config, provenance."""
    from langevin_sgd import progress
    from langevin_sgd.reporting import html as html_report

    with _importing(imported):
        print(html_report.report(run_dir, progress=progress.choose(quiet=False)))
    _say_if_unfinished(run_dir)
    return DONE


@app.command(
    sort_key=3,
    usage="Usage: langevin-sgd plot [OPTIONS] RUN_DIR [NAME...]",
    help_epilogue=_exit_codes(DONE, MISUSED),
)
def plot(
    run_dir: _Run,
    /,
    *names: Annotated[str, Parameter(name="NAME", help="Figures to draw. Default: all.")],
    format: Annotated[Literal["png", "pdf", "svg"], Parameter(help="File format.")] = "png",
    imported: _Imported = None,
) -> int:
    """Draw the figures of a run into its figures/ folder."""
    from langevin_sgd.reporting.plots import drawn as plots

    with _importing(imported):
        for path in plots.plot(run_dir, names, format=format):
            print(path)
    _say_if_unfinished(run_dir)
    return DONE


@app.command(sort_key=4, help_epilogue=_exit_codes(DONE, MISUSED))
def export(
    run_dir: _Run,
    file: Annotated[str, Parameter(name="FILE", help="netCDF-4 file to write, named *.nc.")],
    /,
    *,
    overwrite: Annotated[bool, _Flag, Parameter(help="Replace the file.")] = False,
) -> int:
    """Write a run to one netCDF-4 file, a group a model, for other tools."""
    from langevin_sgd.study import store

    print(store.export(run_dir, file, overwrite=overwrite))
    _say_if_unfinished(run_dir)
    return DONE


def _say_if_unfinished(run_dir: str) -> None:
    """What a run lacks, on the stream that is not read for the names of files."""
    from langevin_sgd.study import store

    lacks = store.open_run(run_dir).attrs.get("unfinished")
    if lacks:
        print(f"{run_dir}: {lacks}", file=sys.stderr)


@app.command(sort_key=5, help_epilogue=_exit_codes(DONE, MISUSED))
def new(template: Annotated[str | None, Parameter(help="Name of the template.")] = None, /) -> int:
    """Print a commented config to start from; without a name, list them."""
    from langevin_sgd.study import templates

    if template is not None:
        print(templates.new(template), end="")
        return DONE
    known = templates.templates()
    for name, question in known.items():
        print(f"{name:<{max(map(len, known)) + 2}}{question}")
    return DONE


@app.command(sort_key=6, help_epilogue=_exit_codes(DONE, MISUSED))
def schema(
    kind: Annotated[str | None, Parameter(help="A kind, such as network; prints a page for people.")] = None, /
) -> int:
    """Print the JSON Schema of the config, for editors that complete and check; or the keys of one kind."""
    import json

    if kind is not None:
        from langevin_sgd.reporting.kind_page import page

        print(page(kind))
        return DONE
    from langevin_sgd.study import loading as configs

    print(json.dumps(configs.json_schema(), indent=2, ensure_ascii=False))
    return DONE


@app.command(sort_key=7, help_epilogue=_exit_codes(DONE, MISUSED))
def info() -> int:
    """Print versions, devices, and the backends that would run."""
    from langevin_sgd import installation

    print(installation.info())
    return DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. Faults of the user's are shown as lines, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters still gets the rest
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with stopped_by_signals(), _warnings_as_lines(), options.of_commands():
            code = app(tokens, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        print(_usage(error, tokens), file=sys.stderr)
        return MISUSED
    except UserError as error:
        print("\n".join(map(readable, str(error).splitlines())), file=sys.stderr)
        return MISUSED
    except KeyboardInterrupt:
        print("Interrupted; nothing was left behind.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code if isinstance(code, int) else DONE


def _usage(error: CycloptsError, tokens: Sequence[str]) -> str:
    """One line: which command, what is wrong, and where to read on."""
    command = " ".join(["langevin-sgd", *(error.command_chain or ())])
    text = " ".join(str(error).split())
    stray = [token for token in getattr(error, "unused_tokens", None) or [] if "=" in token]
    if stray and "simulate" in command:
        text = f"Unexpected {stray[0]!r}; write --set before every KEY=VALUE."
    return readable(f"{command}: {text} See {command} --help.")


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show what could not be stored, or was left out, as a line and not as Python shows a warning."""
    with warnings.catch_warnings():
        lines = (NotStored, LeftOut)
        for category in lines:
            warnings.simplefilter("always", category)
        show = warnings.showwarning

        def tell(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, lines):
                print(message, file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = tell
        yield


def entry() -> NoReturn:
    """The program: `main` with the process's own arguments and exit code."""
    # libraries make 400,000 objects as they are imported, and no garbage: looking for it as often as Python does takes
    # a tenth of the time of a short study, and looking through all of them once more at the end a fifth
    gc.set_threshold(500_000)
    code = main()
    gc.freeze()
    if code == INTERRUPTED:
        # An interrupt inside exec() of a text, as in the making of a dataclass during an import, is noted by CPython as
        # never handled, and under `python -m` the process would end by SIGINT instead of with our exit code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    entry()
