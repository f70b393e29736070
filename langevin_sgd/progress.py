"""How far a run is: a bar with rate and time left on a terminal, log lines elsewhere, nothing in a notebook.

Whatever the display, what needs patience is said once: a `Forecast` measures the first seconds of a model's work and
gives notice of what will take more than ten minutes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

SHOWN_AFTER_SECONDS = 2.0
SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_PROBE = 3.0
SECONDS_OF_COMPILING = 30.0
SECONDS_WORTH_A_NOTICE = 600.0
_REDRAWS_PER_SECOND = 8
_WIDTH_OF_BAR = 30
_WIDTH_FOR_A_BAR = 100  # columns of a terminal that has room for one beside the numbers
_STEADY = 1.1  # a rate that rises by less has settled
_LOOKED_AT_ONE_BY_ONE = 100  # steps, while recorded times that are logarithmic are as close as steps can be
_PATIENCE = 60.0  # seconds of these
_SLOW = 0.1  # a second: below that it is said how long each takes


class Progress(Protocol):
    """What a long computation reports to. One task at a time: `begin` ends the one before."""

    def begin(self, task: str, unit: str = "steps") -> None:
        """Name the task that the following updates belong to, and what it counts."""

    def update(self, done: float, total: float) -> None:
        """How much is done so far, of `total`; cheap enough to be called at every recorded step."""

    def beside(self, text: str) -> None:
        """Say, beside how much is done, what else there is to tell now; called now and then, time passes for it too."""

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

    def beside(self, text: str) -> None:
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


class Told:
    """What is said of a task in one line: how much is done, at what rate, what time that leaves, and what else."""

    def __init__(self, task: str, unit: str) -> None:
        self._task, self._unit = task, unit
        self._origin: tuple[float, float] | None = None  # where the rate is counted from: a resumed run starts late
        self.done, self.total, self.beside = 0.0, 0.0, ""

    @property
    def begun(self) -> bool:
        """Whether there is anything to say."""
        return self._origin is not None

    def advance(self, now: float, done: float, total: float) -> None:
        """So much is done."""
        if self._origin is None or done < self._origin[1]:
            self._origin = (now, done)
        if done != self.done or self._origin == (now, done):
            self._advanced = now
        self.done, self.total = done, total

    def text(self, now: float) -> str:
        """The line."""
        return "; ".join(self.parts(now))

    def parts(self, now: float) -> list[str]:
        """How much is done, and what else there is to say."""
        if self._origin is None:
            return [part for part in (self._task, self.beside) if part]
        share = f"{self._task}: {int(self.done):,}/{int(self.total):,} {self._unit}"
        return [part for part in (", ".join([share, *self._pace(now, *self._origin)]), self.beside) if part]

    def _pace(self, now: float, began: float, before: float) -> list[str]:
        elapsed, count, left = self._advanced - began, self.done - before, self.total - self.done
        if count <= 0 or elapsed <= 0:
            return ["time left unknown"] if left > 0 else []
        rate = count / elapsed
        told = f"{format_rate(rate)}/s" if rate >= _SLOW else f"{format_seconds(1 / rate)} each"
        if left <= 0:
            return [told]
        seconds = left / rate - (now - self._advanced)
        if seconds < 0:  # those under way take longer than those that are done did
            seconds = left * (now - began) / count
        return [told, f"{format_seconds(seconds)} left"]


class LineProgress:
    """One plain line every ten seconds, for log files; tasks of less than that leave no line."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self.begin("")

    def begin(self, task: str, unit: str = "steps") -> None:
        """Start the clock of a task."""
        self._told = Told(task, unit)
        self._last_line = self._clock()

    def update(self, done: float, total: float) -> None:
        """Print a line when the last one is ten seconds old."""
        self._told.advance(self._clock(), done, total)
        self._line()

    def beside(self, text: str) -> None:
        """Print a line when the last one is ten seconds old."""
        self._told.beside = text
        self._line()

    def _line(self) -> None:
        now = self._clock()
        if self._told.begun and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self.message(self._told.text(now))

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
        self._live: Live | None = None
        self.begin("")

    def begin(self, task: str, unit: str = "steps") -> None:
        """Freeze the bar of the task before and start the clock of this one."""
        self.close()
        self._told = Told(task, unit)
        self._started = self._clock()

    def update(self, done: float, total: float) -> None:
        """Draw the bar, which from then on is drawn anew eight times a second."""
        self._told.advance(self._clock(), done, total)
        self._draw()

    def beside(self, text: str) -> None:
        """Draw the bar, which from then on is drawn anew eight times a second."""
        self._told.beside = text
        self._draw()

    def _draw(self) -> None:
        late = self._clock() - self._started >= SHOWN_AFTER_SECONDS
        if self._live is None and self._told.begun and late:
            from rich.live import Live

            self._live = Live(console=self._console, get_renderable=self._line, refresh_per_second=_REDRAWS_PER_SECOND)
            self._live.start(refresh=True)

    def _line(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        told, row = self._told, Table.grid(padding=(0, 1))
        if self._console.width >= _WIDTH_FOR_A_BAR:
            bar = ProgressBar(total=max(told.total, 1), completed=told.done, width=_WIDTH_OF_BAR)
            row.add_row(bar, Text(told.text(self._clock()), no_wrap=True, overflow="ellipsis"))
            return row
        for part in told.parts(self._clock()):  # a line each where there is no room for both in one
            row.add_row(Text(part, no_wrap=True, overflow="ellipsis"))
        return row

    def message(self, text: str) -> None:
        """Print above the bar."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """Print above the bar."""
        self.message(text)

    def close(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Forecast:
    """Another display, which is told how long the tasks of a model will take if that is long.

    The rate is measured over a few seconds, and not before the first advance, into which compiling goes, unless that
    alone takes long. Where it says that an end is far away it is measured again, until it rises no more and the first
    hundred steps are done, or a minute has passed: recorded times are logarithmic, so that at first every step may be
    looked at.
    """

    def __init__(self, progress: Progress, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._name, self._clock = progress, name, clock
        self._announced = clock()  # when it should end, by what has been said so far
        self.beside, self.message, self.notice, self.close = (
            progress.beside,
            progress.message,
            progress.notice,
            progress.close,
        )
        self._measure("")

    def _measure(self, task: str, unit: str = "steps") -> None:
        self._task, self._unit = task, unit
        self._began = self._clock()
        self._origin: tuple[float, float] | None = None
        self._warm, self._measured = False, False
        self._rate = math.inf

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
            self._foretell(now, advanced / elapsed, done, total)

    def _foretell(self, now: float, rate: float, done: float, total: float) -> None:
        seconds = (total - done) / rate
        late = now + seconds > self._announced + SECONDS_WORTH_A_NOTICE
        rises = rate > _STEADY * self._rate
        dense = self._unit == "steps" and done < _LOOKED_AT_ONE_BY_ONE and now - self._began < _PATIENCE
        if late and (math.isinf(self._rate) or rises or dense):
            self._rate, self._origin = rate, (now, done)
            return
        self._measured = True
        if late:
            self._announced = now + seconds
            what = self._task if self._task.startswith(self._name) else f"{self._name}: {self._task}"
            work = f"{int(total):,} {self._unit} at {format_rate(rate)} a second"
            self._progress.notice(f"{what}: about {format_seconds(seconds)} to go, for {work}")


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
