"""What a row says of itself to whoever prints it: what it is about, how it is called, how telling it is, what is wrong.

A check names its quantities once, with their titles; nobody reads a name or a reason to learn what a row is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

UNRANKED = 9
"""The rank of rows that are shown in full tables only."""
FIRST = -1
"""The rank of what is told before anything else."""


class Fault(StrEnum):
    """Why a row has no verdict, where that is no matter of its numbers."""

    NONE = ""
    UNFIT = "unfit"
    """The run cannot tell; the reason says what would settle it."""
    NOT_EQUILIBRATED = "not equilibrated"
    """What began in different places has not met."""
    ONE_START = "one start only"
    """Whether the start is forgotten cannot be told."""
    ALTERED = "altered"
    """What is stored is not what follows from the rest, or cannot be worked out again."""

    @property
    def told(self) -> str:
        """It in words."""
        return "the run cannot tell" if self is Fault.UNFIT else str(self)


@dataclass(frozen=True)
class Said:
    """What a sentence says of a row that is a conclusion, whole, for each verdict that it may have.

    `number` is what its ratio is called behind that; it is not told if that says nothing.
    """

    agrees: str
    disagrees: str
    inconclusive: str
    number: str = ""


@dataclass(frozen=True)
class Quantity:
    """What a row compares: its name in the table, its title in print (by default the name in words), and its labels.

    `said` is what sentences call it, "the total variance"; a quantity that has it may be told first of its model, the
    others are counted there, or named by their title where they are furthest off. One that is a conclusion gives whole
    clauses, `Said`, of which that of the row's verdict is told.

    `about` holds the labels one by one, such as the basin or the ends of a bin of modes. `ranks` say how telling a law
    row and a contrast of it are, 0 first, 8 last; `beside` the same where the model is simulated beside a trained one,
    whose rows come first, by default no different.
    """

    name: str
    title: str = ""
    about: Mapping[str, str | float] = field(default_factory=dict)
    ranks: tuple[int, int] = (UNRANKED, UNRANKED)
    beside: tuple[int, int] | None = None
    said: str | Said = ""

    def called(self) -> str:
        """The title."""
        return self.title or self.name.replace("_", " ")

    def phrases(self) -> dict[str, str]:
        """`said` as labels: "what" it is called, or the clause of each verdict."""
        if isinstance(self.said, Said):
            return asdict(self.said)
        return {"what": self.said} if self.said else {}

    def rank(self, law: bool) -> tuple[int, int]:
        """Its rank as a law row or as a contrast, alone and beside a trained model."""
        return tuple(ranks[0 if law else 1] for ranks in (self.ranks, self.beside or self.ranks))  # type: ignore[return-value]
