"""The one lock of a run directory: whoever writes to it holds it, and the system lets go of it when a process ends.

It is flock() on a file in the state folder, so no crash can leave a run locked. What it means on network file systems:
Linux passes it on to an NFS server, so it holds between machines there; on Lustre it does so if mounted with `flock`,
and only within one machine with `localflock`; where a file system knows no locks the call fails and nothing is written.
Windows has no flock(); there the first byte of the file is locked, to the same effect.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = "langevin-sgd.lock"
_HELD_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class RunLock:
    """A lock that this process holds until `release`, until nothing refers to it any more, or until it ends."""

    def __init__(self, descriptor: int) -> None:
        self._let_go = weakref.finalize(self, _let_go, descriptor, os.getpid())

    def release(self) -> None:
        """Let others write; once released there is nothing left to do."""
        self._let_go()


def take(state: Path) -> RunLock | None:
    """The lock of the run with this state folder, or None if somebody else holds it.

    Raises `OSError` if the file cannot be opened for writing or the file system knows no locks.
    """
    file = state / LOCK
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            held = _lock(descriptor)
            current = held and _is_at(descriptor, file)
        except BaseException:
            os.close(descriptor)
            raise
        if current:
            return RunLock(descriptor)
        os.close(descriptor)
        if not held:
            return None
        # the file was removed, with the run that it locked, between its opening and its locking


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_BY_ANOTHER:
            return False
        raise
    return True


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _let_go(descriptor: int, process: int) -> None:
    # a forked child shares the lock and must not end it for its parent
    if sys.platform != "win32" and process == os.getpid():
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
