"""What data sets have in common that come as files in a folder, split into training and test set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.errors import Faults, KeyPath, at_key
from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.paths import local
from langevin_sgd.training.data.section import DataSection

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet


class SplitFilesSection(DataSection):
    """The base of data sets of files in `folder`: images of classes, (channels, height, width) scaled to [0, 1]."""

    FILES: ClassVar[str]
    """The files that the folder is to hold, in words."""
    ORIGIN: ClassVar[str]
    """Where people have them from, in words."""
    CLASSES: ClassVar[int]
    test_size: PositiveWholeNumber | None = None
    """How many test samples are kept, the first of the file. null: all."""

    def folder_problem(self) -> str | None:
        """There is none."""
        return None if self.folder is not None else f"missing; give the folder that holds {self.FILES}, {self.ORIGIN}"

    def load(self) -> DataSet:
        """What the files hold; what is wrong with them is told at the key that names their folder."""
        with at_key("data", "folder"):
            return super().load()

    def absent(self, data: KeyPath) -> Faults:
        """The folder."""
        if self.folder is not None and not os.path.isdir(local(self.folder)):
            held = f"{self.name} is read from one that holds {self.FILES}, {self.ORIGIN}"
            yield (*data, "folder"), f"{local(self.folder)} is no folder; {held}"

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """A split of its own, which it has."""
        if self.test_fraction != DataSection.model_fields["test_fraction"].default:
            yield (*data, "test_fraction"), f"{self.name} comes with its test set; remove it, or give test_size"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)
