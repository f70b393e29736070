"""Where a command that shows a run keeps what it made: in the run, or beside it where the run may not be written to."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import xarray as xr

from langevin_sgd.errors import NotStored
from langevin_sgd.paths import local
from langevin_sgd.storage.replacing import replace_file
from langevin_sgd.study import store
from langevin_sgd.study.run_state import writing

_Kept = TypeVar("_Kept")


class Shelf:
    """What is made from one run; made by `shelf`."""

    def __init__(self, path: Path, run: store.RunDirectory | None, refusal: store.Denied | None) -> None:
        self._path = path
        self._run = run
        self._elsewhere: Path | None = None
        self.refusal = refusal

    def checks(self, table: xr.Dataset) -> None:
        """Keep the table of comparisons, as far as that can be done."""
        self._keep(lambda run: store.save_checks(run, table), lambda: None)

    def model(self, name: str, data: xr.Dataset) -> None:
        """Keep a model with the answers of more laws, as far as that can be done."""
        self._keep(lambda run: store.save_answers(run, name, data), lambda: None)

    def text(self, name: str, text: str) -> Path:
        """Keep a text file, such as the report; returns where."""
        return self._keep(
            lambda run: store.save_text(run, name, text), lambda: self._beside({name: text.encode("utf-8")})[0]
        )

    def figures(self, files: Mapping[str, bytes]) -> list[Path]:
        """Keep figures, by name of their file; returns where."""
        return self._keep(lambda run: store.save_figures(run, files), lambda: self._beside(files))

    def said(self) -> str:
        """One line on what could not be stored, empty if all was."""
        if self.refusal is None:
            return ""
        where = f"; what was made lies in {self._elsewhere}" if self._elsewhere else ""
        return f"{self._path}: shown, but not stored: {self.refusal}{where}"

    def _keep(self, inside: Callable[[store.RunDirectory], _Kept], beside: Callable[[], _Kept]) -> _Kept:
        if self._run is not None and self.refusal is None:
            try:
                return inside(self._run)
            except store.Denied as denied:
                self.refusal = denied
        return beside()

    def _beside(self, files: Mapping[str, bytes]) -> list[Path]:
        with writing(Path(tempfile.gettempdir())):
            if self._elsewhere is None:
                self._elsewhere = Path(tempfile.mkdtemp(prefix=f"{self._path.resolve().name[:50]}-"))
            for name, content in files.items():
                replace_file(self._elsewhere / name, content)
        return [self._elsewhere / name for name in files]


@contextmanager
def shelf(run: str | os.PathLike[str] | store.RunDirectory) -> Iterator[Shelf]:
    """The place for what is made from a run, locked before the run is read, so that what is kept belongs to its data.

    Where another process writes to the run or the system does not permit it, what is made goes to a temporary folder,
    and this is warned of (`NotStored`). Raises `StoreError` if there is no run or it is damaged.
    """
    path = local(run)
    try:
        locked = store.storing(run)
        directory = locked.__enter__()
    except store.Denied as denied:
        kept = Shelf(path, None, denied)
        yield kept
    else:
        try:
            kept = Shelf(path, directory, None)
            yield kept
        finally:
            locked.__exit__(None, None, None)
    if kept.refusal is not None:
        warnings.warn(kept.said(), NotStored, stacklevel=4)
