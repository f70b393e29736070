"""What a study will take, told before it runs: points, launches, memory and room on the disk of every model."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd import machine_memory
from langevin_sgd.laws import Law
from langevin_sgd.models import lineage
from langevin_sgd.models import memory as estimates
from langevin_sgd.models.grid import Grid
from langevin_sgd.models.memory import Held
from langevin_sgd.paths import local
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import launches
from langevin_sgd.study.probe import probed
from langevin_sgd.study.run_model import Surroundings

NOT_SAID = "the kind does not say what it holds"


def held_by(study: Study, name: str) -> list[Held]:
    """What one model of a study will hold in memory, as far as its config tells."""
    return list(study.models[name].held(study, name))


def refuse_too_large(study: Study, *, devices: Mapping[str, str], output: str | os.PathLike[str] | None) -> list[str]:
    """Raise `TooLarge` for a study that will not fit into memory, or whose results will not fit on the disk.

    Gives back what else is worth saying. `devices` says where each model runs. Without `output` models that are scanned
    lie in the folder for temporary files meanwhile.
    """
    told = estimates.check(study, held_by, devices=devices)
    if output is not None:
        path = local(output)
        estimates.check_disk(study, held_by, folder=existing(path), reused=_size(path))
    else:
        folder = Path(tempfile.gettempdir())
        estimates.check_disk(study, _held_by_scanned, folder=folder, reused=0)
    return told


def estimated(
    study: Study, *, devices: Mapping[str, str], laws: Sequence[Law], output: str | os.PathLike[str] | None
) -> xr.Dataset:
    """The table that `langevin_sgd.plan` gives; pieces of the models are run, in memory and temporary folders."""
    names = lineage.order(study)
    columns: dict[str, list[Any]] = {name: [] for name in _ATTRS}
    pieces: dict[str, xr.Dataset] = {}
    peak = others = 0.0
    for name in names:
        grid, held = Grid(study, name), held_by(study, name)
        memory, disk = estimates.total(held), estimates.total(estimates.stored(held))
        peak = max(peak, others + memory)
        others += sum(each.bytes for each in held if each.kept)
        columns["kind"].append(study.models[name].kind)
        columns["points"].append(math.prod(grid.shape))
        columns["launches"].append(launches(grid))
        columns["memory"].append(memory if held else math.nan)
        columns["disk"].append(disk if held else math.nan)
        timed = probed(study, name, Surroundings(pieces, laws, devices[name], NullProgress()))
        pieces |= {} if timed.data is None else {name: timed.data}
        columns["seconds"].append(timed.seconds)
        notes = ["" if held else f"memory not known: {NOT_SAID}", timed.note]
        columns["note"].append("; ".join(filter(None, notes)))
    data = {name: ("model", values, _ATTRS[name]) for name, values in columns.items()}
    folder = Path(tempfile.gettempdir()) if output is None else existing(local(output))
    totals = {
        "seconds": float(np.nansum(columns["seconds"])),
        "memory": peak,
        "memory_free": machine_memory.available(),
        "disk": float(sum(value for value in columns["disk"] if not math.isnan(value))),
        "disk_free": shutil.disk_usage(folder).free,
    }
    return xr.Dataset(data, coords={"model": list(names)}, attrs={"study": study.name, **totals})


_ATTRS = {
    "kind": {"long_name": "kind of the model"},
    "points": {"units": "1", "long_name": "points of its scan, one without"},
    "launches": {"units": "1", "long_name": "launches in which they are run"},
    "seconds": {"units": "s", "long_name": "time that it takes, in one process"},
    "memory": {"units": "B", "long_name": "most memory that it holds"},
    "disk": {"units": "B", "long_name": "size of its results on disk, before they are compressed"},
    "note": {"long_name": "what could not be estimated, and why"},
}


def existing(path: Path) -> Path:
    """The folder itself, or the innermost one around it that is there."""
    # not Path.is_dir, which raises where a folder on the way cannot be read; who writes there says so
    return next(folder for folder in (path, *path.absolute().parents) if os.path.isdir(folder))


def _held_by_scanned(study: Study, name: str) -> Sequence[Held]:
    return held_by(study, name) if lineage.scanned(study, name) else ()


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; none if there is no such folder."""
    here = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(file) for file in here if os.path.isfile(file))
