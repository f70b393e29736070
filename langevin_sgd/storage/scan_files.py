"""The files of a group that a scan fills, and which count: those of the marks, or of the index once it is finished.

The group's own file of metadata is replaced in one stroke, and says whether the group is finished: it has an index of
files then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langevin_sgd import options
from langevin_sgd.errors import refusal
from langevin_sgd.storage import zarr_index
from langevin_sgd.storage.replacing import replace_file
from langevin_sgd.storage.scan_arrays import Files, GroupArrays
from langevin_sgd.storage.scan_marks import Mark, Marks, Record, record
from langevin_sgd.storage.zarr_groups import StoreError, write_root
from langevin_sgd.storage.zarr_index import METADATA, Index


class GroupFiles:
    """The group in `folder` and the marks of it, as they are found there."""

    def __init__(self, folder: Path, marks: Marks) -> None:
        self.folder, self._marks = folder, marks
        self.arrays = stored_arrays(folder)
        index = zarr_index.parse(self.arrays.attributes.get(zarr_index.ATTRIBUTE))
        self.order = list(index.variables)
        self.finished = bool(index.files)
        self.counted: dict[str, Record] = {}
        self._intent: dict[str, Record] = {}
        if self.finished:
            self.counted.update(index.files)
            self._remove_others()
            marks.clear()  # of when it was finished; last, as in `seal`
        else:
            marks.read(folder)
            self.counted.update(marks.records)
            self._remove_others()
            self.put_metadata({})
        write_root(folder.parent, {})  # which may not know of the last change

    @property
    def blocks(self) -> list[Mark]:
        """The blocks of points that were written since the group was begun or finished."""
        return self._marks.blocks

    def note(self, files: Files) -> None:
        """Write files that belong to no block, and mark them."""
        if files:
            self._marks.add(Mark(self._put(files)))

    def write_block(self, start: Sequence[int], stop: Sequence[int], parts: Iterator[Files]) -> None:
        """Write the files of a block of points one after the other, and mark it."""
        written: dict[str, Record] = {}
        for files in parts:
            written |= self._put(files)
        self._marks.add(Mark(written, start, stop))

    def put_metadata(self, attributes: Mapping[str, Any], index: Mapping[str, Record] | None = None) -> None:
        """Set attributes of the group, and put what changed of the metadata on the disk, in one stroke."""
        text = Index(self.order, dict(index or {})).text()
        self.arrays.describe({**attributes, zarr_index.ATTRIBUTE: text})
        changed = False
        for path, content in self.arrays.documents().items():
            file = self.folder / path
            if not file.exists() or file.read_bytes() != content:
                put_file(file, content)
                changed = True
        if changed:
            write_root(self.folder.parent, {})

    def unseal(self, shape: Sequence[int], attributes: Mapping[str, Any]) -> None:
        """Let the marks count, not the index, so that a finished group of this shape can be written to."""
        if not self.finished:
            return
        for path in [path for path in self.counted if path.endswith(METADATA)]:
            del self.counted[path]
        self._marks.clear()
        self._marks.add(Mark(dict(self.counted), (0,) * len(shape), tuple(shape)))
        self.put_metadata(attributes)
        self.finished = False

    def seal(self, attributes: Mapping[str, Any]) -> None:
        """Let the index count: it is put in the attributes, and the marks are removed."""
        for path in [path for path in self.counted if self.arrays.superseded(path)]:
            del self.counted[path]
        metadata = {path: record(text) for path, text in self.arrays.documents().items() if path != METADATA}
        self.counted.update(metadata)
        self.put_metadata(attributes, dict(sorted(self.counted.items())))
        self.finished = True
        self._remove_others()
        self._marks.clear()  # last: while there are some, something may be left to remove

    def _put(self, files: Files) -> dict[str, Record]:
        """Write files that are not there yet with this content; what each is now."""
        known = {path: record(content) for path, content in files.items()}
        changed = {path: files[path] for path in files if self.counted.get(path) != known[path]}
        replaced = {path: known[path] for path in changed if path in self.counted}
        if replaced:
            self._intent |= replaced
            self._marks.intend(self._intent)
        for path, content in changed.items():
            put_file(self.folder / path, content)
        self.counted.update(known)
        return known

    def _remove_others(self) -> None:
        """Remove what a killed writer left, which counts for nothing."""
        for file in list(self.folder.rglob("*")):
            path = file.relative_to(self.folder).as_posix()
            metadata = file.name == METADATA and (file.parent == self.folder or file.parent.name in self.arrays)
            if not (file.is_dir() or metadata or path in self.counted):
                file.unlink()
        kept = {*self.arrays, *(path.partition("/")[0] for path in self.counted)}
        for folder in list(self.folder.iterdir()):
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder)


def begin(folder: Path, arrays: GroupArrays, files: Files, marks: Marks, *, scratch: Path) -> None:
    """Put a new group in place in one stroke, with its first files, which are written in `scratch`."""
    marks.clear()
    made = scratch / folder.name
    shutil.rmtree(made, ignore_errors=True)
    arrays.describe({zarr_index.ATTRIBUTE: Index(list(arrays), {}).text()})
    for path, content in {**files, **arrays.documents()}.items():
        put_file(made / path, content)
    marks.add(Mark({path: record(content) for path, content in files.items()}))
    os.replace(made, folder)
    write_root(folder.parent, {})


def stored_arrays(folder: Path) -> GroupArrays:
    """The arrays of a group that is there. Raises `StoreError` if it is damaged."""
    try:
        return GroupArrays.stored(folder)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{folder}: is damaged ({error}); put a copy back, or remove this folder, and "
            f"{options.resumed()} makes it anew and keeps the rest"
        ) from error


def put_file(file: Path, content: bytes) -> None:
    """Write a file in one stroke, and the folders that it is in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, content)


@contextmanager
def writing(group: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or group}: {refusal(error)}") from error
