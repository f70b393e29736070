"""The cores of a process: those that the system or OMP_NUM_THREADS lets it have."""

from __future__ import annotations

import os

import pytest

from langevin_sgd import cores


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("1", 1), ("3", 3), ("64", 4), ("2,1", 2), ("", 4), ("0", 4), ("many", 4)],
)
def test_as_many_as_are_allowed(monkeypatch, setting, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert cores.cores() == expected


def test_a_process_is_told_how_many_it_has(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    cores.use(2)
    assert cores.cores() == 2


@pytest.mark.parametrize(("processes", "each"), [(1, 4), (2, 2), (3, 1), (9, 1)])
def test_processes_share_them(monkeypatch, processes, each):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cores.share(processes) == each
