"""The same bits for every number of threads: real processes, and the limit itself."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from langevin_sgd.one_thread import one_blas_thread, one_torch_thread

_SCRIPT = Path(__file__).parent / "models" / "digests.py"
_ALL = ["network", "ou", "inertial", "continuum", "probed", "factorised", "line"]


def _digests(threads: int, models: list[str], directory: Path | None = None, stop_at: int | None = None) -> dict:
    """What a process of its own finds with that many threads of OpenMP, OpenBLAS, MKL and torch."""
    number = str(threads)
    own = {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number, "MKL_NUM_THREADS": number}
    given = {"models": models, "directory": None if directory is None else str(directory), "stop_at": stop_at}
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), json.dumps(given)], env=os.environ | own, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict = json.loads(done.stdout)
    return found


def _differ(one: dict, other: dict) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if one[name] != other[name]]


@pytest.mark.validate
def test_a_network_its_models_and_the_integrators_have_the_same_bits_on_other_threads():
    """A process of its own with four threads, and this one with one."""
    models = ["network", "ou"]
    with threadpool_limits(1), one_torch_thread():
        one = runpy.run_path(str(_SCRIPT))["of_all"](models)
    assert {"network/noise_in_mode", "ou/stationary_energy", "checks/measured", "exact"} <= one.keys()
    assert _differ(one, _digests(4, models)) == []


@pytest.mark.validate
def test_every_model_has_the_same_bits_on_one_to_four_threads_and_when_resumed_on_others(tmp_path):
    one = _digests(1, _ALL)
    assert {f"{name}/time" for name in _ALL} | {"probed/structure", "line/density"} <= one.keys()
    for threads in (2, 3, 4):
        assert _differ(one, _digests(threads, _ALL)) == [], threads
    for model, step in (("network", 60), ("probed", 60)):
        _digests(3, [model], tmp_path / model, stop_at=step)
        assert list((tmp_path / model / ".state").glob(f"{model}*.npz"))
        resumed = _digests(2, [model], tmp_path / model)
        own = [name for name in resumed if name.startswith(f"{model}/")]  # the checks cover fewer models here
        assert own
        assert [name for name in own if resumed[name] != one[name]] == []


def _blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_the_limit_holds_inside_itself_and_in_threads_of_its_own():
    seen: list[set[int]] = []
    with threadpool_limits(3, user_api="blas"):
        with one_blas_thread():
            with one_blas_thread():
                thread = threading.Thread(target=lambda: seen.append(_blas()))
                thread.start()
                thread.join()
            seen.append(_blas())
        assert seen == [{1}, {1}]
        assert _blas() == {3}


def test_the_limit_is_taken_off_after_an_error():
    with threadpool_limits(3, user_api="blas"):
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert _blas() == {3}


def test_the_blas_of_scipy_is_limited_before_scipy_uses_it():
    """And is the one that its linear algebra then has: none is loaded later with threads of its own."""
    program = (
        "import json, sys\n"
        "from threadpoolctl import threadpool_info\n"
        "from langevin_sgd.one_thread import one_blas_thread\n"
        "with one_blas_thread():\n"
        "    before = threadpool_info()\n"
        "    assert 'scipy.linalg' not in sys.modules\n"
        "    import scipy.linalg, scipy.optimize, scipy.special\n"
        "    scipy.linalg.eigh([[2.0, 1.0], [1.0, 2.0]])\n"
        "    after = threadpool_info()\n"
        "blas = [sorted([each['filepath'], each['num_threads']] for each in info if each['user_api'] == 'blas')\n"
        "        for info in (before, after)]\n"
        "print(json.dumps(blas))\n"
    )
    own = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    ran = subprocess.run([sys.executable, "-c", program], check=True, env=own, capture_output=True, text=True)
    before, after = json.loads(ran.stdout)
    assert before == after
    assert {threads for _, threads in after} == {1}
