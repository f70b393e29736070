"""Signals to stop: each lets a command end as Ctrl-C does."""

from __future__ import annotations

import math
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

_AGAIN_AFTER_SECONDS = 0.05
_HANG_UP = getattr(signal, "SIGHUP", None)  # Windows has none
_SECONDS_OF_ONE_HANG_UP = 1.0  # the kernel and the shell both tell of a terminal that closes


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM, with which schedulers end a job, and SIGHUP, with which a terminal that closes does, stop a command
    as Ctrl-C does: a study saved, and resumable. A command under `nohup` goes on.

    An interruption that falls into a finaliser or a callback of a library, where Python drops exceptions, comes again.
    """
    signals = [number for number in (signal.SIGTERM, signal.SIGINT, _HANG_UP) if number is not None]
    last = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if number == _HANG_UP:
            _without_terminal()
            if last - before < _SECONDS_OF_ONE_HANG_UP:
                return
        raise KeyboardInterrupt

    def dropped(unraisable: UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # from another thread, since here it would be dropped again
            threading.Timer(_AGAIN_AFTER_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)).start()
        else:
            hook(unraisable)

    handlers = {number: signal.getsignal(number) for number in signals}
    hook = sys.unraisablehook
    signal.signal(signal.SIGTERM, interrupt)
    if _HANG_UP is not None and handlers[_HANG_UP] is not signal.SIG_IGN:
        signal.signal(_HANG_UP, interrupt)
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


@dataclass
class Stop:
    """Whether somebody has asked for an end: what is under way is finished, and nothing more begun."""

    asked: bool = False


@contextmanager
def finishing(what: str) -> Iterator[Stop]:
    """Let the first signal to stop only ask for it, with a line on stderr that says `what` is finished first.

    The second does what the first would do elsewhere. What asks for nothing (a SIGTERM that ends the process, or any
    signal where this is not the main thread) stays as it is.
    """
    stop = Stop()
    before = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            before[signal.Signals(number)](number, frame)
        stop.asked = True
        with suppress(OSError):  # not by a stream, in the middle of whose writing this may be
            os.write(2, f"Stopping: {what} is finished and kept; once more stops at once.\n".encode())

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def let_finish() -> None:
    """Ignore further signals to stop while the command ends: what is said must not be cut short."""
    for number in (signal.SIGTERM, signal.SIGINT, _HANG_UP):
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


def _without_terminal() -> None:
    """Write into the void where a terminal is gone: every write to it would fail, in the middle of saving too."""
    for descriptor in (1, 2):
        with suppress(OSError):  # of a stream that is closed
            if not os.isatty(descriptor) and stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
