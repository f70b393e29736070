"""The `fashion_mnist` data set: clothes, 28 x 28 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.idx_section import IdxSection


class FashionMnistData(IdxSection):
    """70,000 clothes of ten kinds in 28 x 28 pixels (Xiao, Rasul and Vollgraf 2017), from files in `folder`."""

    ORIGIN: ClassVar[str] = (
        "as Zalando Research publishes them, or as torchvision.datasets.FashionMNIST leaves them in FashionMNIST/raw"
    )
    name: Literal["fashion_mnist"]
    """Always `fashion_mnist`."""
