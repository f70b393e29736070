"""The one kind of error that is the user's to mend: shown as a line, with exit code 2, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """A fault in the config, the command line or the surroundings; the text says what is wrong and how to mend it."""

    def render(self) -> str:
        """The lines to show, one a fault."""
        return str(self)
