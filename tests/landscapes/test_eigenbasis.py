"""The eigenbasis: sorted, complete, and with signs that rounding does not choose."""

from __future__ import annotations

import numpy as np

from langevin_sgd.landscapes.eigenbasis import canonical_signs, eigenbasis


def test_it_rebuilds_the_matrix_and_is_sorted():
    a = np.random.default_rng(0).normal(size=(7, 7))
    matrix = a + a.T
    values, vectors = eigenbasis(matrix)
    np.testing.assert_allclose((vectors * values) @ vectors.T, matrix, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(7), atol=1e-12)
    assert (np.diff(values) <= 0).all()


def test_signs_do_not_depend_on_those_found_nor_on_rounding_where_two_entries_are_as_large():
    root = np.sqrt(0.5)
    vectors = np.array([[root, root, 0.6], [-root, root, -0.8]])
    found = canonical_signs(vectors)
    np.testing.assert_array_equal(found, [[root, root, -0.6], [-root, root, 0.8]])
    shaken = -vectors * np.array([[1.0], [1.0 + 1e-15]])
    np.testing.assert_allclose(canonical_signs(shaken), found, rtol=1e-14)
    _, axes = eigenbasis([[2.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(axes, [[root, root], [root, -root]])
