"""What data sets have in common that are one file of the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath, at_key
from langevin_sgd.config.fields import Folder, PositiveWholeNumber
from langevin_sgd.paths import local
from langevin_sgd.training.data.section import DataSection, Image

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet

Shape = Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=3, max_length=3)]


class FileSection(DataSection):
    """The base of data sets of one file: what is in it, classes or real numbers, images or not."""

    path: Folder
    """The file."""
    targets: Literal["classes", "real"] = "classes"
    """classes: the targets are classes, numbered from 0 on; real: they are real numbers."""
    classes: Annotated[PositiveWholeNumber, Field(ge=2, le=2**31)] | None = None
    """How many classes there are. null: as many as the largest label says."""
    image_shape: Shape | None = None
    """[channels, height, width] of samples that are images laid out flat. null: they are none."""

    def image(self) -> Image | None:
        """As the key says."""
        if self.image_shape is None:
            return None
        channels, height, width = self.image_shape
        return channels, height, width

    def folder_problem(self) -> str | None:
        """It is one file."""
        return None if self.folder is None else f"{self.name} reads the file that path names, and no folder; remove it"

    def load(self) -> DataSet:
        """What the file holds; what is wrong with it is told at the key that names it."""
        with at_key("data", "path"):
            return super().load()

    def absent(self, data: KeyPath) -> Faults:
        """The file."""
        path = local(self.path)
        if not os.path.exists(path):  # not Path.exists, which raises where a folder on the way cannot be read
            yield (*data, "path"), f"there is no file {path}; relative paths begin where the command is given"

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """A number of classes of real targets."""
        if self.targets == "real" and self.classes is not None:
            yield (*data, "classes"), "the targets are real numbers, by targets: real; remove one"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)
