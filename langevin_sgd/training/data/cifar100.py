"""The `cifar100` data set: photographs of a hundred kinds of things, 32 x 32 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.split_files import SplitFilesSection


class Cifar100Data(SplitFilesSection):
    """60,000 photographs of 32 x 32 pixels in three colours (Krizhevsky 2009), from the binary files in `folder`."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.cifar:hundred"
    FILES: ClassVar[str] = "train.bin and test.bin"
    ORIGIN: ClassVar[str] = (
        "the binary version that the author publishes (cifar-100-binary.tar.gz, unpacked); its other versions are not "
        "read"
    )
    CLASSES: ClassVar[int] = 100
    name: Literal["cifar100"]
    """Always `cifar100`."""
