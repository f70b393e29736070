"""The `mse_of_averages` loss in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.losses.section import LossSection


class SquaredErrorOfAveragesLoss(LossSection):
    """Half the squared distance of the image's averages over squares of pixels from a coarser target, |D z - t|^2/2.

    The outputs z are a square image, of square^2 times as many pixels as the training targets t have, which say nothing
    of what is finer. A target with as many pixels as the image, such as that of a test set, is compared with it as it
    is, |z - t|^2/2. (Super-resolution: Ulyanov, Vedaldi and Lempitsky 2017)
    """

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.mse_of_averages.functions:SquaredErrorOfAverages"
    TARGETS: ClassVar[frozenset[str]] = frozenset({"real"})
    kind: Literal["mse_of_averages"]
    """Always `mse_of_averages`."""
    square: Annotated[PositiveWholeNumber, Field(ge=2, le=100)] = 2
    """Side of the squares, in pixels."""
