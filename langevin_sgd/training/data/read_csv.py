"""Data sets from tables in text files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.config.errors import FaultWithin, choice, shown
from langevin_sgd.errors import UserError
from langevin_sgd.paths import local
from langevin_sgd.training.data.csv import CsvData
from langevin_sgd.training.data.dataset import DataSet, checked
from langevin_sgd.training.data.targets import class_count

Rows = list[tuple[int, list[str]]]


def load(section: CsvData) -> DataSet:
    """Inputs (samples, columns) and targets. Raises `UserError` with file, line and column for what is none."""
    path = local(section.path)
    names, rows = _rows(path, section.delimiter)
    targets = section.labels
    inputs = tuple(name for name in names if name not in targets) if section.inputs is None else section.inputs
    for name in (*targets, *inputs):
        if name not in names:
            raise UserError(f"{path}: has no column {name!r}; {_mend(name, names)}")
    if both := set(inputs) & set(targets):
        raise FaultWithin(("data", "inputs"), f"{min(both)!r} is a column of the targets too; remove it from one")
    found = _numbers(path, rows, names, inputs)
    if section.targets == "real":
        real = _numbers(path, rows, names, targets)
        return checked(DataSet(found, real[:, 0] if len(targets) == 1 else real, name="csv"), str(path))
    if len(targets) > 1:
        raise FaultWithin(("data", "labels"), "several columns are no class; name one, or give targets: real")
    labels = _classes(path, targets[0], [row[names.index(targets[0])].strip() for _, row in rows])
    return checked(DataSet(found, labels, class_count(section, labels), name="csv"), str(path))


def _rows(path: Path, delimiter: str) -> tuple[list[str], Rows]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            lines = [(reader.line_num, line) for line in reader if line]
    except FileNotFoundError:
        raise FaultWithin(("data", "path"), f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is no table of text ({error})") from error
    if len(lines) < 2:
        raise UserError(f"{path}: holds no sample; a first line of names and one line a sample are needed")
    names = [name.strip() for name in lines[0][1]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: two columns are called {twice!r}; rename one")
    for number, line in lines[1:]:
        if len(line) != len(names):
            raise UserError(f"{path}:{number}: holds {len(line)} values, and the first line names {len(names)} columns")
    return names, lines[1:]


def _mend(name: str, names: Sequence[str]) -> str:
    """What to do about a column that is not there."""
    if len(names) == 1 and (other := next((sign for sign in ";\t|" if sign in names[0]), None)):
        return f"its first line has no delimiter but {shown(other)}; give data.delimiter: {shown(other)}"
    if all(map(_is_number, names)):
        return f"its first line is to name the columns, and holds {names[0]} and so on; write a line of names above it"
    return choice(name, names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, rows: Rows, names: Sequence[str], columns: Sequence[str]) -> NDArray[np.float64]:
    places = [names.index(name) for name in columns]
    found = np.empty((len(rows), len(places)))
    for at, (number, row) in enumerate(rows):
        for column, place in enumerate(places):
            try:
                found[at, column] = float(row[place])
            except ValueError:
                mend = "remove the line, or leave the column out of inputs"
                raise UserError(
                    f"{path}:{number}: {columns[column]} is {shown(row[place])}, no number; {mend}"
                ) from None
    return found


def _classes(path: Path, column: str, words: list[str]) -> NDArray[np.int64]:
    """Whole numbers as they are if all are such, else words numbered in their order. Other numbers are no classes."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return np.unique(words, return_inverse=True)[1].astype(np.int64)
    broken = next((word for word, number in zip(words, numbers, strict=True) if not number.is_integer()), None)
    if broken is not None:
        mend = "give targets: real, or name the classes by words or whole numbers"
        raise UserError(f"{path}: {column} holds numbers such as {shown(broken)}, which are no classes; {mend}")
    return np.array(numbers).astype(np.int64)
