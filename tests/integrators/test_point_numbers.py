"""Points of a scan and the numbers that tell them apart in the random stream."""

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise


def _run(temperatures: list[float], numbers: list[int] | None) -> Integration:
    return integrate(
        Expression("x**2/2", ("x",)), IsotropicNoise(0.1), time_step=0.1, steps=5, trajectories=3, start=[1.0],
        scan=[{"temperature": each} for each in temperatures], point_numbers=numbers,
        record=Record(steps=[5], each=["x"]),
    )  # fmt: skip


def test_a_point_has_the_noise_of_its_number_whatever_runs_with_it() -> None:
    four, two = _run([0.1, 0.2, 0.3, 0.4], None).data["x"], _run([0.4, 0.2], [3, 1]).data["x"]
    np.testing.assert_array_equal(two, four.isel(point=[3, 1]))


def test_every_point_needs_a_number() -> None:
    with pytest.raises(IntegrationError, match="2 points and 1 numbers"):
        _run([0.1, 0.2], [0])
