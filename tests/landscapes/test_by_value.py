"""Landscapes, noises and records with the same contents are equal and hash alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.noise import DiagonalNoise, FullNoise, IsotropicNoise, LowRankNoise, PositionDependentNoise

ARRAYS = {"step": 3, "start": np.zeros((1, 2)), "numbers": np.arange(2), "passage": np.full(2, -1)}


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: Expression("a*x**2", ("x",), {"a": 1.0}), Expression("a*x**2", ("x",), {"a": 2.0})),
        (lambda: Quadratic.from_matrix(np.eye(2)), Quadratic.from_matrix(3 * np.eye(2))),
        (
            lambda: State.from_arrays(ARRAYS | {"vector_position": np.zeros((1, 2))}),
            State.from_arrays(ARRAYS | {"vector_position": np.ones((1, 2))}),
        ),
        (lambda: replace(SCHEMES["baoab"]), SCHEMES["heavy_ball"]),
        (lambda: IsotropicNoise(0.5), IsotropicNoise(0.6)),
        (lambda: DiagonalNoise((0.5, 0.1)), DiagonalNoise((0.1, 0.5))),
        (lambda: FullNoise(np.eye(2)), FullNoise(2 * np.eye(2))),
        (lambda: FullNoise([[1.0, 0.0], [0.0, 1.0]]), FullNoise(np.eye(2), scale=2.0)),
        (lambda: LowRankNoise(np.ones((2, 1))), LowRankNoise(np.zeros((2, 1)))),
        (lambda: PositionDependentNoise("s*x", {"s": 1.0}), PositionDependentNoise("s*x", {"s": 2.0})),
        (lambda: Record(steps=[1], basins={"a": "x > 0"}), Record(steps=[1], basins={"b": "x > 0"})),
        (lambda: Record(histograms={"x": (0, 1, 2)}), Record(histograms={"x": [0, 1, 3]})),
    ],
)
def test_the_same_contents_are_equal_and_hash_alike(make, other):
    first, second = make(), make()
    assert first == second
    assert hash(first) == hash(second)
    assert {first: "found"}[second] == "found"
    assert first != other
    assert first != "something else"


def test_the_order_of_parameters_does_not_matter_and_what_was_computed_neither():
    first = Expression("a*x**2 + b*x", ("x",), {"a": 1.0, "b": 2.0})
    second = Expression("a*x**2 + b*x", ("x",), {"b": 2.0, "a": 1.0})
    first.hessian_at([1.0])
    assert first == second
    assert hash(first) == hash(second)
