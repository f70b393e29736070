"""What all tests share: made-up runs, one folder of kernels, and the marks that leave cases to `validate`."""

from __future__ import annotations

import base64
import collections
import functools
import gc
import itertools
import os
import sys
from collections.abc import Iterator

import pytest

# Threads of OpenMP and OpenBLAS wait busily for more work, a tenth of the whole run. The libraries read it when loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

from matplotlib.figure import Figure

from langevin_sgd.reporting.plots import drawn
from langevin_sgd.study import provenance

gc.disable()  # until all is collected: what is imported stays, and Python would look through it again and again

pytest_plugins = [
    "made_up_basins",
    "made_up_broken_configs",
    "made_up_loops",
    "made_up_networks",
    "made_up_quadratics",
    "made_up_studies",
]


@pytest.fixture(autouse=True, scope="session")
def _kernel_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder of generated kernels for all tests and workers, kept, so that a second run compiles nothing."""
    kept = getattr(request.config, "cache", None)
    folder = tmp_path_factory.mktemp("kernels") if kept is None else kept.mkdir("langevin-sgd-kernels")
    patch = pytest.MonkeyPatch()
    patch.setenv("LANGEVIN_SGD_CACHE", str(folder))
    patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # hundreds of processes would compile the package anew
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _one_revision() -> Iterator[None]:
    """Git, three processes a run, is asked once."""
    patch = pytest.MonkeyPatch()
    patch.setattr(provenance, "git_revision", functools.cache(provenance.git_revision))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _landmarks_forgotten() -> None:
    """Every test searches its minima itself, or for itself, whatever ran before it."""
    landmarks = sys.modules.get("langevin_sgd.models.network.landmarks")
    if landmarks is not None:
        landmarks.forget()


_BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


_RENDER = drawn.render


def _blank(figure: Figure, format: str) -> bytes:
    return _BLANK if format == "png" else _RENDER(figure, format)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Figures are made for every report, and rendered in tests/reporting and under the mark `rendered` alone.

    To render them is most of the work of a small run; elsewhere a PNG is one blank pixel, for fixtures of modules too.
    """
    looked_at = "reporting" in item.path.parts or item.get_closest_marker("rendered")
    drawn.render = _RENDER if looked_at else _blank


def pytest_sessionstart(session: pytest.Session) -> None:
    """Who only hands tests to others collects none."""
    if session.config.pluginmanager.hasplugin("dsession"):
        gc.enable()


def pytest_collection_finish() -> None:
    """What is there when the tests begin is no garbage, and is large: Python looks through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `-m validate` the cases of a large test that its mark `covering` or `by_default` does not keep."""
    tests: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, cases in tests.items():
        covering, named = cases[0].get_closest_marker("covering"), cases[0].get_closest_marker("by_default")
        if covering is not None:
            kept = _covering(cases, **covering.kwargs)
        elif named is not None:
            kept = [case for case in cases if case.callspec.id in named.args]
            if len(kept) < len(named.args) < len(cases):
                raise pytest.UsageError(f"{name}: by_default names a case that is not there")
        else:
            continue
        for case in cases if len(cases) > 1 else []:  # one alone was asked for by its name
            if case not in kept:
                case.add_marker("validate")


def _covering(cases: list[pytest.Function], strength: int = 1) -> list[pytest.Function]:
    """Few cases in which all values of all parameters occur, with strength 2 also all pairs of them; greedily."""
    settings = [[(name, id(value)) for name, value in case.callspec.params.items()] for case in cases]
    shown = [set(itertools.combinations(sorted(each), strength)) for each in settings]
    left, kept, often = set().union(*shown), [], collections.Counter[tuple[str, int]]()
    while left:  # the most that is new; among equals what was seen least
        best = max(range(len(cases)), key=lambda at: (len(shown[at] & left), -sum(often[it] for it in settings[at])))
        left -= shown[best]
        often.update(settings[best])
        kept.append(cases[best])
    return kept
