"""What a study imports is what it uses: a short one is not to wait for torch."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import langevin_sgd as lsgd
from langevin_sgd.study.templates import new

_NOT_FOR_A_FORMULA = (
    *("torch", "sklearn", "arviz_stats", "sdeint", "h5netcdf", "h5py", "matplotlib.pyplot", "dask"),
    *("scipy.stats", "scipy.special", "scipy.optimize", "scipy.interpolate", "scipy.signal", "scipy.spatial"),
)
"""Modules that simulating a formula and reporting on it takes none of."""

_STUDY = """\
name: short
seed: 1
sgd: {learning_rate: 0.01, batch_size: 1}
models:
  well:
    kind: langevin
    potential: {kind: expression, energy: "(x**2 - 1)**2", variables: [x]}
    temperature: 0.3
    start: [-1.0]
    steps: 10
    replicas: 8
    record_times: 4
"""


def _imported(program: str, here: Path) -> set[str]:
    """The modules that a process has at the end of a program."""
    whole = f"{program}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", whole], cwd=here, capture_output=True, text=True, env=os.environ, check=True
    )
    return set(ran.stdout.splitlines()[-1].split())


def _simulated(here: Path, **studies: str) -> set[str]:
    """The modules that a process takes to run studies, each into a run of its name."""
    program = "import langevin_sgd\n"
    for name, study in studies.items():
        (here / f"{name}.yaml").write_text(study)
        program += f"langevin_sgd.simulate('{name}.yaml', output='{name}')\n"
    return _imported(program, here)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A folder with the run `cold` of a study that was not run before it, and the modules that this took."""
    here = tmp_path_factory.mktemp("startup")
    return here, _simulated(here, cold=_STUDY)


def test_a_formula_is_simulated_and_reported_without_what_it_does_not_use(simulated: tuple[Path, set[str]]) -> None:
    here, imported = simulated
    assert (here / "cold" / "report.html").exists()
    # xarray takes dask, and what that takes, wherever it is installed
    of_dask = _imported("import dask.array", here) if find_spec("dask") else set()
    assert (imported - of_dask) & set(_NOT_FOR_A_FORMULA) == set()


@pytest.mark.validate
def test_a_study_that_was_run_before_needs_no_sympy_and_has_the_same_bits(simulated: tuple[Path, set[str]]) -> None:
    """Nor does one with other numbers in it."""
    here, _ = simulated
    imported = _simulated(here, warm=_STUDY, hotter=_STUDY.replace("0.3", "0.4"))
    cold, warm = (lsgd.open_run(here / run)["well"].to_dataset() for run in ("cold", "warm"))
    assert warm.identical(cold)
    assert "sympy" not in imported


def test_the_package_and_the_help_import_no_numbers(tmp_path: Path) -> None:
    heavy = {"numpy", "scipy", "torch", "xarray", "zarr", "sympy", "numba", "matplotlib", "pydantic"}
    assert _imported("import langevin_sgd", tmp_path) & heavy == set()
    helped = "from langevin_sgd import cli\nassert cli.main(['--help']) == 0"
    assert _imported(helped, tmp_path) & heavy == set()


def test_a_config_is_read_without_numbers(tmp_path: Path) -> None:
    """One without a formula: a fault in it is told at once."""
    (tmp_path / "own.yaml").write_text(new("ornstein_uhlenbeck"))
    imported = _imported("import langevin_sgd\nlangevin_sgd.load('own.yaml')", tmp_path)
    assert imported & {"torch", "xarray", "zarr", "sympy", "numba", "matplotlib", "scipy.special"} == set()
