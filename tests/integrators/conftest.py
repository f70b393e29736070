"""Generated kernels are kept in pytest's cache folder, so that a second run compiles nothing."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _kernel_folder(request):
    patch = pytest.MonkeyPatch()
    patch.setenv("LANGEVIN_SGD_CACHE", str(request.config.cache.mkdir("langevin-sgd-kernels")))
    yield
    patch.undo()
