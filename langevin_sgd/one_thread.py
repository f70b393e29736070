"""Dense linear algebra on one thread: the one place where the number of threads of BLAS, LAPACK and torch is set.

A matrix product or factorisation that is split over threads rounds in an order that depends on their number, and what
is drawn or fitted from it is then another number on every machine. So every door of the package (a model, the checks,
`integrate`, the exact jumps) runs inside `one_blas_thread`; work is shared out over threads above it, by replicas,
disorders or blocks of columns, which changes no bit. At the sizes met here one thread is also the faster choice.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run numpy's and scipy's linear algebra on one core; the settings found are put back at the end.

    Usable in a `with` statement and as a decorator, and inside itself. The setting is the process's: of several Python
    threads that are inside at once, the first one in sets it and puts it back.
    """
    _load_blas()
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries that are loaded. To look for them takes milliseconds, and it is modules that bring new ones."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _load_blas() -> None:
    """Load the BLAS of numpy and that of scipy, which may be another: only one that is loaded can be limited.

    scipy's comes with its compiled module, loaded as a library, where that lies where it is known to lie: the package
    of Python around it takes ten times as long to import, and most studies compute nothing with it.
    """
    import numpy as np  # noqa: F401
    import scipy

    blas = [Path(scipy.__path__[0], "linalg", f"_fblas{suffix}") for suffix in EXTENSION_SUFFIXES]
    found = next((file for file in blas if file.is_file()), None)
    if found is None:
        import scipy.linalg
    else:
        ctypes.CDLL(str(found))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run torch operations of this thread on one core; the setting found is put back at the end."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
