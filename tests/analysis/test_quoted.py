"""Numbers that README.md and docs/speed.md quote: the script that measures them again knows all, and sees changes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def quoted():
    spec = importlib.util.spec_from_file_location("quoted", ROOT / "analysis" / "quoted.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["quoted"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def as_quoted(quoted, shifted: str = "") -> xr.Dataset:
    """Comparisons as the page quotes them; the ratio of one law is a thousandth higher."""
    columns: dict[str, list] = {name: [] for name in ("model", "quantity", "law", "ratio", "ratio_low", "ratio_high")}
    for ratio in quoted.RATIOS:
        ratios = [float(number) for number in quoted.found(ratio.phrase, README).groups()]
        ratios[0] += 0.001 * (ratio.law == shifted)
        for name, value in zip(columns, (ratio.model, ratio.quantity, ratio.law, *ratios), strict=True):
            columns[name].append(value)
    return xr.Dataset({name: ("comparison", np.array(values)) for name, values in columns.items()})


def test_no_number_of_the_readme_is_unknown(quoted):
    assert quoted.unknown(README) == []
    assert len(quoted.unknown(README + "It is 17.5 times faster, at 3 points: `x = 4`.\n")) == 2


def test_numbers_are_those_of_the_run_in_every_digit(quoted, monkeypatch):
    monkeypatch.setattr(quoted, "checks_of", lambda study, runs: as_quoted(quoted))
    assert quoted.readme(Path("runs"), README) == (README, [])
    monkeypatch.setattr(quoted, "checks_of", lambda study, runs: as_quoted(quoted, "discrete"))
    page, (differs,) = quoted.readme(Path("runs"), README)
    (was,) = (quoted.found(each.phrase, README).group(1) for each in quoted.RATIOS if each.law == "discrete")
    now = f"{float(was) + 0.001:.3f}"
    assert differs.startswith(f"{was} [")
    assert f"with SGD's own step: now {now}, " in differs
    assert page == README.replace(was, now)


def test_what_a_config_sets_is_what_the_page_says(quoted, monkeypatch):
    monkeypatch.setattr(quoted, "checks_of", lambda study, runs: as_quoted(quoted))
    _, (differs,) = quoted.readme(Path("runs"), README.replace("B = 16", "B = 32"))
    assert differs == "at eta = 0.5 and B = 32: now 0.5, 16"


def test_rates_that_are_off_by_more_than_a_quarter_are_named(quoted, monkeypatch):
    rates = quoted.quoted_rates(SPEED)
    monkeypatch.setattr(quoted, "measured", lambda: {place: 1.2 * rate for place, rate in rates.items()})
    assert quoted.speed(SPEED) == []
    place = ("langevin-sgd", "Ornstein-Uhlenbeck, float32")
    monkeypatch.setattr(quoted, "measured", lambda: rates | {place: 1.3 * rates[place]})
    (differs,) = quoted.speed(SPEED)
    assert differs.startswith("langevin-sgd, Ornstein-Uhlenbeck, float32: ")
    known = {(row, column) for column in quoted.PROBLEMS for row in quoted.CONTESTANTS}
    known |= {(row, column) for column in quoted.NETWORKS for row in quoted.ENSEMBLES}
    assert {each for each in rates if each[0] not in quoted.GROWS} <= known
