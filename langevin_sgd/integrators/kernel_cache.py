"""Generated kernels on disk: written once, named by their content, so that numba's own cache finds the machine code."""

from __future__ import annotations

import atexit
import errno
import hashlib
import importlib.util
import io
import os
import pickletools
import shutil
import sys
import tempfile
import warnings
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from langevin_sgd import paths, random_numbers

_HERE = Path(__file__).parent
_RANDOM = Path(random_numbers.__path__[0])
_PARTS = (
    _HERE / "by_address.py",
    _RANDOM / "lane_noise.py",
    _RANDOM / "philox_numba.py",
    _RANDOM / "philox_cuda.py",
)


@lru_cache(maxsize=256)
def load(text: str) -> ModuleType:
    """Import the generated module; the same text is imported once a process and compiled once a machine.

    The name carries a digest of the text and of the functions that it calls: numba looks only at the age of the file
    itself, and would keep machine code made from older ones. A damaged entry is dropped and made anew. Where the folder
    cannot be written the kernels of this process are kept in a temporary one, which a `RuntimeWarning` says once.
    """
    digest = hashlib.sha256(text.encode())
    for part in _PARTS:
        digest.update(part.read_bytes())
    name = f"kernel_{digest.hexdigest()[:24]}"
    try:
        path = _entry(paths.kernel_folder(), name, text)
    except OSError as error:
        path = _entry(_temporary(paths.kernel_folder(), error.strerror or str(error)), name, text)
    specification = importlib.util.spec_from_file_location(f"langevin_sgd_{name}", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"cannot load the generated kernel {path}; remove that folder and run again")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def _entry(at: Path, name: str, text: str) -> Path:
    """The file of that text in the folder, whole; raises `OSError` where the folder cannot be written."""
    at.mkdir(parents=True, exist_ok=True)
    path, machine_code = at / f"{name}.py", at / "__pycache__"
    machine_code.mkdir(exist_ok=True)
    for place in (at, machine_code):  # numba writes beside the file, even beside one that is there
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not path.exists() or path.read_bytes() != text.encode():
        # complete or absent: another process may be reading
        handle, temporary = tempfile.mkstemp(dir=at, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        os.replace(temporary, path)
    for file_of_numba in machine_code.glob(f"{name}.*"):
        if file_of_numba.suffix in (".nbi", ".nbc") and not _is_whole(file_of_numba):
            file_of_numba.unlink(missing_ok=True)
        elif file_of_numba.suffix == ".pyc":
            file_of_numba.unlink(missing_ok=True)  # Python makes it anew at once, and trusts one that is cut short
    return path


def _is_whole(path: Path) -> bool:
    """Whether numba could read its file: one pickle, or two in an index, which was written by this user.

    The pickle is gone through without making what it holds: machine code names its module, which is loaded only later.
    """
    data = io.BytesIO(path.read_bytes())
    try:
        for _ in range(2 if path.suffix == ".nbi" else 1):
            for _ in pickletools.genops(data):
                pass
    except Exception:  # a damaged pickle raises anything, and numba would pass it on
        return False
    return True


@cache
def _temporary(wanted: Path, why: str) -> Path:
    """A folder for the kernels of this process, removed at its end; said once."""
    made = tempfile.mkdtemp(prefix="langevin_sgd_kernels_")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    warnings.warn(
        f"kernels cannot be kept in {wanted}: {why}; they are compiled for this process alone. Let LANGEVIN_SGD_CACHE "
        "name a folder that can be written",
        RuntimeWarning,
        stacklevel=3,
    )
    return Path(made)
