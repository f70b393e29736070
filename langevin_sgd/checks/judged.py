"""What a check is made of: one finished model of a study, with the others beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from langevin_sgd.models import lineage
from langevin_sgd.models.finished import configured, entries_of
from langevin_sgd.observables.scanned import at, label, points

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


@dataclass(frozen=True)
class Judged:
    """The model called `name`, among all that are `done`.

    `done` holds what follows from the measurements as it follows, `stored` what the run holds.
    """

    study: Study
    name: str
    done: Mapping[str, xr.Dataset]
    stored: Mapping[str, xr.Dataset]

    @property
    def data(self) -> xr.Dataset:
        """The model's own observables, those of a scanned one with the scan's parameters as leading dimensions."""
        return self.done[self.name]

    def points(self) -> Iterator[tuple[str, xr.Dataset]]:
        """The observables at every point of the scan with its label, "" of the only one without a scan."""
        yield from points(self.data)

    def beside(self, taker: str) -> Iterator[tuple[str, Judged, Judged]]:
        """This model and one that is measured on it, at every point of the scan at which both are done, with its label.

        The first has only this model, and the second only the other, each like one that is not scanned.
        """
        configs = configured(self.study, taker)
        for index in range(len(configs)):
            entries = configs.entries(index)
            other = self._at(taker, entries)
            own = self._at(self.name, entries_of(self.study, configs, index, self.name))
            if all(each.data.attrs.get("status", "done") == "done" for each in (own, other)):
                yield label(self.done[taker], entries), own, other

    def _at(self, name: str, entries: Sequence[int]) -> Judged:
        done, stored = ({name: at(models[name], entries)} for models in (self.done, self.stored))
        return Judged(self.study, name, done, stored)

    def takers(self) -> Iterator[str]:
        """The finished models that are measured on this one."""
        yield from (
            other
            for other in self.study.models
            if other in self.done and self.name in lineage.sources(self.study, other)
        )
