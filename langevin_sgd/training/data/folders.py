"""Files of a data set in the folder that a config names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.paths import local
from langevin_sgd.training.data.split_files import SplitFilesSection


def folder_of(section: SplitFilesSection) -> Path:
    """The folder. Raises `UserError` if there is none."""
    if section.folder is None:
        raise FaultWithin(("data", "folder"), str(section.folder_problem()))
    folder = local(section.folder)
    if not os.path.isdir(folder):  # not Path.is_dir, which raises where a folder on the way cannot be read
        raise FaultWithin(
            ("data", "folder"), f"{folder} is no folder; {section.name} is read from one that holds {_wanted(section)}"
        )
    return folder


def file_in(section: SplitFilesSection, folder: Path, names: Sequence[str]) -> Path:
    """The first of the files that is there. Raises `UserError` if none is, with what the folder is to hold."""
    found = next((folder / name for name in names if os.path.isfile(folder / name)), None)
    if found is None:
        raise FaultWithin(("data", "folder"), f"{folder} has no {names[0]}; {section.name} needs {_wanted(section)}")
    return found


def _wanted(section: SplitFilesSection) -> str:
    return f"{section.FILES}, {section.ORIGIN}"
