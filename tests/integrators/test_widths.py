"""Sizes at which a counter would wrap, or a launch would not end: refused or cut, on machines that have the memory."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators import fused_gpu, problem
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.noise import IsotropicNoise


@pytest.mark.parametrize(("updates", "longest"), [(1, 1_000_000), (50_000, 1_000_000), (5_000_000, 10_000)])
def test_a_launch_on_a_gpu_ends_soon_for_one_trajectory_too(updates, longest):
    """A thread makes its steps one after the other: a launch of one trajectory is bounded by steps, not by updates."""
    run = SimpleNamespace(updates=updates, begin=3, end=2_500_000, record_steps=np.array([3, 1_000, 2_500_000]))
    found = list(fused_gpu._launches(run))
    assert found[0] == (3, 1_000)
    assert [begin for begin, _ in found[1:]] == [end for _, end in found[:-1]]
    assert found[-1][1] == 2_500_000
    assert max(end - begin for begin, end in found) == longest


def test_more_cells_than_can_be_counted_are_refused(monkeypatch):
    """Beginnings of tables are counted in 32 bits; with fewer of them, so that the test needs no 34 GB."""
    monkeypatch.setattr(problem, "_ENTRIES", 20)
    table = Tabulated(np.zeros((3, 9)), spacing=0.2)
    with pytest.raises(IntegrationError, match="cells in all and 20 can be counted; take fewer disorders"):
        integrate(table, IsotropicNoise(1.0), time_step=0.01, steps=2, scan={"disorder": [0, 1, 2]})
