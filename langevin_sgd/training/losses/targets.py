"""Which losses take which targets: the numbers of classes, or real numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.training.data.section import DataSection
from langevin_sgd.training.losses import LOSSES
from langevin_sgd.training.losses.section import LossSection

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet

_WORDS = {"classes": "classes", "real": "real numbers"}


def target_fault(loss: LossSection, data: DataSection) -> str | None:
    """Why a loss does not go with data whose size is known before they are loaded; None if it does, or it is not."""
    shape = data.shape()
    return None if shape is None else _fault(loss, data.name, shape.classes)


def refuse_targets(loss: LossSection, data: DataSet) -> None:
    """Raise `FaultWithin` for a loss that does not take the targets of data that are loaded."""
    if (fault := _fault(loss, data.name, data.classes)) is not None:
        raise FaultWithin(("loss",), fault)


def _fault(loss: LossSection, data: str, classes: int | None) -> str | None:
    given = "real" if classes is None else "classes"
    if given in loss.TARGETS:
        return None
    taken = " or ".join(_WORDS[kind] for kind in sorted(loss.TARGETS))
    fitting = " or ".join(name for name in LOSSES if LOSSES.is_own(name) and given in LOSSES[name].TARGETS)
    return f"{loss.kind} takes {taken}, but the targets of {data} are {_WORDS[given]}; give {fitting}"
