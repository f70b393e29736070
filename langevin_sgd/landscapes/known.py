"""What has been found of formulas once, kept beside the kernels: a later process with the same ones needs no sympy.

An answer is a file named by a digest of all that determines it: the question, the formulas with their names, this
package's own code from a formula to a kernel, and the versions of Python, numpy and sympy. It holds that again and a
checksum, and is found anew where either is not as it should be. Questions that are refused are not kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from langevin_sgd import paths

_PACKAGE = Path(__file__).parents[1]
_CODE = ("landscapes", "integrators", "integrators/schemes", "random_numbers")


def answer(question: str, given: Sequence[Any], find: Callable[[], Any]) -> Any:
    """What `find` returns, or returned to an earlier process that asked the same; as JSON has it, tuples as lists.

    `given` is all that the answer depends on beside the code of this package, as JSON. Where the folder of kernels
    cannot be written nothing is kept, which is said when a kernel is made.
    """
    asked = json.dumps([_made_by(), question, *given])
    path = paths.kernel_folder() / f"known_{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
    found = _read(path, asked)
    if found is None:
        found = json.dumps({"asked": asked, "answer": find()})
        _write(path, found)
    return json.loads(found)["answer"]


def _read(path: Path, asked: str) -> str | None:
    """The text of an answer as it was written; None if there is none or it was altered."""
    try:
        checksum, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    whole = checksum == hashlib.sha256(text.encode()).hexdigest()
    return text if whole and json.loads(text)["asked"] == asked else None


def _write(path: Path, text: str) -> None:
    checksum = hashlib.sha256(text.encode()).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(f"{checksum}\n{text}")
        os.replace(temporary, path)  # complete or absent: another process may be reading
    except OSError:
        return  # of this folder `kernel_cache.load` speaks


@cache
def _made_by() -> list[str]:
    """The versions and the code that answers come from."""
    digest = hashlib.sha256()
    files = [_PACKAGE / "noise.py", *(file for part in _CODE for file in sorted((_PACKAGE / part).glob("*.py")))]
    for file in files:
        digest.update(file.read_bytes())
    return [digest.hexdigest(), platform.python_version(), metadata.version("numpy"), metadata.version("sympy")]
