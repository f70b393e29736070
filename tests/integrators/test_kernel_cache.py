"""Whatever the folder of kernels is like, a run goes on; what is damaged is made anew."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from langevin_sgd.integrators import kernel_cache

TEXT = "from numba import njit\n\n\n@njit(cache=True)\ndef double(x):\n    return 2 * x\n"


def fresh(monkeypatch, folder):
    monkeypatch.setenv("LANGEVIN_SGD_CACHE", str(folder))
    kernel_cache.load.cache_clear()
    kernel_cache._temporary.cache_clear()


def works(expect=None):
    kernel_cache.load.cache_clear()
    if expect is None:
        module = kernel_cache.load(TEXT)
    else:
        with pytest.warns(RuntimeWarning, match=expect) as said:
            module = kernel_cache.load(TEXT)
        assert len(said) == 1
        assert "\n" not in str(said[0].message)
    assert module.double(21) == 42
    return module


def test_a_folder_that_is_a_file_or_cannot_be_written_is_said_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    locked = tmp_path / "locked"
    locked.mkdir()
    access = os.access
    for folder in (tmp_path / "file", tmp_path / "file" / "below", locked):
        fresh(monkeypatch, folder)
        if folder == locked:
            monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path) and access(path, mode))
        module = works(f"cannot be kept in {folder}: .*compiled for this process alone")
        assert not str(module.__file__).startswith(str(tmp_path))
        works()  # once a process
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("damage", [b"", b"garbage\n", None])
@pytest.mark.parametrize("suffix", [".py", ".nbi", ".nbc", ".pyc"])
def test_a_damaged_entry_is_dropped_and_made_anew(tmp_path, monkeypatch, suffix, damage):
    fresh(monkeypatch, tmp_path)
    works()
    entries = [path for path in tmp_path.rglob("kernel_*") if path.suffix == suffix]
    assert entries or suffix == ".pyc"
    for path in entries:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    works()
    whole = next(tmp_path.glob("kernel_*.py"))
    assert whole.read_text() == TEXT


def test_what_one_process_compiled_another_one_loads(tmp_path):
    """And does not compile again: seconds in every run."""
    program = (
        "import numpy as np\nfrom langevin_sgd.integrators import kernel_cache as k\n"
        f"double = k.load({TEXT!r}).double\nassert double(21) == 42\nprint(sum(double.stats.cache_hits.values()))"
    )
    environment = {**os.environ, "LANGEVIN_SGD_CACHE": str(tmp_path)}
    hits = [
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [int(process.stdout) for process in hits] == [0, 1]


_RUNS = {
    "plane": "Expression('x**2/2 + y**4', ('x', 'y')), scheme='sra1'",
    "line": "Expression('(x**2 - 1)**2', 'x')",
}


def _finals(folder, *processes):
    """Last positions of the runs with these names, those of a tuple in one process: forks, which import nothing."""
    program = (
        "import os, sys, sympy\n"
        "from langevin_sgd.integrators.integrate import integrate\nfrom langevin_sgd.noise import IsotropicNoise\n"
        "from langevin_sgd.landscapes.expression import Expression\n"
        "def run(landscape, **more):\n"
        "    return integrate(landscape, IsotropicNoise(0.3), time_step=0.01, steps=9, trajectories=3, seed=5,"
        " device='cpu', **more).state.vectors['position'].tolist()\n"
    )
    for names in processes:
        runs = "".join(f"    print(run({_RUNS[name]}))\n" for name in names)
        program += f"if not (child := os.fork()):\n{runs}    sys.stdout.flush()\n    os._exit(0)\n"
        program += "assert os.waitpid(child, 0)[1] == 0\n"
    environment = {**os.environ, "LANGEVIN_SGD_CACHE": str(folder)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    said = iter(ran.stdout.splitlines())
    return [{name: next(said) for name in names} for names in processes]


@pytest.mark.validate
@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_kernels_of_several_processes_do_not_mix_in_one(tmp_path):
    """Each draws as many numbers a step as it takes; machine code of two processes is linked by names in a third."""
    *alone, together = _finals(tmp_path, *((name,) for name in _RUNS), tuple(_RUNS))
    assert together == {name: final for each in alone for name, final in each.items()}


def test_two_processes_that_write_the_same_entry_at_once_both_run(tmp_path):
    program = f"from langevin_sgd.integrators import kernel_cache as k\nassert k.load({TEXT!r}).double(21) == 42"
    environment = {**os.environ, "LANGEVIN_SGD_CACHE": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert not list(tmp_path.glob("*.tmp"))
