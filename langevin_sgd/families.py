"""Families of kinds: tables of members by name, each "module:attribute" and imported when it is first used.

A member of the package's own is one line in its family's table. One of another package joins by an entry point of the
family's group, and is then like those: nothing in this package names it.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib import metadata
from typing import Any, Generic, TypeVar, cast

from langevin_sgd import import_path
from langevin_sgd.errors import UserError

Member = TypeVar("Member")


def instance_of(kind: type) -> Callable[[Any], bool]:
    """Members that are objects of a type."""
    return lambda found: isinstance(found, kind)


def subclass_of(base: type) -> Callable[[Any], bool]:
    """Members that are classes."""
    return lambda found: isinstance(found, type) and issubclass(found, base)


@cache
def entry_points() -> metadata.EntryPoints:
    """What the installed packages offer, read once a process: that goes through the files of all of them."""
    return cast(metadata.EntryPoints, metadata.entry_points())  # Python 3.11 has another type, to select from alike


def imported(path: str) -> Any:
    """What "module:attribute" names, imported now."""
    module, _, attribute = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


class Family(Generic[Member]):
    """The members of one family, such as all figures, in the order of its table.

    `word` is what a member is called in messages, `members` the table of the package's own, and `group` that of the
    entry points by which other packages add to it. `is_member` says of what was imported whether it is one, and
    `needed` in words what it has to be. A name with a colon is a path, "module:attribute", to a member of the user's.
    """

    def __init__(
        self, word: str, members: Mapping[str, str], *, group: str, is_member: Callable[[Any], bool], needed: str
    ) -> None:
        self.word, self.group = word, group
        self._own, self._is_member, self._needed = dict(members), is_member, needed

    @cached_property
    def _table(self) -> dict[str, str]:
        table = dict(self._own)
        for entry in entry_points().select(group=self.group):
            if entry.name in table:
                raise UserError(
                    f"{self.word} {entry.name!r} is there twice: {table[entry.name]} and {entry.value} (entry point of "
                    f"{self.group}); rename or remove one"
                )
            table[entry.name] = entry.value
        return table

    def is_own(self, name: str) -> bool:
        """Whether a member is of this package: what another's raises is told in a line."""
        return name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __getitem__(self, name: str) -> Member:
        """The member called `name`. Raises `UserError` with the nearest name if there is none or it is broken."""
        if ":" in name:
            module, found = import_path.named(name)
            member = self._checked(found, name)
            if isinstance(found, type):  # of an object nothing says where it was made
                import_path.refuse_borrowed(found, module, name)
            return member
        if name not in self._table:
            close = difflib.get_close_matches(name, self._table, n=1)
            mend = f"did you mean {close[0]}?" if close else f"there are: {', '.join(self._table)}"
            raise UserError(f"no {self.word} {name!r}; {mend}")
        path = self._table[name]
        try:
            found = imported(path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also call sys.exit
            if name in self._own:
                raise
            told = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UserError(f"{self.word} {name!r}: importing {path} failed: {told}") from error
        return self._checked(found, f"{self.word} {name!r}: {path}")

    def _checked(self, found: Any, what: str) -> Member:
        if not self._is_member(found):
            given = found.__qualname__ if isinstance(found, type) else type(found).__name__
            raise UserError(f"{what} is {given}; {self._needed} is needed")
        member: Member = found
        return member

    def items(self) -> Iterator[tuple[str, Member]]:
        """Every member by name, imported."""
        return ((name, self[name]) for name in self)
