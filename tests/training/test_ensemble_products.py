"""Products of many rows at once: each against its own matrix, and with the bits that it has beside any others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from langevin_sgd.training import curvature
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble_products import EnsembleProducts, Products, SampleProducts
from langevin_sgd.training.losses import functions
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

KINDS: dict[str, Callable[[Instruments], EnsembleProducts]] = {
    "hessian": EnsembleProducts,
    "second_moment": partial(EnsembleProducts, make=functions.second_moment_product),
    "samples": SampleProducts,
}


def instruments(inputs: int, hidden: int, outputs: int, samples: int, workers: Workers) -> Instruments:
    generator = np.random.default_rng(1)
    torch.manual_seed(0)
    layers = torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)
    network = Network.of(torch.nn.Sequential(*layers), dtype=torch.float64)
    drawn = generator.normal(size=(samples, inputs)), generator.integers(outputs, size=samples)
    data = Samples.of(*drawn, dtype=torch.float64)
    return Instruments(network, data, None, weight_decay=0.0, workers=workers)


ODD, EVEN = (3, 5, 3, 37), (12, 8, 4, 300)


@pytest.mark.parametrize(("kind", "sizes"), [*((kind, ODD) for kind in KINDS), ("hessian", EVEN)])
def test_a_row_has_the_same_bits_beside_any_others(kind: str, sizes: tuple[int, int, int, int]):
    with Workers(2) as workers:
        given = instruments(*sizes, workers)
        products = KINDS[kind](given)
        d, generator = given.network.size, np.random.default_rng(2)
        weights, vectors, others = (generator.normal(size=(19, d)) for _ in range(3))
        whole = products(weights, vectors)
        one = KINDS[kind](given)
        np.testing.assert_array_equal(one(weights[:1], vectors[:1]), whole[:1])
        assert set(one._traced) == {2}  # it does not take the time of eight
        for rows in (2, 3, 8, 9, 17):
            np.testing.assert_array_equal(products(weights[:rows], vectors[:rows]), whole[:rows], err_msg=str(rows))
        others[3], along = weights[3], np.array(others[::-1])
        along[3] = vectors[3]
        np.testing.assert_array_equal(products(others, along)[3], whole[3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 5, 19])
def test_products_in_blocks_have_the_bits_of_all_at_once(kind: str, threads: int, rows: int, monkeypatch):
    """At every call, with what is held of the weights or without, and where memory is for two rows at a time."""
    with Workers(threads) as workers:
        given = instruments(*ODD, workers)
        products = KINDS[kind](given)
        generator = np.random.default_rng(2)
        weights, *vectors = (generator.normal(size=(rows, given.network.size)) for _ in range(3))
        expected = [products(weights, each) for each in vectors]

        def of(block: slice, product: Products, most: int) -> list[list[np.ndarray]]:
            assert block.stop - block.start <= most
            found = [product(each[block]) for each in (vectors[0], vectors[1], vectors[0])]
            np.testing.assert_array_equal(found[0], found[2])
            return [list(each) for each in zip(*found[:2], strict=True)]

        for most, numbers, held in ((8, 1, 1 << 30), (8, 1, 0), (2, 1 << 28, 1 << 30)):
            monkeypatch.setattr("langevin_sgd.training.prepared.MOST", held)
            found = products.in_blocks(weights, partial(of, most=most), numbers=numbers)
            for each, whole in zip(zip(*found, strict=True), expected, strict=True):
                np.testing.assert_array_equal(np.array(each), whole)


def test_what_is_held_belongs_to_its_own_weights():
    with Workers(2) as workers:
        given = instruments(*ODD, workers)
        products = EnsembleProducts(given)
        weights, vectors = np.random.default_rng(2).normal(size=(2, 9, given.network.size))
        for at in (weights, -weights):
            found = products.in_blocks(at, lambda block, product: list(product(vectors[block])), numbers=1)
            for row in (0, 8):
                exact = curvature.hessian(given.loss, at[row]) @ vectors[row]
                np.testing.assert_allclose(found[row], exact, rtol=1e-9, atol=1e-12)


def test_products_are_those_with_the_full_hessian():
    with Workers(1) as workers:
        given = instruments(4, 3, 3, 50, workers)
        generator = np.random.default_rng(2)
        weights, vectors = (generator.normal(size=(3, given.network.size)) for _ in range(2))
        found = EnsembleProducts(given)(weights, vectors)
        for row in range(3):
            exact = curvature.hessian(given.loss, weights[row]) @ vectors[row]
            np.testing.assert_allclose(found[row], exact, rtol=1e-9, atol=1e-12)
