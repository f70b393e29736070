"""Bins of modes: sharpest first, and none of fewer modes than are asked for."""

import itertools

import numpy as np

from langevin_sgd.checks.modes import eigenvalue_bins

K = np.array([8.0, 4.0, 1.0, 0.9, 0.5, 0.1, 0.09, 0.08, 0.0101, 0.01])
NOISY = np.ones(K.size, dtype=np.bool_)


def test_small_bins_join_the_next_flatter_one_and_the_last_the_one_before():
    sizes = [[int(mask.sum()) for mask in eigenvalue_bins(K, NOISY, 5, fewest=fewest)] for fewest in (1, 3, 20)]
    assert sizes == [[2, 2, 1, 3, 2], [4, 6], [10]]
    for masks in (eigenvalue_bins(K, NOISY, 5, fewest=3), eigenvalue_bins(K, NOISY, 5)):
        assert (np.sum(masks, axis=0) == 1).all()
        assert all(K[sharper].min() > K[flatter].max() for sharper, flatter in itertools.pairwise(masks))
