"""What a kind of loss tells the config: its keys, and where its functions are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.fields import Section
from langevin_sgd.families import imported

if TYPE_CHECKING:
    from langevin_sgd.training.losses.loss import Loss


class LossSection(Section):
    """The base of all kinds of loss; a kind overrides what is different with it, and nothing else names the kind."""

    LOSS: ClassVar[str]
    """The class of its functions, "module:Class" of (section), a `Loss`, imported when it is used; see `build`."""
    TARGETS: ClassVar[frozenset[str]] = frozenset({"classes"})
    """The targets that it takes: "classes", numbers of classes; "real", real numbers; or both."""
    kind: str

    def build(self) -> Loss:
        """Its functions."""
        made: Callable[[LossSection], Loss] = imported(self.LOSS)
        return made(self)

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.kind,) if ":" in self.kind else ()
