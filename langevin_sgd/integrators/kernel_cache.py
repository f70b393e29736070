"""Generated kernels on disk: written once, named by their content, so that numba's own cache finds the machine code."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

_PARTS = ("block_draws.py", "lane_noise.py", "philox_numba.py", "philox_cuda.py")


def folder() -> Path:
    """Where kernels are kept: LANGEVIN_SGD_CACHE, else langevin_sgd in the user's cache folder."""
    given = os.environ.get("LANGEVIN_SGD_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "langevin_sgd" / "kernels"


@lru_cache(maxsize=256)
def load(text: str) -> ModuleType:
    """Import the generated module; the same text is imported once a process and compiled once a machine.

    The name carries a digest of the text and of the functions that it calls: numba looks only at the age of the file
    itself, and would keep machine code made from older ones.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256(text.encode())
    for part in _PARTS:
        digest.update((here / part).read_bytes())
    name = f"kernel_{digest.hexdigest()[:24]}"
    path = folder() / f"{name}.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # complete or absent: another process may be reading
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    specification = importlib.util.spec_from_file_location(f"langevin_sgd_{name}", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"cannot load the generated kernel {path}; remove that folder and run again")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
