"""A function in two parts has the values of the whole, and what is held is never written into."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training.fixed_arguments import depending
from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.network import Network
from langevin_sgd.training.prepared import Prepared
from langevin_sgd.training.tracing import Recorded, trace

ROWS, SAMPLES, CLASSES = 3, 5, 4
MODULES = {
    "tanh": lambda: nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, CLASSES)),
    "relu": lambda: nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, CLASSES)),
    "in place": lambda: nn.Sequential(nn.Linear(7, 6), nn.ReLU(inplace=True), nn.Linear(6, CLASSES)),
    "gelu": lambda: nn.Sequential(nn.Linear(7, 6), nn.GELU(), nn.Linear(6, CLASSES)),
    "sigmoid": lambda: nn.Sequential(nn.Linear(7, 6), nn.Sigmoid(), nn.Linear(6, CLASSES, bias=False)),
    "norm": lambda: nn.Sequential(nn.Linear(7, 6), nn.LayerNorm(6), nn.Softplus(), nn.Linear(6, CLASSES)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 7)), nn.Conv1d(1, 3, 3), nn.Tanh(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, CLASSES)
    ),
}
MAKE = {
    "hessian": functions.hessian_product,
    "second_moment": functions.second_moment_product,
    "samples": functions.slope_and_curvature,
}


def arguments(network: Network, seed: int = 0) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The fixed arguments and the directions of a few rows."""
    generator = torch.Generator().manual_seed(seed)
    weights, vectors = (torch.randn(ROWS, network.size, generator=generator).double() for _ in range(2))
    inputs = torch.randn(ROWS, SAMPLES, 7, generator=generator).double()
    labels = torch.randint(0, CLASSES, (ROWS, SAMPLES), generator=generator)
    shares = torch.rand(ROWS, SAMPLES, generator=generator).double()
    return [*network.parameters(weights), inputs, labels, shares], network.parameters(vectors)


def traced(network: Network, make: str, fixed: list[torch.Tensor], direction: list[torch.Tensor]) -> Recorded:
    count = len(network.shapes)
    function = torch.func.vmap(MAKE[make](network, CROSS_ENTROPY))
    places = range(count, 2 * count)
    return trace(function, *fixed[:count], *direction, *fixed[count:], varying=places)


@pytest.mark.covering
@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("name", MODULES)
def test_the_parts_together_are_the_whole(name: str, make: str):
    torch.manual_seed(0)
    network = Network.of(MODULES[name](), dtype=torch.float64)
    fixed, direction = arguments(network)
    count = len(network.shapes)
    function = traced(network, make, fixed, direction)
    held = function.first(fixed)
    before = [each.clone() for each in held]
    found = [function.rest(held, direction, fixed) for _ in range(2)]
    assert all(map(torch.equal, *found))  # nothing that is held was written into
    assert all(map(torch.equal, held, before))
    whole = torch.func.vmap(MAKE[make](network, CROSS_ENTROPY))(*fixed[:count], *direction, *fixed[count:])
    for part, expected in zip(found[0], whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-11, atol=1e-12)
    other = arguments(network, seed=1)[1]
    again = torch.func.vmap(MAKE[make](network, CROSS_ENTROPY))(*fixed[:count], *other, *fixed[count:])
    for part, expected in zip(function.rest(held, other, fixed), again, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-11, atol=1e-12)


def test_the_rest_has_no_pass_through_the_network():
    """Of a network of two layers: two products of the first one and six of the second, and no activations."""
    torch.manual_seed(0)
    network = Network.of(nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, CLASSES)), dtype=torch.float64)
    function = traced(network, "hessian", *arguments(network))
    count = len(network.shapes)
    names = [
        node.target.__name__
        for node in depending(function.graph, range(count, 2 * count))
        if node.op == "call_function"
    ]
    products = sum(name in {"bmm", "baddbmm", "baddbmm_"} for name in names)
    elementwise = sum(name in {"mul", "mul_"} for name in names)
    assert (products, elementwise) == (8, 4)  # a slope there and back, a curvature, and the weights of samples
    assert not {"tanh", "softmax", "scatter_add"} & set(names)


def test_fixed_factors_are_multiplied_beforehand():
    def function(v: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return ((v * a) * b, v * v * a)

    v, a, b = torch.randn(3), torch.randn(3), torch.randn(3)
    recorded = trace(function, v, a, b, varying=[0])
    held = recorded.first([a, b])
    assert any(torch.equal(each, a * b) for each in held)
    for found, expected in zip(recorded.rest(held, [v], [a, b]), function(v, a, b), strict=True):
        torch.testing.assert_close(found, expected)


def test_only_what_nobody_else_reads_is_written_over():
    def function(v: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, ...]:
        twice, once, turned, told = v @ a, a @ v, (v @ a @ a).T, v @ v
        later, part = v @ v.T, (a @ v @ a)[1:]
        results = twice * a, twice + a, once * a, turned * a, v * a, (v * v.T) - once, told * a, told
        return *results, later * a, later.T @ a, part, (a @ v @ a) * a

    v, a = torch.randn(4, 4), torch.randn(4, 4)
    recorded = trace(function, v, a, varying=[0])
    given = v.clone(), a.clone()
    held = recorded.first([a])
    for _ in range(2):
        for found, expected in zip(recorded.rest(held, [v], [a]), function(*given), strict=True):
            torch.testing.assert_close(found, expected)
    assert torch.equal(v, given[0])
    assert torch.equal(a, given[1])


def test_a_function_that_writes_in_place_is_left_whole():
    def function(v: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, ...]:
        kept = a.clone()
        kept.add_(v)
        return kept * 2.0, a + v

    v, a = torch.randn(3), torch.randn(3)
    recorded = trace(function, v, a, varying=[0])
    held = recorded.first([a])
    for _ in range(2):
        for found, expected in zip(recorded.rest(held, [v], [a]), function(v, a), strict=True):
            assert torch.equal(found, expected)


def test_a_function_without_varying_arguments_has_no_parts():
    recorded = trace(lambda x: (x + 1,), torch.ones(2))
    with pytest.raises(LookupError, match="for no varying arguments"):
        recorded.first([torch.ones(2)])


class Counted:
    """A function in parts that tells how often the first one is made."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded, self.made = recorded, 0

    def first(self, fixed):
        self.made += 1
        return self.recorded.first(fixed)

    def rest(self, made, varying, fixed):
        return self.recorded.rest(made, varying, fixed)


def test_what_is_held_is_bounded_and_changes_no_bit():
    """Of each of two chunks the square of nine doubles, 72 bytes, is held, and arguments themselves do not count."""
    recorded = trace(lambda v, a: (v * a.square() + a,), torch.randn(9).double(), torch.randn(9).double(), varying=[0])
    chunks = [[torch.randn(9).double()] for _ in range(2)]
    v, results = torch.randn(9).double(), []
    for most, made in ((0, 6), (143, 6), (144, 2)):
        function = Counted(recorded)
        prepared = Prepared(function, chunks, most=most)  # type: ignore[arg-type]
        results.append(np.array([[prepared(chunk, v)[0].numpy() for chunk in range(2)] for _ in range(3)]))
        assert function.made == made, most
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
