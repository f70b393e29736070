"""The arrays of a group that a scan fills: their metadata, kept in memory, and the files of chunks that values make.

Nothing here touches the disk but to read a chunk that is to be completed. zarr works on a store in memory that holds
the metadata, and what it puts there is handed out as the content of files, for their checksums to be known and for them
to be put in place in an order that leaves the group readable at every instant.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import nothing
from langevin_sgd.storage.zarr_index import CONSOLIDATED, METADATA, own_metadata

if TYPE_CHECKING:
    import zarr

LARGEST_CHUNK = 64 * 2**20
"""Bytes above which the dimensions of one point are cut too."""

# Chunks of arrays along the points are X/c/0/0, of others X/0: so one array can become the other in one stroke.
_ONCE = {"name": "v2", "configuration": {"separator": "."}}
_ALONG_POINTS = {"name": "default", "configuration": {"separator": "/"}}

Files = dict[str, bytes]
"""Contents by path in the group."""


class GroupArrays:
    """The arrays of the group in `folder`, `documents` being its files of metadata."""

    def __init__(self, folder: Path, documents: Mapping[str, bytes]) -> None:
        import zarr
        from zarr.core.buffer import default_buffer_prototype
        from zarr.storage import MemoryStore

        self.folder = folder
        self._buffer = default_buffer_prototype().buffer
        self._memory: dict[str, Any] = {path: self._buffer.from_bytes(text) for path, text in documents.items()}
        self._group = zarr.open_group(MemoryStore(self._memory), mode="r+", use_consolidated=False)
        self._arrays: dict[str, zarr.Array[Any]] = {
            name: self._array(name) for name in sorted(path.split("/")[0] for path in documents if path != METADATA)
        }

    def _array(self, name: str) -> zarr.Array[Any]:
        import zarr

        found = self._group[name]
        if not isinstance(found, zarr.Array):
            raise ValueError(f"{name} is no array")
        return found

    @classmethod
    def new(cls, folder: Path, attributes: Mapping[str, Any]) -> GroupArrays:
        """A group without arrays."""
        group = {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}
        return cls(folder, {METADATA: _text(group)})

    @classmethod
    def stored(cls, folder: Path) -> GroupArrays:
        """A group that is there, as its own file of metadata says, in which all of them are.

        Raises `ValueError` or `OSError` if that file is damaged, or no group that a scan filled.
        """
        arrays = own_metadata(folder)
        if not arrays:
            raise ValueError("it was not written by a scan")
        group = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        del group[CONSOLIDATED]
        documents = {f"{name}/{METADATA}": _text(document) for name, document in arrays.items()}
        return cls(folder, {METADATA: _text(group), **documents})

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._arrays))

    @property
    def attributes(self) -> dict[str, Any]:
        """Of the group."""
        return dict(self._group.attrs)

    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Set these attributes of the group."""
        self._group.update_attributes(dict(attributes))

    def dims(self, name: str) -> tuple[str, ...]:
        """The dimensions of an array."""
        return tuple(str(dim) for dim in getattr(self._arrays[name].metadata, "dimension_names", None) or ())

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array."""
        return tuple(self._arrays[name].shape)

    def chunk(self, name: str) -> tuple[int, ...]:
        """The shape of a chunk of an array."""
        return tuple(self._arrays[name].chunks)

    def attrs(self, name: str) -> dict[str, Any]:
        """The attributes of an array."""
        return dict(self._arrays[name].attrs)

    def fill(self, name: str) -> Any:
        """What an array holds where nothing was written."""
        return self._arrays[name].fill_value

    def dtype(self, name: str) -> np.dtype[Any]:
        """The type of an array, `object` for strings."""
        found = self._arrays[name].dtype
        return np.dtype(object) if found.kind == "T" else np.dtype(found)

    def once(self, name: str) -> bool:
        """Whether an array does not belong to the points, so that its chunks are named as of such."""
        document = json.loads(self._memory[f"{name}/{METADATA}"].to_bytes())
        return bool(document["chunk_key_encoding"]["name"] == _ONCE["name"])

    def superseded(self, path: str) -> bool:
        """Whether a file is of an array as it was when it did not belong to the points yet."""
        name, _, chunk = path.partition("/")
        return self.once(name) == chunk.startswith("c")

    def sizes(self) -> dict[str, int]:
        """The length of every dimension."""
        return {dim: size for name in self._arrays for dim, size in zip(self.dims(name), self.shape(name), strict=True)}

    def make(
        self,
        name: str,
        dims: Sequence[str],
        shape: Sequence[int],
        dtype: np.dtype[Any],
        *,
        attrs: Mapping[str, Any],
        chunk: Sequence[int] | None,
        fill: Any = None,
    ) -> None:
        """An array without values, in the place of the one of that name.

        `chunk` is the leading part of the shape of a chunk, for an array along the points; None for any other.
        """
        whole = (*(chunk or ()), *shape[len(chunk or ()) :])
        self._arrays.pop(name, None)
        self._arrays[name] = self._group.create_array(
            name,
            shape=tuple(shape),
            chunks=_cut(tuple(max(size, 1) for size in whole), len(chunk or ()), dtype.itemsize),
            dtype=str if dtype.kind == "O" else dtype,
            fill_value=nothing(dtype) if fill is None else fill,
            dimension_names=tuple(dims),
            attributes={str(key): _plain(value) for key, value in attrs.items()},
            chunk_key_encoding=_ONCE if chunk is None else _ALONG_POINTS,  # type: ignore[arg-type]
            overwrite=True,
        )

    def resize(self, name: str, shape: Sequence[int]) -> None:
        """Let an array have another shape, its chunks staying as they are."""
        self._arrays[name].resize(tuple(shape))

    def files(self, name: str, region: tuple[slice, ...], values: NDArray[Any], there: Mapping[str, Any]) -> Files:
        """The chunks of an array once these values are in it; those of them that are `there` are completed.

        Chunks that hold nothing but the filling have no file.
        """
        self._load(name, region, there)
        self._arrays[name][region] = values
        return self._taken()

    def values(self, name: str, region: tuple[slice, ...], there: Mapping[str, Any]) -> NDArray[Any]:
        """What an array holds, of the chunks that are `there`."""
        self._load(name, region, there)
        found = np.asarray(self._arrays[name][region], dtype=self.dtype(name))
        self._taken()
        return found

    def documents(self) -> Files:
        """The files of metadata, the group's own last: it holds all of them, and is what counts."""
        arrays = {name: json.loads(self._memory[f"{name}/{METADATA}"].to_bytes()) for name in self}
        group = json.loads(self._memory[METADATA].to_bytes())
        group[CONSOLIDATED] = {"kind": "inline", "must_understand": False, "metadata": arrays}
        return {**{f"{name}/{METADATA}": _text(array) for name, array in arrays.items()}, METADATA: _text(group)}

    def _paths(self, name: str, region: tuple[slice, ...]) -> Iterator[str]:
        cells = [
            range(cut.start // size, -(-cut.stop // size)) for cut, size in zip(region, self.chunk(name), strict=True)
        ]
        encode = self._arrays[name].metadata.encode_chunk_key
        return (f"{name}/{encode(cell)}" for cell in itertools.product(*cells))

    def _load(self, name: str, region: tuple[slice, ...], there: Mapping[str, Any]) -> None:
        for path in self._paths(name, region):
            if path in there:
                self._memory[path] = self._buffer.from_bytes((self.folder / path).read_bytes())

    def _taken(self) -> Files:
        paths = [path for path in self._memory if not path.endswith(METADATA)]
        return {path: bytes(self._memory.pop(path).to_bytes()) for path in paths}


def _cut(shape: tuple[int, ...], points: int, size: int) -> tuple[int, ...]:
    """The shape of a chunk: all of it unless it is too large, then the longest dimensions of a point are halved."""
    cut = list(shape)
    while np.prod(cut, dtype=float) * size > LARGEST_CHUNK and max(cut[points:], default=1) > 1:
        longest = max(range(points, len(cut)), key=lambda place: cut[place])
        cut[longest] = -(-cut[longest] // 2)
    return tuple(cut)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode("utf-8")
