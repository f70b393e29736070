"""What a data set tells the config: its keys, its size, and what loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Folder, Number, Section, Text
from langevin_sgd.families import imported

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet


@dataclass(frozen=True)
class DataShape:
    """Size of a data set before it is split: samples in all, inputs per sample, classes."""

    samples: int
    inputs: int
    classes: int


def train_size(samples: int, test_fraction: float) -> int:
    """Training samples left of `samples` when round(test_fraction * samples) of them go to the test set."""
    return samples - round(test_fraction * samples)


class DataSection(Section):
    """The base of all data sets, with their split and their label noise; nothing else names one."""

    LOAD: ClassVar[str]
    """The function that loads it, "module:function" of (section), a `DataSet`, imported then; see `load`."""
    name: Text
    label_noise: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Fraction of the training labels replaced by uniformly random ones."""
    test_fraction: Annotated[Number, Field(ge=0, lt=1)] = 0.2
    """Fraction of the samples kept for testing: N_test = round(test_fraction * N)."""
    folder: Folder | None = None
    """Where a data set finds its files, if it has any."""

    def load(self) -> DataSet:
        """The samples, not split unless they come so, and without label noise."""
        function: Callable[[DataSection], DataSet] = imported(self.LOAD)
        return function(self)

    def shape(self) -> DataShape | None:
        """Its size; None for one that must be loaded to be known."""
        return None

    def train_size(self) -> int | None:
        """N, the number of training samples, where it is known without loading."""
        shape = self.shape()
        return None if shape is None else train_size(shape.samples, self.test_fraction)

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """What is wrong with it in model `name`, whose section of it is at `data`, at minibatches of `batch_size`."""
        if (reason := self.folder_problem()) is not None:
            yield (*data, "folder"), reason
        samples = self.train_size()
        if samples is not None and batch_size > samples:
            yield (
                batch_size_at,
                f"{batch_size} is more than the {samples} training samples of {name}; give at most {samples}",
            )

    def folder_problem(self) -> str | None:
        """Why the folder that is given is none for it; None if it is."""
        return None

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.name,) if ":" in self.name else ()
