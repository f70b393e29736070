"""The `sample_image` data set: one photograph, to be made of fixed random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.families import imported
from langevin_sgd.training.data.section import DataSection, DataShape, Image

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet


class SampleImageData(DataSection):
    """One sample: fixed normal numbers z as input, the grey values in [0, 1] of a photograph as real targets.

    The photograph is one that scikit-learn comes with; its middle is averaged over squares of pixels. The test set is
    the same sample without `noise`, so that the test loss is the distance from the clean image (Ulyanov, Vedaldi and
    Lempitsky 2017).
    """

    LOAD: ClassVar[str] = "langevin_sgd.training.data.photograph:of_seed_zero"
    name: Literal["sample_image"]
    """Always `sample_image`."""
    photograph: Literal["flower", "china"] = "flower"
    """Which one."""
    side: Annotated[PositiveWholeNumber, Field(ge=2, le=400)] = 32
    """Pixels in height and width."""
    square: Annotated[PositiveWholeNumber, Field(le=200)] = 8
    """Side of the squares of the photograph that are one pixel each."""
    coarse: PositiveWholeNumber = 1
    """Side of the squares of pixels over which the training target is averaged, to be made finer again: with 2 it has a
    quarter of the pixels, and `loss: mse_of_averages` fits a whole image to it. The test target is always whole."""
    input_channels: Annotated[PositiveWholeNumber, Field(le=1024)] = 8
    """Channels of z."""
    input_side: Annotated[PositiveWholeNumber, Field(le=400)] = 8
    """Height and width of z."""

    def drawn(self, seed: int) -> DataSet:
        """With the z of a study with that seed."""
        function: Callable[[SampleImageData, int], DataSet] = imported("langevin_sgd.training.data.photograph:drawn")
        return function(self, seed)

    def shape(self) -> DataShape:
        """One sample, with as many targets as the whole image has pixels."""
        return DataShape(samples=1, inputs=self.input_channels * self.input_side**2, targets=self.side**2)

    def image(self) -> Image:
        """That of z."""
        return (self.input_channels, self.input_side, self.input_side)

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """It must lie within the photograph, of 427 x 640 pixels, and has its test set."""
        if self.side * self.square > 427:
            yield (
                (*data, "square"),
                f"{self.side} pixels of {self.square} are more than the 427 there are; give at most {427 // self.side}",
            )
        if self.side % self.coarse:
            yield (*data, "coarse"), f"squares of {self.coarse} do not fill {self.side} pixels; give a divisor of side"
        if self.test_fraction != DataSection.model_fields["test_fraction"].default:
            yield (*data, "test_fraction"), "the test set is the clean image; remove it"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else "sample_image comes with scikit-learn and reads no folder; remove it"
