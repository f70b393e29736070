"""The `mnist` data set: handwritten digits, 28 x 28 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.idx_section import IdxSection


class MnistData(IdxSection):
    """70,000 handwritten digits of 28 x 28 pixels (LeCun, Bottou, Bengio and Haffner 1998), from files in `folder`."""

    ORIGIN: ClassVar[str] = "as the authors publish them, or as torchvision.datasets.MNIST leaves them in MNIST/raw"
    name: Literal["mnist"]
    """Always `mnist`."""
