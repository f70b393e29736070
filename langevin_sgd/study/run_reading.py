"""Opening a run directory to read it. Nothing here writes or waits for whoever does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr

from langevin_sgd import options
from langevin_sgd.observables.points_done import points_done
from langevin_sgd.paths import local
from langevin_sgd.storage.tree_reading import read_tree
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.storage.zarr_index import METADATA
from langevin_sgd.study import provenance, run_state
from langevin_sgd.study.run_config import CONFIG, config_data
from langevin_sgd.study.run_state import reading

DATA = "data.zarr"
CHECKS = "checks"


def open_run(path: str | os.PathLike[str], *, load: bool = False) -> xr.DataTree:
    """Open a run directory: one group a model, `checks` once they are there, provenance and status at the root.

    Arrays are read when first used, or all at once with `load`. A run that is unfinished opens too, with the models
    that have finished, and says in the attribute `unfinished` what it lacks and which command goes on with it.
    Raises `StoreError` if there is no run at `path`, if it is damaged or if a newer version wrote it.
    """
    if isinstance(path, xr.DataTree):
        raise StoreError("a run directory is needed, not a tree: lsgd.simulate(..., output=DIR) leaves one in DIR")
    path = local(path)
    refuse_no_data(path)
    with reading(path):
        tree = read_tree(
            path / DATA, name=path.resolve().name, marks=lambda model: run_state.marks(path, model), load=load
        )
    plan = _plan(path, tree)
    scans = dict(_under_way(tree))
    lacks = run_state.unfinished(
        path,
        models=list(plan.get("models") or ()),
        comparisons=bool(plan.get("checks")) and CHECKS not in tree.children,
        present=[name for name in tree.children if name not in scans],
        finished=tree.attrs.get("status") != "unfinished",
        config=path / CONFIG,
        scans=scans,
    )
    if lacks:
        tree.attrs["unfinished"] = lacks
    return tree


def _under_way(tree: xr.DataTree) -> Iterator[tuple[str, str]]:
    """The scanned models that lack points, with how many they have."""
    for name, node in tree.children.items():
        found = points_done(node.to_dataset(inherit=False)) if node.attrs.get("status") == "unfinished" else None
        if found is not None:
            yield name, found.said()


def _plan(path: Path, tree: xr.DataTree) -> Mapping[str, Any]:
    """The config of a run, with what it is to have: a finished one needs no file of it any more."""
    if tree.attrs.get("status") == "unfinished":
        return config_data(path)
    try:
        return provenance.config(tree.attrs)
    except ValueError as error:
        raise StoreError(
            f"{path / DATA / METADATA}: is damaged ({error}); put a copy back, or {options.resumed()} writes it "
            "anew and keeps the models"
        ) from error


def refuse_no_data(path: Path) -> None:
    """Raise `StoreError` if there are no data of a run at `path` that could be read."""
    with reading(path):
        stage = run_state.stage(path)
        there, is_folder = (path / DATA).is_dir(), path.is_dir()
    if stage == "begun":
        process = run_state.living_writer(path)
        if process is not None:
            raise StoreError(f"{path}: process {process} is only just starting this run; wait for it")
        raise StoreError(f"{path}: a run was started here and stopped before it had anything; simulate it again")
    if not there:
        if stage == "run":
            raise StoreError(
                f"{path / DATA}: is missing; put it back, or start the run anew with {options.flag('overwrite')}"
            )
        missing = "holds no run of langevin-sgd" if is_folder else "no such run directory"
        raise StoreError(f"{path}: {missing}{_nearby_runs(path)}")


def _nearby_runs(path: Path) -> str:
    """Runs next to or inside a path that is none."""
    for folder in (path, path.parent, Path("runs")):
        with suppress(OSError):  # it is about another place, which need not be readable
            found = sorted(str(child) for child in folder.iterdir() if (child / DATA).is_dir())
            if found:
                return f"; there is {', '.join(found[:5])}"
    return ""
