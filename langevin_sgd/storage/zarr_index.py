"""What a group of a zarr store is made of: its variables in order, and the size and checksum of every file.

zarr reads a chunk that is not there as the fill value, and leaves out chunks that hold nothing else, so a lost chunk
can be told from an empty one only by what was written. That is kept as one JSON text among the attributes of the group
itself, and so changes in one stroke with it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ATTRIBUTE = "contents"
METADATA = "zarr.json"
CONSOLIDATED = "consolidated_metadata"  # of a group: the metadata of its arrays, in its own file


def own_metadata(group: Path) -> dict[str, Any]:
    """The metadata of the arrays of a group that stand in its own file, by name: of a group that a scan fills.

    They change in one stroke, where the files of the arrays do not, and so are what counts. Raises `ValueError` or
    `OSError` if the file is damaged.
    """
    document = json.loads((group / METADATA).read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.get("node_type") != "group":
        raise ValueError(f"{METADATA} holds no metadata")
    return dict(document[CONSOLIDATED]["metadata"]) if CONSOLIDATED in document else {}


@dataclass(frozen=True)
class Index:
    """The variables of a group in the order in which they were written, and (bytes, CRC-32) of its files by path."""

    variables: Sequence[str]
    files: dict[str, tuple[int, int]]

    def text(self) -> str:
        """The index as it is stored."""
        return json.dumps({"variables": list(self.variables), "files": self.files})


def parse(text: object) -> Index:
    """The index that a group holds. Raises `ValueError` if it is none."""
    try:
        data = json.loads(str(text))
        files = {str(name): (int(size), int(checksum)) for name, (size, checksum) in data["files"].items()}
        return Index([str(name) for name in data["variables"]], files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"its attribute {ATTRIBUTE!r} is no index of its files") from error


def index(group: Path, variables: Sequence[str]) -> Index:
    """The index of a group that has just been written."""
    files = {}
    for file in sorted(group.rglob("*")):
        if file.is_file() and file != group / METADATA:
            content = file.read_bytes()
            files[file.relative_to(group).as_posix()] = (len(content), zlib.crc32(content))
    return Index(variables, files)


def faults(group: Path, index: Index, *, checksums: bool) -> Iterator[str]:
    """What is missing or altered, by variable; contents are read only for `checksums`."""
    for name, (size, checksum) in index.files.items():
        file = group / name
        said = f"its {name.partition('/')[0]}: the file {name}"
        try:
            found = file.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            yield f"{said} is missing"
            continue
        if found != size:
            yield f"{said} has {found:,} bytes where {size:,} were written"
        elif checksums and zlib.crc32(file.read_bytes()) != checksum:
            yield f"{said} was altered after it was written"
