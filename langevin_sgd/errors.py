"""The one kind of error that is the user's to mend: shown as a line, with exit code 2, never as a traceback."""

from __future__ import annotations

import errno
import re

_WORD = re.compile(r'[^\s/"]{101,}')
_QUOTED = re.compile(r'"[^"]{101,}"')
_KEPT = 60
_LONGEST = 700
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotStored(RuntimeWarning):
    """What was made from a run could not be kept in it; the text says why, and where it is."""


class UserError(Exception):
    """A fault in the config, the command line or the surroundings; the text says what is wrong and how to mend it."""

    def render(self) -> str:
        """The lines to show, one a fault."""
        return str(self)


class IntegrationError(UserError, ValueError):
    """An argument of a run that does not fit, or an equation that cannot be run; the text says how to mend it."""


def readable(line: str) -> str:
    """A line that fits a terminal: what is quoted from a user cut where it is long, characters that would break it
    written out. Paths keep their length, names in them do not.
    """
    line = _QUOTED.sub(lambda match: f'{match[0][:_KEPT]}..."', line)
    line = _WORD.sub(lambda match: f"{match[0][:_KEPT]}...", line)
    if len(line) > _LONGEST:  # the mend comes last
        line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in line
    )


def refusal(error: OSError) -> str:
    """What the operating system said when it refused to write, and the mend."""
    mend = "free some space, then do it again" if error.errno in _FULL else "choose another place"
    return f"cannot be written: {error.strerror or error}; {mend}"


class LeftOut(RuntimeWarning):
    """A check or a figure of the user's own failed on a finished run, and is left out: nothing else is lost by it."""
