"""The table of a dry run: names stay in one piece, whatever the terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.reporting.plan_table import print_plan

SHORT = {"network_large_step": "network", "ou": "ornstein_uhlenbeck"}
LONG = {**SHORT, "basins_of_the_double_well_at_low_temperature": "random_potential"}


def lines(models: dict[str, str], width: int) -> list[str]:
    counts = np.arange(1, len(models) + 1)
    told = {"points": 1200 * counts, "launches": 12 * counts, "seconds": 3700.0 * counts, "memory": 1.5e9 * counts}
    columns = {"kind": list(models.values()), **told, "disk": 2e8 * counts, "note": [""] * len(models)}
    attrs = {"seconds": 1e4, "memory": 2e9, "memory_free": 1e10, "disk": 2e8, "disk_free": 1e12}
    table = xr.Dataset({key: ("model", each) for key, each in columns.items()}, {"model": list(models)}, attrs)
    stream = io.StringIO()
    print_plan(table, width=width, stream=stream)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_and_numbers_stay_in_one_piece(width: int) -> None:
    for models in (SHORT, LONG) if width > 80 else (SHORT,):
        found = lines(models, width)
        assert max(map(len, found)) <= width
        words = {word for line in found for word in line.split()}
        assert {*models, *models.values(), "1,200", "2,400"} <= words
        assert sum("1 h 01 min" in line for line in found) == 1


def test_with_room_a_row_is_one_line() -> None:
    assert len(lines(LONG, 160)) == len(lines(SHORT, 80)) + 1 == 1 + 3 + 2


@pytest.mark.parametrize("width", [60, 80])
def test_what_is_too_long_for_any_column_goes_on_after_a_word(width: int) -> None:
    found = lines(LONG, width)
    assert max(map(len, found)) <= width
    first = [line.split()[0] for line in found if line.strip()]
    at = next(place for place, piece in enumerate(first) if piece.startswith("basins"))
    pieces = []
    while "".join(pieces) != "basins_of_the_double_well_at_low_temperature":
        pieces.append(first[at + len(pieces)])
    assert len(pieces) > 1
    assert all(piece.endswith("_") for piece in pieces[:-1])
    assert any("1 h 01 min" in line for line in found)
