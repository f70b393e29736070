"""What the laws refuse before anything is compared."""

import numpy as np
import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.laws.linear_process import LinearProcess


def laws(noise: float, *, learning_rate: float = 0.1) -> LinearProcess:
    return LinearProcess(
        np.array([1.0]), np.array([[noise]]), Sgd(learning_rate=learning_rate, batch_size=4), "discrete"
    )


@pytest.mark.parametrize("noise", [1e-180, 1e-130])
def test_a_variance_whose_square_underflows_is_no_noise(noise):
    with pytest.raises(UserError, match="no noise to compare with"):
        laws(noise).refuse_unstable()


@pytest.mark.parametrize("noise", [1e130, 1e300])
def test_a_variance_whose_square_overflows_is_told_in_one_line(noise):
    with pytest.raises(UserError, match="too large for double precision") as error:
        laws(noise).refuse_unstable()
    assert "\n" not in error.value.render()


@pytest.mark.parametrize("noise", [1e-100, 1.0, 1e100])
def test_everything_between_is_taken(noise):
    given = laws(noise)
    given.refuse_unstable()
    assert 0 < np.trace(given.covariance("discrete")) ** 2 < np.inf
