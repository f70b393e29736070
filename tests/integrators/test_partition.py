"""Nothing depends on how a run is cut: blocks, launches, threads, stops and the number of other trajectories."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from langevin_sgd.integrators import fused_cpu, fused_source
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.noise import FullNoise, IsotropicNoise

DOUBLE_WELL = Expression("a*(x**2 - 1)**2 + b*x", "x", {"a": 1.0, "b": 0.1})
WARM = IsotropicNoise(0.25)
RECORD = Record(
    steps=(0, 5, 17, 40), each=("x",), means=("energy", "x"), histograms={"x": (-2.0, 2.0, 10)}, first_passage="x > 0.5"
)


def test_means_and_bits_are_the_same_for_all_blocks_launches_threads_and_stops(monkeypatch):
    """Two points of 1,500 replicas: no tile and no block ends where a point does."""
    kwargs = dict(time_step=0.01, trajectories=1500, seed=3, scan={"b": [0.0, 0.1]}, start=[0.2], record=RECORD)
    sizes, runs = set(), []
    for cache, launch, threads in itertools.product((24 * 1024, 100), (10**9, 9000), (1, 2)):
        monkeypatch.setattr(fused_source, "_CACHE_BYTES", cache)
        monkeypatch.setattr(fused_cpu, "_LAUNCH", launch)
        launches = []
        runs.append(
            integrate(DOUBLE_WELL, WARM, steps=40, threads=threads, after_launch=launches.append, **kwargs).data
        )
        sizes.add((len(launches), cache))
    assert {count for count, _ in sizes} == {1, 14}
    assert all(run.identical(runs[0]) for run in runs)
    state, parts = None, []
    for steps in (1, 4, 12, 23):
        part = integrate(DOUBLE_WELL, WARM, steps=steps, state=state, until=40, **kwargs)
        state = part.state
        parts.append(part.data)
    for name in ("energy_mean", "energy_stderr", "x_mean", "x_stderr", "x_histogram"):
        joined = np.concatenate([part[name].transpose("time", ...).values for part in parts])
        assert np.array_equal(joined, runs[0][name].transpose("time", ...).values), name


def test_blocks_of_these_sizes_were_made(monkeypatch):
    """The partitions above are real: 256 and 64 lanes."""
    lanes = set()
    made = fused_cpu.kernel

    def spy(problem):
        source = made(problem)
        lanes.add(source.lanes)
        return source

    monkeypatch.setattr(fused_cpu, "kernel", spy)
    for cache in (24 * 1024, 100):
        monkeypatch.setattr(fused_source, "_CACHE_BYTES", cache)
        integrate(DOUBLE_WELL, WARM, time_step=0.01, steps=1, until=40, scan={"b": [0.0, 0.1]}, record=RECORD)
    assert lanes == {256, 64}


@pytest.mark.parametrize("backend", ["fused", "batched"])
def test_means_and_errors_keep_their_digits_beside_a_large_constant(backend):
    """A mean of 1e9 with a spread of 1: sums of squares would leave nothing of the error."""
    high = Expression("x**2/2 + 1e9", "x")
    record = Record(steps=(50,), each=("x",), means=("energy",))
    run = integrate(
        high, WARM, time_step=0.1, steps=50, trajectories=1300, seed=5, record=record, backend=backend, device="cpu"
    ).data
    energies = run.x.values[:, 0] ** 2 / 2
    assert run.energy_mean.item() - 1e9 == pytest.approx(energies.mean(), abs=1e-6)
    assert run.energy_stderr.item() == pytest.approx(energies.std(ddof=1) / np.sqrt(1300), rel=1e-5)


@pytest.mark.parametrize("scheme", ["euler_maruyama", "exact"])
def test_tensors_keep_their_bits_among_any_number_of_others_and_threads(scheme):
    """A matrix product's rounding goes with its shape; here it may not."""
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    landscape = Quadratic(np.linspace(5.0, 0.1, 40), vectors, np.arange(40) / 40)
    noise, threads = FullNoise(np.eye(40) + 0.1), torch.get_num_threads()

    def positions(n, count):
        torch.set_num_threads(count)
        run = integrate(landscape, noise, scheme=scheme, time_step=0.05, steps=20, trajectories=n, seed=3, device="cpu")
        return run.state.vectors["position"]

    try:
        whole = positions(130, 1)
        assert np.array_equal(whole, positions(130, 2))
        for n in (1, 64, 65):
            assert np.array_equal(whole[:, :n], positions(n, 2))
    finally:
        torch.set_num_threads(threads)
