"""Studies of any size: refused in one line with what they would take, or within it, before anything is run."""

from __future__ import annotations

import re
from collections import namedtuple
from typing import Any

import pytest
from made_up_models import basins, interpolation, langevin, network, ou, potential, scanned

from langevin_sgd import machine_memory
from langevin_sgd.errors import UserError
from langevin_sgd.models import memory as estimates
from langevin_sgd.study.config import Study
from langevin_sgd.study.estimate import held_by, refuse_too_large
from langevin_sgd.study.loading import parse

MEMORY, DISK = 16 * 10**9, 10**11
Usage = namedtuple("Usage", ["total", "used", "free"])
WAVES = {"features": 1 << 20, "ln_time": [-2.0, -1.0]}
WIDE = {"architecture": {"kind": "mlp", "hidden": [15_000]}}  # 75 weights a unit
FITS: dict[str, dict[str, Any]] = {
    "10^9 steps of a quadratic model": ou(steps=10**9),
    "10^9 steps of a walker": langevin(steps=10**9),
    "10^9 steps in basins": basins(steps=10**9),
    "10^9 steps of a network": network(steps=10**9),
    "10^9 steps on a line": interpolation(steps=10**9),
    "10^6 weights": network(**WIDE, replicas=16),
    "10^6 points of one replica": scanned(ou(replicas=1, steps=2, record_times=2), "sgd.learning_rate", 10**6),
}
LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "10^9 steps, each kept": (ou(steps=10**9, sample_every=1), "sample_every"),
    "10^7 replicas of a quadratic model": (ou(replicas=10**7), "replicas"),
    "10^7 replicas of a walker": (langevin(replicas=10**7), "replicas"),
    "10^9 replicas in basins": (basins(replicas=10**9), "replicas"),
    "10^7 replicas of a network": (network(replicas=10**7), "replicas"),
    "10^9 replicas on a line": (interpolation(replicas=10**9), "replicas"),
    "10^7 disorders": (potential(disorders=10**7), "disorders"),
    "10^6 points of a network": (scanned(network(replicas=100), "sgd.learning_rate", 10**6), "scan"),
    "10^5 dimensions of a random potential": (potential(dimension=10**5, **WAVES), "features"),
    "10^6 weights of 10^4 replicas": (network(**WIDE, replicas=10**4), "replicas"),
    "10^9 weights": (network(architecture={"kind": "mlp", "hidden": [15_000_000]}), "architecture"),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "10^6 weights with all of H": (network(**WIDE, start="minimum"), "too many for the full Hessian"),
    "10^6 dimensions of a random potential": (potential(dimension=10**6, **WAVES), "dimension: must be <= 100000"),
    "10^9 recorded times": (langevin(steps=10**9, record_times=10**9), "record_times: must be <= 100000"),
}


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 16 GB with 100 GB of disk, on which nothing is run."""
    monkeypatch.setattr(machine_memory, "available", lambda: MEMORY)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(10 * DISK, 0, DISK))
    for place in ("run_model", "run_scan"):
        monkeypatch.setattr(f"langevin_sgd.study.execute.{place}", lambda *_, **__: pytest.fail("something is run"))


def planned(given: dict[str, Any]) -> Study:
    """The study, after what is looked at before the first step."""
    study = parse(given)
    refuse_too_large(study, devices=dict.fromkeys(study.models, "cpu"), output=None)
    return study


@pytest.mark.parametrize("given", FITS.values(), ids=FITS)
def test_what_fits_goes_through_within_what_is_said_of_it(given: dict[str, Any]) -> None:
    held = held_by(planned(given), "m")
    assert 0 < estimates.total(held) < MEMORY
    assert estimates.total(estimates.stored(held)) < DISK


@pytest.mark.parametrize(("given", "key"), LARGE.values(), ids=LARGE)
def test_what_does_not_fit_is_refused_in_one_line_with_what_it_would_take(given: dict[str, Any], key: str) -> None:
    with pytest.raises(estimates.TooLarge) as caught:
        planned(given)
    line = str(caught.value)
    assert "\n" not in line
    assert re.match(rf"<config>: (models\.m\.)?{key}: m needs about [\d.,]+ [GTPE]B of (memory|disk), ", line), line
    assert f"{MEMORY // 10**9} GB are free" in line or f"{DISK // 10**9} GB are free" in line


@pytest.mark.parametrize(("given", "told"), REFUSED.values(), ids=REFUSED)
def test_what_no_machine_holds_is_refused_when_it_is_read(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        planned(given)
    assert "\n" not in str(caught.value)
