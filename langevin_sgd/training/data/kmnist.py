"""The `kmnist` data set: cursive Japanese characters, 28 x 28 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.idx_section import IdxSection


class KmnistData(IdxSection):
    """70,000 cursive Japanese characters of ten kinds in 28 x 28 pixels (Clanuwat et al. 2018), from `folder`."""

    ORIGIN: ClassVar[str] = "as ROIS-CODH publishes them, or as torchvision.datasets.KMNIST leaves them in KMNIST/raw"
    name: Literal["kmnist"]
    """Always `kmnist`."""
