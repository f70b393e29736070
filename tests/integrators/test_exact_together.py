"""Quadratics that jump together: each as alone, bit for bit, however many steps are done in one call."""

import numpy as np
import pytest

from langevin_sgd.integrators.exact import simulate
from langevin_sgd.integrators.exact_together import Case, Together, alike
from langevin_sgd.integrators.jumps import Jumps

REPLICAS = 41
LISTS = [np.array([0, 1, 3, 4, 10, 300]), np.array([0, 2, 3, 4]), np.array([5, 6, 7, 8, 40, 41, 42, 500])]


def noise(dimension: int) -> np.ndarray:
    places = np.arange(dimension)
    return np.exp(-np.abs(np.subtract.outer(places, places)) / 3.0)


def quadratics(dimension: int, momentum: float, dynamics: str) -> list[Jumps]:
    """Three with eigenvalues on both sides of 1/eta, so that positions alternate in some modes."""
    k, c = np.geomspace(1.9, 0.2, dimension), noise(dimension)
    return [Jumps.of(k, c, eta, 2, momentum, dynamics) for eta in (0.1, 0.5, 1.0)]


@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("start", ["stationary", "point"])
@pytest.mark.parametrize(
    ("dimension", "momentum", "dynamics"),
    [(1, 0.0, "discrete"), (2, 0.0, "discrete"), (17, 0.0, "continuum"), (3, 0.9, "discrete"), (40, 0.0, "discrete")],
)
def test_each_is_the_same_bits_as_alone(dimension, momentum, dynamics, start, columns):
    found = quadratics(dimension, momentum, dynamics)
    begin = "stationary" if start == "stationary" else np.linspace(-1.0, 1.0, dimension)
    numbers = [np.arange(REPLICAS) + 1000 * place for place in range(3)]
    together = Together(
        [Case(*each) for each in zip(found, [begin] * 3, numbers, LISTS, strict=True)], seed=5, replicas=REPLICAS
    )
    states, parts = together.beginning(), []
    while states.done < together.columns:
        states, positions = together.moved(states, columns)
        parts.append(positions)
    whole = np.concatenate(parts, axis=1)
    for place, (process, steps) in enumerate(zip(found, LISTS, strict=True)):
        alone = []
        last = simulate(
            process.k, noise(dimension), learning_rate=process.learning_rate, batch_size=2,
            momentum=momentum, dynamics=dynamics, seed=5, replicas=REPLICAS, steps=steps, start=begin,
            numbers=numbers[place], visit=lambda index, step, w, seen=alone: seen.append(w),
        )  # fmt: skip
        assert np.array_equal(whole[place, : steps.size], np.array(alone))
        assert np.array_equal(states.coordinates[:, place], last.coordinates)
    assert (states.lost == -1).all()


def test_one_whose_positions_leave_the_finite_numbers_changes_nothing_in_the_others():
    c, steps = np.diag([1.0, 0.0]), np.array([1, 100, 100_000])
    found = [Jumps.of(np.array([1.0, second]), c, 0.1, 1, 0.0, "discrete") for second in (50.0, 2.0)]
    cases = [Case(each, np.array([0.0, 1.0]), np.arange(3), steps) for each in found]
    both, alone = Together(cases, 1, 3), Together(cases[1:], 1, 3)
    states, positions = both.moved(both.beginning(), 3)
    assert states.lost.tolist() == [100_000, -1]
    assert np.array_equal(positions[1], alone.moved(alone.beginning(), 3)[1][0])


def test_only_those_go_together_whose_states_and_noisy_modes_are_alike():
    k = np.array([1.0, 0.5])
    both, one = np.eye(2), np.diag([1.0, 0.0])
    made = [(both, 0.0), (one, 0.0), (both, 0.9), (both, 0.0), (one, 0.0)]
    cases = [Jumps.of(k, c, 0.1, 1, momentum, "discrete") for c, momentum in made]
    assert sorted(alike(cases, 8)) == [[0, 3], [1, 4], [2]]
    assert len(alike(cases, 1 << 21)) == 5
