"""What a caller's function returns to a law is real numbers, one a point, or refused with the mend."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.theory import escape, finite_volumes, markov_chain

GRID = np.linspace(-3.0, 3.0, 61)
FAULTS = {
    "masked": (lambda x: np.ma.masked_greater(np.array(x), 0.0), "masked entries; fill them"),
    "complex": (lambda x: np.array(x) + 0j, "real numbers, not complex128; give the .real part"),
    "text": (lambda x: np.full(np.shape(x), "a"), "real numbers"),
    "shape": (lambda x: np.ones(7), "shape .7,."),
    "nothing": (lambda x: None, "."),
}
DOORS = {
    "chain": lambda own: markov_chain.euler_maruyama_chain(own, 0.5, 0.1, GRID),
    "noise of a chain": lambda own: markov_chain.euler_maruyama_chain(lambda x: x, own, 0.1, GRID),
    "passage": lambda own: escape.mean_first_passage_time_1d(own, 0.5, 0.0, 1.0, -2.0),
    "rates": lambda own: finite_volumes.discretise(own, 0.5, (GRID,)),
    "noise of rates": lambda own: finite_volumes.discretise(lambda x: -x, own, (GRID,)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_number_a_point_is_refused(door, fault):
    own, told = FAULTS[fault]
    with pytest.raises(UserError, match=told):
        DOORS[door](own)


@pytest.mark.parametrize("kind", [list, np.float32, lambda x: np.asarray(x, ">f8")])
def test_numbers_of_any_kind_are_the_same(kind):
    force = GRID if kind is not np.float32 else GRID.astype(np.float32).astype(float)
    expected = markov_chain.euler_maruyama_chain(lambda x: force, 0.5, 0.1, GRID).matrix
    found = markov_chain.euler_maruyama_chain(lambda x: kind(x), 0.5, 0.1, GRID).matrix
    assert np.array_equal(expected.toarray(), found.toarray())
