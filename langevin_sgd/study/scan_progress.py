"""How far a scan is: one line for all points of a model, whichever process runs them.

Tasks that run in this process report what they do; it is said beside the points.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import xarray as xr

from langevin_sgd.observables import blocks
from langevin_sgd.progress import Forecast, NullProgress, Progress, Told
from langevin_sgd.study.plan import Task


class ScanProgress:
    """The display of a scanned model: points that are done or have failed, and beside them what is under way here.

    `done` and `failed` are those that were there before; `title` is what the scan is called there if not by its model.
    """

    def __init__(
        self, display: Progress, name: str, points: int, *, done: int = 0, failed: int = 0, title: str | None = None
    ) -> None:
        self._display, self._name, self._points = display, name, points
        self._done, self._failed = done, failed
        self._heard: set[str] = set()
        display.begin(title or name, "points")
        self._show()

    def heard(self, ran: Iterable[tuple[Task, xr.Dataset]]) -> Iterator[tuple[Task, xr.Dataset]]:
        """The tasks with their blocks as they come, each counted when it is first seen."""
        for task, block in ran:
            if task.label not in self._heard:
                self._heard.add(task.label)
                status = block[blocks.STATUS].values
                self._failed += int((status == blocks.FAILED).sum())
                self._done += int((status == blocks.DONE).sum())
                self._show()
            yield task, block

    def waiting(self) -> None:
        """Nothing is ready yet: time passes for the display."""
        self._display.beside(self._fault)

    def task(self, task: Task) -> Progress:
        """The display for a task that runs in this process, of the next points after those that ended.

        That of the first gives notice if it takes long, which is known before any is done.
        """
        first = self._done + self._failed + 1
        places = f"point {first:,}" if len(task) == 1 else f"points {first:,} to {first + len(task) - 1:,}"
        shown: Progress = _UnderWay(self._display, self._name, self._fault, places)
        if not self._heard:
            shown = Forecast(shown, self._name)
        shown.begin(self._name)
        return shown

    @property
    def _fault(self) -> str:
        return f"{self._failed:,} failed" if self._failed else ""

    def _show(self) -> None:
        self._display.beside(self._fault)
        self._display.update(self._done + self._failed, self._points)


class _UnderWay(NullProgress):
    """What a task does, beside the points of its scan."""

    def __init__(self, display: Progress, name: str, fault: str, places: str) -> None:
        self._display, self._name, self._fault, self._places = display, name, fault, places
        self.message, self.notice = display.message, display.notice  # type: ignore[method-assign]

    def begin(self, task: str, unit: str = "steps") -> None:
        """Say what is done now."""
        inner = task.removeprefix(self._name).lstrip(": ")
        self._told = Told(f"{self._places}: {inner}" if inner else self._places, unit)
        self._show()

    def update(self, done: float, total: float) -> None:
        """Say how much of it."""
        self._told.advance(time.monotonic(), done, total)
        self._show()

    def _show(self) -> None:
        text = self._told.text(time.monotonic())
        self._display.beside(f"{self._fault}; {text}" if self._fault else text)
