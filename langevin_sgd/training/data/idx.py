"""IDX files, the format of MNIST: a magic number, the sizes of the axes, and the numbers.

The magic number is 0, 0, the type of the numbers (8: unsigned bytes) and how many axes there are; sizes are unsigned
32-bit integers, all of them with the largest byte first (LeCun, Cortes and Burges, "The MNIST database").
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.folders import file_in, folder_of
from langevin_sgd.training.data.images import scaled
from langevin_sgd.training.data.split_files import SplitFilesSection

_UNSIGNED_BYTES = 8


def load(section: SplitFilesSection) -> DataSet:
    """Images (samples, 1, height, width) in [0, 1] and labels, of both sets.

    Raises `UserError` in one line if a file is missing, is no IDX file of images or labels, is cut off, or does not fit
    the others.
    """
    folder = folder_of(section)
    train = _part(section, folder, "train", None)
    test = _part(section, folder, "t10k", section.test_size)
    return scaled(section, train, test)


def _part(
    section: SplitFilesSection, folder: Path, part: str, most: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images_file, labels_file = (
        file_in(section, folder, [f"{part}-{name}{suffix}" for name in names for suffix in ("", ".gz")])
        for names in (("images-idx3-ubyte", "images.idx3-ubyte"), ("labels-idx1-ubyte", "labels.idx1-ubyte"))
    )
    images, labels = read(images_file, 3), read(labels_file, 1)
    if len(images) != len(labels):
        raise UserError(f"{images_file}: holds {len(images)} images, and {labels_file.name} {len(labels)} labels")
    if images[0].size == 0:
        raise UserError(f"{images_file}: its images are of {images.shape[1]} x {images.shape[2]} pixels")
    return images[:most, None], labels[:most]


def read(file: Path, axes: int) -> NDArray[np.uint8]:
    """The unsigned bytes of an IDX file with so many axes. Raises `UserError` if it is none."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{file}: is no whole gzip file ({error}); get it again") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from error
    magic = bytes((0, 0, _UNSIGNED_BYTES, axes))
    if content[:4] != magic:
        kind = "images" if axes == 3 else "labels"
        raise UserError(
            f"{file}: begins with {content[:4].hex() or 'nothing'}, and an IDX file of {kind} with {magic.hex()}; it "
            "is another file, or packed: give it the ending .gz then"
        )
    header = 4 + 4 * axes
    sizes = [int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4)]
    numbers = int(np.prod(sizes, dtype=object))
    if len(content) != header + numbers:
        raise UserError(
            f"{file}: holds {len(content):,} bytes, and by its header {header + numbers:,}; it is cut off or another "
            "file, get it again"
        )
    if sizes[0] == 0:
        raise UserError(f"{file}: holds no sample")
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)
