"""How far a run is: a bar with rate and time left on a terminal, log lines elsewhere, nothing in a notebook.

Whatever the display, what needs patience is said once: a `Forecast` measures the first seconds of a model's work and
gives notice of what will take more than ten minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn, Task

SHOWN_AFTER_SECONDS = 2.0
SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_PROBE = 3.0
SECONDS_OF_COMPILING = 30.0
SECONDS_WORTH_A_NOTICE = 600.0
_REDRAWS_PER_SECOND = 8


class Progress(Protocol):
    """What a long computation reports to. One task at a time: `begin` ends the one before."""

    def begin(self, task: str, unit: str = "steps") -> None:
        """Name the task that the following updates belong to, and what it counts."""

    def update(self, done: float, total: float) -> None:
        """How much is done so far, of `total`; cheap enough to be called at every recorded step."""

    def message(self, text: str) -> None:
        """Say something that stays on the screen, above the bar."""

    def notice(self, text: str) -> None:
        """Say something that whoever waits has to know, also where nothing else is shown."""

    def close(self) -> None:
        """End the last task and leave the terminal as it was."""


class NullProgress:
    """Reports nothing."""

    def begin(self, task: str, unit: str = "steps") -> None:
        """Do nothing."""

    def update(self, done: float, total: float) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def notice(self, text: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class QuietProgress(NullProgress):
    """Gives notice on stderr and reports nothing else: for scripts, notebooks and `--quiet`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def notice(self, text: str) -> None:
        """Print a line at once."""
        print(text, file=sys.stderr if self._stream is None else self._stream, flush=True)


class LineProgress:
    """One plain line every ten seconds, for log files; tasks of less than that leave no line."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self.begin("")

    def begin(self, task: str, unit: str = "steps") -> None:
        """Start the clock of a task."""
        self._task, self._unit = task, unit
        self._origin: tuple[float, float] | None = None  # where the rate is counted from: a resumed run starts late
        self._last_line = self._clock()

    def update(self, done: float, total: float) -> None:
        """Print a line when the last one is ten seconds old."""
        now = self._clock()
        if self._origin is None or done < self._origin[1]:
            self._origin = (now, done)
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        elapsed, advanced = now - self._origin[0], done - self._origin[1]
        rate = advanced / elapsed if elapsed > 0 else 0.0
        left = f", {format_seconds((total - done) / rate)} left" if rate > 0 else ""
        share = f"{int(done):,}/{int(total):,} {self._unit} ({done / max(total, 1):.0%})"
        self.message(f"{self._task}: {share}, {format_rate(rate)} {self._unit}/s{left}")

    def message(self, text: str) -> None:
        """Print a line at once."""
        print(text, file=self._stream, flush=True)

    def notice(self, text: str) -> None:
        """Print a line at once."""
        self.message(text)

    def close(self) -> None:
        """Nothing is left open."""


class TerminalProgress:
    """A bar with rate and time left, drawn once a task has taken two seconds; its last state stays on the screen."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=stream)
        self._clock = clock
        self._bar: RichProgress | None = None
        self.begin("")

    def begin(self, task: str, unit: str = "steps") -> None:
        """Freeze the bar of the task before and start the clock of this one."""
        self.close()
        self._task, self._unit = task, unit
        self._started = self._clock()
        self._drawn = 0.0

    def update(self, done: float, total: float) -> None:
        """Draw or move the bar, at most eight times a second."""
        now = self._clock()
        if now - self._started < SHOWN_AFTER_SECONDS:
            return
        if self._bar is None:
            self._bar = _bar(self._console, self._unit)
            self._id = self._bar.add_task(self._task, completed=int(done), total=total)
            self._bar.start()
        elif now - self._drawn > 1 / _REDRAWS_PER_SECOND or done >= total:
            self._drawn = now
            self._bar.update(self._id, completed=done, total=total)

    def message(self, text: str) -> None:
        """Print above the bar."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """Print above the bar."""
        self.message(text)

    def close(self) -> None:
        """Stop drawing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Forecast:
    """Another display, which is told how long the tasks of a model will take if that is long.

    The rate is measured over a few seconds, and not before the first advance, into which compiling goes, unless that
    alone takes long.
    """

    def __init__(self, progress: Progress, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._name, self._clock = progress, name, clock
        self._announced = clock()  # when it should end, by what has been said so far
        self._measure("")

    def _measure(self, task: str, unit: str = "steps") -> None:
        self._task, self._unit = task, unit
        self._origin: tuple[float, float] | None = None
        self._warm, self._measured = False, False

    def begin(self, task: str, unit: str = "steps") -> None:
        """Measure anew."""
        self._measure(task, unit)
        self._progress.begin(task, unit)

    def update(self, done: float, total: float) -> None:
        """Pass it on, and give notice of an end more than ten minutes later than was to be expected."""
        self._progress.update(done, total)
        if self._measured:
            return
        now = self._clock()
        self._origin = self._origin or (now, done)
        elapsed, advanced = now - self._origin[0], done - self._origin[1]
        if advanced <= 0:
            return
        if not self._warm and elapsed < SECONDS_OF_COMPILING:
            self._warm, self._origin = True, (now, done)
        elif elapsed >= SECONDS_OF_PROBE:
            self._measured = True
            self._foretell(now, advanced / elapsed, done, total)

    def _foretell(self, now: float, rate: float, done: float, total: float) -> None:
        seconds = (total - done) / rate
        if now + seconds > self._announced + SECONDS_WORTH_A_NOTICE:
            self._announced = now + seconds
            what = self._task if self._task.startswith(self._name) else f"{self._name}: {self._task}"
            work = f"{int(total):,} {self._unit} at {format_rate(rate)} a second"
            self._progress.notice(f"{what}: about {format_seconds(seconds)} to go, for {work}")

    def message(self, text: str) -> None:
        """Pass it on."""
        self._progress.message(text)

    def notice(self, text: str) -> None:
        """Pass it on."""
        self._progress.notice(text)

    def close(self) -> None:
        """Pass it on."""
        self._progress.close()


def choose(*, quiet: bool, stream: TextIO | None = None) -> Progress:
    """The progress display that fits where `stream` (default: stderr) leads to."""
    stream = sys.stderr if stream is None else stream
    if quiet:
        return QuietProgress(stream)
    return TerminalProgress(stream) if stream.isatty() else LineProgress(stream)


def format_seconds(seconds: float) -> str:
    """Seconds as `42 s`, `3 min 05 s` or `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_rate(rate: float) -> str:
    """A rate without decimals, or with one where it is small."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _bar(console: Console, unit: str) -> RichProgress:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None if console.width < 100 else 40),
        MofNCompleteColumn(),
        _rate_column(unit),
    ]
    return RichProgress(*columns, console=console, refresh_per_second=_REDRAWS_PER_SECOND, expand=console.width < 100)


def _rate_column(unit: str) -> ProgressColumn:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class RateAndTimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            left = "" if task.finished else f", {format_seconds(task.time_remaining or 0)} left"
            return Text(f"{format_rate(speed)} {unit}/s{left}")

    return RateAndTimeLeft()
