"""Samples in the shape that an architecture takes them in."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.section import ArchitectureSection, no_images
from langevin_sgd.training.data.section import DataSection


def as_taken(architecture: ArchitectureSection, inputs: NDArray[Any], data: DataSection) -> NDArray[Any]:
    """Inputs (samples, ...) as they are, or for an architecture of images as (samples, channels, height, width).

    Raises `UserError` where samples are no images, or too small ones.
    """
    if architecture.IMAGES:
        image, rank = data.image(), inputs.ndim - 1
        if rank == 1 and image is not None:
            inputs = inputs.reshape(-1, *image)
        elif rank == 2:
            inputs = inputs[:, None]
        elif rank != 3:
            raise FaultWithin(("architecture",), no_images(architecture.kind, int(inputs[0].size), data.name))
    if (reason := architecture.problem(inputs.shape[1:])) is not None:
        raise UserError(f"architecture {architecture.kind}: {reason}")
    return inputs
