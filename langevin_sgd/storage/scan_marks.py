"""Marks of a scan that fills a group: the blocks of points that are written, size and CRC-32 of each file of theirs.

A mark is written in one stroke after the files that it names, so what no mark names does not count. A file that a mark
names may be replaced: by one with the points of its chunk that were not there before. The intent to do so is noted
before, so that wherever the writer is killed the file is one or the other of the two that are known.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from langevin_sgd import options
from langevin_sgd.storage.replacing import replace_text
from langevin_sgd.storage.zarr_groups import StoreError

Record = tuple[int, int]
"""Bytes and CRC-32 of a file."""

_INTENT = "intent.json"


def record(content: bytes) -> Record:
    """The size and checksum of a file with this content."""
    return len(content), zlib.crc32(content)


@dataclass(frozen=True)
class Mark:
    """Files that were written, and the block of points `start` to `stop` that is complete with them, if any is."""

    files: Mapping[str, Record]
    start: Sequence[int] = ()
    stop: Sequence[int] = ()

    @property
    def region(self) -> tuple[slice, ...]:
        """The block as an index of the grid of points."""
        return tuple(slice(first, last) for first, last in zip(self.start, self.stop, strict=True))


class Marks:
    """The marks in one folder, in the order in which they were made; a later one is right about a file of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, Record] = {}
        self.blocks: list[Mark] = []
        self._next = 0

    def read(self, group: Path) -> None:
        """Take in the marks that are there, and what became of files that were to be replaced in `group`.

        Raises `StoreError` if a mark is damaged or missing, be it all of them, or a file that one names.
        """
        self.records, self.blocks, self._next = {}, [], 0
        for mark in _listed(self.folder, group):
            self._take(mark)
        intent = self.folder / _INTENT
        meant = _parse(intent, group).files if intent.exists() else {}
        replaced = {}
        for path, known in self.records.items():
            there = _there(group, path, (known, meant.get(path)), checksum=True)
            if there != known:
                replaced[path] = there
        if replaced:
            self.add(Mark(replaced))
        intent.unlink(missing_ok=True)

    def add(self, mark: Mark) -> None:
        """Write a mark of files that are written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_text(self.folder / _name(self._next), _text(mark))
        self._take(mark)

    def intend(self, files: Mapping[str, Record]) -> None:
        """Note what files that are named already will be replaced by."""
        replace_text(self.folder / _INTENT, _text(Mark(files)))

    def clear(self) -> None:
        """Remove all marks: what they say is written elsewhere, or does not count."""
        for file in sorted(self.folder.glob("*.json"), reverse=True):
            file.unlink()
        self.records, self.blocks, self._next = {}, [], 0

    def _take(self, mark: Mark) -> None:
        self.records.update(mark.files)
        if mark.stop:
            self.blocks.append(mark)
        self._next += 1


def verified(folder: Path, group: Path, *, checksums: bool) -> list[Mark]:
    """The marks of `group` that are in `folder`, of blocks of points; nothing is changed.

    Raises `StoreError` if a mark is damaged or missing, or a file that one names; contents are read for `checksums`.
    """
    intent = folder / _INTENT
    meant = _parse(intent, group).files if intent.exists() else {}
    found = _listed(folder, group)
    for path, known in {path: known for mark in found for path, known in mark.files.items()}.items():
        _there(group, path, (known, meant.get(path)), checksum=checksums)
    return [mark for mark in found if mark.stop]


def _listed(folder: Path, group: Path) -> list[Mark]:
    """The marks in order: there is one from the beginning on, so that none left is a loss too."""
    found = sorted(folder.glob("[0-9]*.json"))
    if not found:
        raise _damaged(group, f"it is unfinished, and its marks in {folder}, which say what is written, are missing")
    for place, file in enumerate(found):
        if file.name != _name(place):
            raise _damaged(group, f"of its marks {folder / _name(place)} is missing")
    return [_parse(file, group) for file in found]


def _there(group: Path, path: str, known: Sequence[Record | None], *, checksum: bool) -> Record:
    """The size and checksum of a file, which must be one of those `known`; only the size is looked at if so asked."""
    said = f"its {path.partition('/')[0]}: the file {path}"
    try:
        if not checksum:
            size = (group / path).stat().st_size
            there = next((each for each in known if each is not None and each[0] == size), (size, 0))
        else:
            there = record((group / path).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _damaged(group, f"{said} is missing") from error
    if there not in known:
        raise _damaged(group, f"{said} was altered after it was written")
    return there


def _name(place: int) -> str:
    return f"{place:08d}.json"


def _text(mark: Mark) -> str:
    return json.dumps({"start": list(mark.start), "stop": list(mark.stop), "files": dict(mark.files)})


def _parse(file: Path, group: Path) -> Mark:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        files = {str(path): (int(size), int(checksum)) for path, (size, checksum) in data["files"].items()}
        return Mark(files, [int(place) for place in data["start"]], [int(place) for place in data["stop"]])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(group, f"of its marks {file} is none") from error


def _damaged(group: Path, fault: str) -> StoreError:
    return StoreError(
        f"{group}: is damaged ({fault}); put a copy back, or remove this folder, and "
        f"{options.resumed()} makes it anew and keeps the rest"
    )
