"""The checks of a study: which comparisons are made, and how strictly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from langevin_sgd.config.fields import OpenFraction, Section, Text
from langevin_sgd.families import imported
from langevin_sgd.models import lineage

if TYPE_CHECKING:
    import xarray as xr

    from langevin_sgd.checks.judged import Judged
    from langevin_sgd.checks.verdicts.table import Comparison
    from langevin_sgd.study.config import Study


class CheckSection(Section):
    """The base of all checks: of which models one can be made, by the observables that they emit."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset()
    """Observables without which there is nothing to check."""
    NOTHING: ClassVar[str]
    """What is said if a study has no model to check."""
    UNFIT: ClassVar[str]
    """What is said of a model that is named and cannot be checked."""
    EMPTY: ClassVar[str] = ""
    """What is said of a model of which it makes no comparison; nothing if that says enough."""
    ROWS: ClassVar[str]
    """The function that makes the comparisons, "module:function" of (judged, check), imported when asked; see
    `rows`."""
    kind: str
    models: tuple[Text, ...] | None = None
    """Models to check. null: all that it is made for."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Raise `TypeError` for a check of somebody's own whose class says something in another form."""
        given: object = cls.REQUIRES
        if isinstance(given, str):
            raise TypeError(f"{cls.__name__}.REQUIRES must be a set of names, got the text {given!r}")

    def rows(self, judged: Judged) -> list[Comparison]:
        """The comparisons of one finished model, at every point of a scan."""
        function: Callable[[Judged, Any], list[Comparison]] = imported(self.ROWS)
        return function(judged, self)

    def remark(self, point: xr.Dataset) -> str:
        """What it says of a model at one point of a scan that the rows of a study's other checks must be read with.

        It stands behind their reasons; "" is nothing.
        """
        return ""

    def covered(self, study: Study) -> tuple[str, ...]:
        """The models of a study that it is made of: those it names, or all it is made for, in the study's order."""
        if self.models is not None:
            return self.models
        return tuple(name for name in study.models if self.covers(*_qualities(study, name)))

    def fits(self, study: Study, name: str) -> bool:
        """Whether it can be made of a model of a study."""
        return self.takes(*_qualities(study, name))

    def covers(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Whether it is made of a model that emits these observables over these scanned keys, if none is named."""
        return emitted >= self.REQUIRES

    def takes(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Whether it can be made of such a model that is named."""
        return self.covers(emitted, scanned)


def _qualities(study: Study, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """What decides which checks can be made of a model: the observables it emits, the keys it is scanned over."""
    scanned = frozenset(str(path[-1]) for axis in lineage.scanned(study, name) for path in axis.paths)
    return frozenset(study.models[name].emits_in(study)), scanned
