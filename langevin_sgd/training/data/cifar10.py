"""The `cifar10` data set: photographs of ten kinds of things, 32 x 32 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.split_files import SplitFilesSection


class Cifar10Data(SplitFilesSection):
    """60,000 photographs of 32 x 32 pixels in three colours (Krizhevsky 2009), from the binary files in `folder`."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.cifar:ten"
    FILES: ClassVar[str] = "data_batch_1.bin to data_batch_5.bin and test_batch.bin"
    ORIGIN: ClassVar[str] = (
        "the binary version that the author publishes (cifar-10-binary.tar.gz, unpacked); its other versions are not "
        "read"
    )
    CLASSES: ClassVar[int] = 10
    name: Literal["cifar10"]
    """Always `cifar10`."""
