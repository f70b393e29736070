"""CPU seconds until something is there: the package, the help, a short study with its report; beside the libraries.

Every row is a process of its own, the best of several, user and system time together; wall-clock time of a busy machine
says nothing here. The libraries that a study of a formula with a report cannot do without are imported first, one after
another, so that what is ours is the difference to their sum. The kernel of the study is compiled once beforehand.

    python analysis/benchmarks/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = {
    "numpy": "numpy",
    "+ pydantic, ruamel.yaml (configs)": "pydantic, ruamel.yaml",
    "+ cyclopts, rich (command line)": "cyclopts, rich.console",
    "+ sympy (formulas)": "sympy",
    "+ numba (kernels, compiled or not)": "numba",
    "+ xarray with pandas (results)": "xarray",
    "+ zarr (run directory)": "zarr",
    "+ scipy.linalg (its BLAS on one thread)": "scipy.linalg",
    "+ matplotlib (the report's figures)": "matplotlib.figure, matplotlib.backends.backend_agg",
}

STUDY = """\
name: short
seed: 1
sgd: {learning_rate: 0.01, batch_size: 1}
models:
  well:
    kind: langevin
    potential: {kind: expression, energy: "a*(x**2 - 1)**2", variables: [x], parameters: {a: 1.0}}
    temperature: 0.3
    start: [-1.0]
    steps: 10
    replicas: 64
    record_times: 4
"""


def cpu(arguments: list[str], rounds: int, folder: Path) -> float:
    """User and system time of a process of Python, the best of several."""
    best = float("inf")
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    command = ["-m", "langevin_sgd.cli"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "short.yaml").write_text(STUDY)
        simulate = [*command, "simulate", "short.yaml", "--output", "run", "--overwrite", "--quiet"]
        cpu(simulate, 1, folder)  # compiles the kernel
        rows = {"python -c pass": cpu(["-c", "pass"], rounds, folder)}
        text = ""
        for row, modules in LIBRARIES.items():
            text += f"import {modules}\n"
            rows[row] = cpu(["-c", text], rounds, folder)
        floor = rows[row]
        rows["import langevin_sgd"] = cpu(["-c", "import langevin_sgd"], rounds, folder)
        rows["langevin-sgd --help"] = cpu([*command, "--help"], rounds, folder)
        rows["simulate, ten steps, with a report"] = cpu(simulate, rounds, folder)
    print(f"{'':40}{'CPU s':>8}{'of the libraries':>18}")
    for row, seconds in rows.items():
        print(f"{row:40}{seconds:8.2f}{seconds / floor:18.2f}")


if __name__ == "__main__":
    main()
